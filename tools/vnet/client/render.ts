/** Answers of a server as text for people. */
import { type Column, pairs, table, tableWidth } from '../cli/table.ts';
import { bitRate, bytes, duration, grouped, microseconds } from '../cli/units.ts';
import type { DataAnswer } from './conversation.ts';

/** Width in columns that text has to keep to; undefined: as wide as it likes. */
export type Width = number | undefined;

const left = (title: string): Column => ({ title });
const right = (title: string): Column => ({ title, align: 'right' });

const DEVICE_COLUMNS = [
  left('DEVICE'),
  left('KIND'),
  left('MAC'),
  right('MTU'),
  left('STATE'),
  left('BACKENDS'),
  left('LOCAL'),
  right('HANDLERS'),
];

export function renderDevices(data: readonly DataAnswer[], columns: Width): string {
  if (data.length === 0) return 'This server has no interface but loopback.\n';
  const rows = data.map(({ words, fields: f }) => [
    words[0] ?? '',
    f.kind ?? '',
    f.mac ?? '',
    f.mtu ?? '',
    f.state ?? '',
    f.backends ?? '',
    f.local ?? '',
    f.handlers ?? '',
  ]);
  return tableOrCards(DEVICE_COLUMNS, rows, columns);
}

/** A table where it fits, else a few lines for each row. */
function tableOrCards(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: Width,
): string {
  if (width === undefined || tableWidth(columns, rows) <= width) return table(columns, rows);
  const card = ([first = '', ...rest]: readonly string[]) =>
    `${first}\n${pairs(
      rest.map((cell, index) => [columns[index + 1]?.title.toLowerCase() ?? '', cell] as const),
      '  ',
    )}`;
  return rows.map(card).join('');
}

const HANDLER_COLUMNS = [
  left('HANDLER'),
  left('STATE'),
  left('SIDE'),
  left('PEER'),
  left('HERE'),
  left('THERE'),
  left('MACS'),
  right('RX'),
  right('TX'),
  right('DROPPED'),
  right('RTT'),
  left('SINCE'),
];

export function renderHandlers(data: readonly DataAnswer[], width: Width): string {
  if (data.length === 0)
    return 'No Handler stands on this server. `vnet handle --help` tells how to open one.\n';
  const rows = data.map(({ words, fields: f }) => [
    words[0] ?? '',
    stateOf(f),
    f.side ?? '',
    f.peer ?? '',
    `${f.local_device} ${f.local_config}`,
    `${f.remote_device} ${f.remote_config}`,
    someOf(f.macs ?? ''),
    bytes(Number(f.rx_bytes)),
    bytes(Number(f.tx_bytes)),
    grouped(Number(f.dropped)),
    roundTrip(f.rtt_us),
    f.since ?? '',
  ]);
  if (width === undefined || tableWidth(HANDLER_COLUMNS, rows) <= width) return table(HANDLER_COLUMNS, rows);
  return data.map(handlerCard).join('\n');
}

/** With what brought it there, where it does not carry. */
function stateOf({ state = '', why }: DataAnswer['fields']): string {
  return why === undefined ? state : `${state} (${why})`;
}

function roundTrip(micros: string | undefined): string {
  return micros === undefined || !/^\d+$/.test(micros) ? '-' : microseconds(Number(micros));
}

/** The first of a list, and how many more there are. */
function someOf(list: string): string {
  const [first = '', ...more] = list.split(',');
  return more.length === 0 ? first : `${first} +${more.length}`;
}

function handlerCard({ words, fields: f }: DataAnswer): string {
  const traffic = (frames: string | undefined, size: string | undefined) =>
    `${grouped(Number(frames))} frames, ${bytes(Number(size))}`;
  return `${words[0]}\n${pairs(
    [
      ['state', `${stateOf(f)}, ${f.side}, since ${f.since}`],
      ['peer', `${f.peer}, round trip ${roundTrip(f.rtt_us)}`],
      ['here', `${f.local_device} as ${f.local_config}`],
      ['there', `${f.remote_device} as ${f.remote_config}`],
      ['macs', someOf(f.macs ?? '')],
      ['rx', `${traffic(f.rx_frames, f.rx_bytes)} (from the peer)`],
      ['tx', `${traffic(f.tx_frames, f.tx_bytes)} (to the peer)`],
      ['dropped', grouped(Number(f.dropped))],
    ],
    '  ',
  )}`;
}

const STAT_COLUMNS = [left('COUNTER'), right('VALUE'), right('')];

export function renderStats(data: readonly DataAnswer[]): string {
  const rows = data.map(({ words: [name = '', value = ''] }) => [
    name,
    /^\d+$/.test(value) ? grouped(Number(value)) : value,
    /^\d+$/.test(value) ? inUnits(name, Number(value)) : '',
  ]);
  return table(STAT_COLUMNS, rows);
}

/** The same again where the plain number is hard to read. */
function inUnits(name: string, value: number): string {
  if (name.endsWith('_bytes') || name.endsWith('_unsent')) return value >= 1024 ? bytes(value) : '';
  if (name.endsWith('_us')) return microseconds(value);
  return name.endsWith('_rate') && value >= 1000 ? bitRate(value) : '';
}

export function renderStatus(data: readonly DataAnswer[]): string {
  return pairs(
    data.map(({ words: [key = '', ...rest] }) => {
      const value = rest.join(' ');
      return [key, key === 'uptime' && /^\d+$/.test(value) ? duration(Number(value)) : value] as const;
    }),
  );
}
