/** The table for people. */
import { type Column, table } from '../../vnet/cli/table.ts';
import { headline } from '../report.ts';
import type { Figures } from '../summary.ts';
import { wiresInWords } from './congestion.ts';
import type { WanLineResult, WanResult, WanSetting, WanTunnelResult } from './result.ts';
import { INNER_CONGESTION, type WanSample } from './round.ts';

const COLUMNS: readonly Column[] = [
  { title: '' },
  { title: 'wires' },
  ...[
    '1 stream → / ← Mbit/s',
    '4 streams → / ← Mbit/s',
    'ping idle ms med / p99',
    'ping beside 1 → ms med / p99',
    'CPU s/GB → / ←',
    'others %',
  ].map((title) => ({ title, align: 'right' as const })),
];

/** The whole report as text: what it was measured on, a table, what went wrong. */
export function reportLines({ setting, lines }: WanResult): string {
  const rounds = Math.max(0, ...lines.flatMap(({ tunnels }) => tunnels.map(({ samples }) => samples.length)));
  const how = `medians of ${rounds} rounds, streams of ${setting.lengths.seconds} s under ${INNER_CONGESTION}`;
  const head = headline(setting, how).trimEnd();
  const wrong = lines.flatMap(({ title, tunnels }) =>
    tunnels.flatMap((tunnel) => tunnel.failures.map((why) => `${title}: ${tunnel.title}: failed: ${why}\n`)),
  );
  return `${head}\n${congestionLine(setting, lines)}\n${table(COLUMNS, lines.flatMap(rows))}${wrong.length === 0 ? '' : `\n${wrong.join('')}`}`;
}

function congestionLine({ congestion, loadAverage }: WanSetting, lines: readonly WanLineResult[]): string {
  const all = lines.flatMap(({ tunnels }) => tunnels.flatMap(({ wires }) => wires));
  const used = all.length === 0 ? 'none measured' : [...new Set(all)].sort().join(', ');
  return (
    `congestion control of the wires: ${used}; the kernel's default ${congestion.default}, ` +
    `without CAP_NET_ADMIN allowed ${congestion.allowed.join(', ')}\n` +
    `delays there and back, loss and rate each way; load average of the machine at the start: ${loadAverage.toFixed(1)}\n`
  );
}

function rows({ title, tunnels }: WanLineResult): string[][] {
  return [[title], ...tunnels.map(row), []];
}

function row({ title, summary, wires }: WanTunnelResult): string[] {
  const name = `  ${title}`;
  if (summary.rounds === 0) return [name, ...COLUMNS.slice(1).map(() => '–')];
  const { median } = summary;
  const tunnelled = wires.length > 0;
  return [
    name,
    tunnelled ? wiresInWords(wires) : '–',
    pair(median, 'oneThere', 'oneBack', 1),
    pair(median, 'fourThere', 'fourBack', 1),
    pair(median, 'idleMedian', 'idleP99', 1, 1e3),
    pair(median, 'besideMedian', 'besideP99', 1, 1e3),
    tunnelled ? pair(median, 'cpuThere', 'cpuBack', 1) : '–',
    one(median.foreign, 0, 0.01),
  ];
}

const one = (value: number | undefined, digits: number, scale: number): string =>
  value === undefined ? '–' : (value / scale).toFixed(digits);

function pair(
  median: Figures<WanSample>,
  first: keyof WanSample,
  second: keyof WanSample,
  digits: number,
  scale = 1,
): string {
  return `${one(median[first], digits, scale)} / ${one(median[second], digits, scale)}`;
}
