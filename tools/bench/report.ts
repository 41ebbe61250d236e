/** The table for people, and the file for programs. */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { type Column, table } from '../vnet/cli/table.ts';
import type { Lengths, Sample } from './round.ts';
import { type Rounds, type Summary, summarize } from './summary.ts';
import type { Variant } from './variants.ts';

/** On what and when it was measured: figures of two machines, or of two moments, do not compare. */
export interface Place {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly congestionControl: string;
  readonly command: string;
}

export interface Setting extends Place {
  readonly lengths: Lengths;
}

export function setting(command: string, lengths: Lengths): Setting {
  return { ...place(command), lengths };
}

export function place(command: string): Place {
  const cc = readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  return {
    date: new Date().toISOString().slice(0, 19).concat('Z'),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    congestionControl: cc,
    command,
  };
}

export interface Result {
  readonly setting: Setting;
  readonly variants: readonly {
    readonly name: string;
    readonly title: string;
    readonly summary: Summary;
    readonly samples: readonly (Sample | null)[];
    /** Why rounds of it failed. */
    readonly failures: readonly string[];
  }[];
}

export function result(
  where: Setting,
  variants: readonly Variant[],
  rounds: Rounds,
  failures: ReadonlyMap<string, readonly string[]>,
): Result {
  return {
    setting: where,
    variants: variants.map(({ name, title }) => ({
      name,
      title,
      summary: summarize(rounds, name),
      samples: (rounds.get(name) ?? []).map((sample) => sample ?? null),
      failures: failures.get(name) ?? [],
    })),
  };
}

const COLUMNS: readonly Column[] = [
  { title: '' },
  ...[
    'TCP → Mbit/s',
    '× direct',
    'TCP ← Mbit/s',
    '× direct',
    'UDP 64 B k/s',
    'ping µs med / p99',
    'ping loaded ms med / p99',
    'CPU s/GB → / ←',
    'RSS MB',
    'others %',
  ].map((title) => ({ title, align: 'right' as const })),
];

function number(value: number | undefined, digits: number, scale = 1): string {
  return value === undefined ? '–' : (value / scale).toFixed(digits);
}

function row(title: string, { rounds, median, ratio }: Summary, relayed: boolean): string[] {
  if (rounds === 0) return [title, ...COLUMNS.slice(1).map(() => '–')];
  const both = (a: string, b: string) => `${a} / ${b}`;
  return [
    title,
    number(median.tcpThere, 0),
    number(ratio.tcpThere, 2),
    number(median.tcpBack, 0),
    number(ratio.tcpBack, 2),
    number(median.udpOut, 1, 1e3),
    both(number(median.pingMedian, 0), number(median.pingP99, 0)),
    both(number(median.loadedMedian, 2, 1e3), number(median.loadedP99, 2, 1e3)),
    relayed ? both(number(median.cpuThere, 2), number(median.cpuBack, 2)) : '–',
    relayed ? number(median.rss, 0, 1e6) : '–',
    number(median.foreign, 0, 0.01),
  ];
}

/** Two lines of text. `how`: what the figures are. */
export function headline(at: Place, how: string): string {
  return (
    `${at.date}  ${at.processor}, ${at.cores} cores  Linux ${at.kernel}  Node ${at.node}  ${at.congestionControl}\n` +
    `${at.command}: ${how}\n\n`
  );
}

/** The whole report as text: what it was measured on, the table, what went wrong. */
export function report({ setting: at, variants }: Result): string {
  const rounds = Math.max(0, ...variants.map(({ samples }) => samples.length));
  const head = headline(at, `medians of ${rounds} rounds, each ratio to direct veth of the same round`);
  const rows = variants.map(({ name, title, summary }) => row(title, summary, name !== 'direct'));
  const wrong = variants.flatMap(({ title, failures }) =>
    failures.map((why) => `${title}: failed: ${why}\n`),
  );
  return `${head}${table(COLUMNS, rows)}${wrong.length === 0 ? '' : `\n${wrong.join('')}`}`;
}
