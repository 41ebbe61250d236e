/** The page of `vnet top` as lines of text: no line is longer, and there are no more of them, than the terminal has. */
import { width } from '../cli/table.ts';
import { bitRate, grouped, microseconds } from '../cli/units.ts';
import { keyOf, ORDERS, type Order, type Row, totals } from './model.ts';

export interface Page {
  readonly servers: readonly string[];
  /** Arranged. */
  readonly rows: readonly Row[];
  /** How many there are without the filter. */
  readonly all: number;
  readonly order: Order;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  readonly paused: boolean;
  /** Key of the selected row. */
  readonly selected: string | undefined;
  /** What is known of the selected Handler: drops by reason, and its wires. */
  readonly detail: readonly string[];
  /** Newest last. */
  readonly transitions: readonly string[];
  /** What went wrong with a server. */
  readonly problem: string | undefined;
  readonly time: string;
}

const INVERSE = ['\x1b[7m', '\x1b[0m'] as const;
const BOLD = ['\x1b[1m', '\x1b[0m'] as const;
const KEYS =
  'q quit  ↑↓ select  / filter  space pause  sort by: n Handler  s state  p peer  r RX  t TX  d drops  l round trip';
const MOST_TRANSITIONS = 5;
const TITLES = ['HANDLER', 'STATE', 'DEVICE', 'PEER', 'RX', 'TX', 'DROPS/s', 'RTT'] as const;

export function render(page: Page, columns: number, lines: number): string[] {
  const head = header(page);
  const foot = footer(page, columns);
  const room = Math.max(0, lines - head.length - foot.length - 1);
  const at = page.rows.findIndex((row) => keyOf(row) === page.selected);
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), page.rows.length - room));
  const shown = page.rows.slice(first, first + room);
  const cells = shown.map(cellsOf);
  const widths = TITLES.map((title, i) => Math.max(width(title), ...cells.map((row) => width(row[i] ?? ''))));
  const line = (row: readonly string[]) => row.map((cell, i) => pad(cell, widths[i] ?? 0, i >= 4)).join('  ');
  const body = shown.map((row, i) => {
    const text = cut(line(cells[i] ?? []), columns);
    return keyOf(row) === page.selected ? paint(INVERSE, text) : text;
  });
  const empty = Array<string>(Math.max(0, room - body.length)).fill('');
  return [
    ...head.map((text) => cut(text, columns)),
    paint(BOLD, cut(line(TITLES), columns)),
    ...body,
    ...empty,
    ...foot,
  ].slice(0, lines);
}

function header({ servers, rows, all, order, filter, typing, paused, problem, time }: Page): string[] {
  const { rx, tx, drops, binary } = totals(rows);
  const some =
    rows.length === all ? `${grouped(all)} Handlers` : `${grouped(rows.length)} of ${grouped(all)} Handlers`;
  const said = typing || filter !== '' ? `  filter: ${filter}${typing ? '_' : ''}` : '';
  return [
    `vnet top  ${time}  ${servers.join(' ')}${paused ? '  PAUSED' : ''}`,
    `${some}, ${grouped(binary)} binary   RX ${rate(rx)}   TX ${rate(tx)}   ${drops.toFixed(0)} drops/s   by ${ORDERS[order].name}${said}`,
    problem ?? '',
  ];
}

function footer({ detail, transitions }: Page, columns: number): string[] {
  return [...detail, ...transitions.slice(-MOST_TRANSITIONS), KEYS].map((text) => cut(text, columns));
}

function cellsOf(row: Row): string[] {
  return [
    row.id.slice(0, 8),
    row.state,
    row.device,
    row.peer,
    rate(row.rxRate),
    rate(row.txRate),
    row.dropRate.toFixed(0),
    row.rtt === undefined ? '-' : microseconds(row.rtt),
  ];
}

const rate = (bits: number): string => (bits < 1000 ? `${bits.toFixed(0)} bit/s` : bitRate(bits));

function pad(text: string, to: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, to - width(text)));
  return right ? blanks + text : text + blanks;
}

/** Control characters of a server's words do nothing to the terminal. */
function cut(text: string, columns: number): string {
  return [...text.replace(/\p{Cc}/gu, '·')].slice(0, columns).join('').trimEnd();
}

const paint = ([on, off]: readonly [string, string], text: string): string => `${on}${text}${off}`;
