import { declare, type Values } from '../vnet/cli/declaration.ts';
import { UsageError } from '../vnet/cli/failures.ts';
import { chosenPairs, PAIRS, type Pair, pairName, readSize } from './pairs.ts';
import { DIRECT, VARIANTS, type Variant } from './variants.ts';
import { type BenchLine, chosenLines, LINES } from './wan/lines.ts';
import { readTunnels, TUNNELS } from './wan/tunnels.ts';

export interface Options {
  readonly reps: number;
  readonly seconds: number;
  readonly pings: number;
  /** Direct veth is always among them, as the first. */
  readonly variants: readonly Variant[];
  readonly json: string | undefined;
  readonly svg: string | undefined;
  /** Number of idle Handlers to measure in place of everything else. */
  readonly handlers: number | undefined;
  /** What to send over each pair, in place of everything else. */
  readonly transfer: { readonly bytes: number; readonly pairs: readonly Pair[] } | undefined;
  /** Lines with a length to measure over, and names of what to lay over them, in place of everything else. */
  readonly wan:
    | { readonly lines: readonly BenchLine[]; readonly tunnels: readonly string[] | undefined }
    | undefined;
}

const NAMES = VARIANTS.map(({ name }) => name);
/** What is measured when nothing is chosen: this program. */
const OURS = VARIANTS.filter(({ relay }) => relay === undefined);

export const BENCH = declare({
  name: 'bench',
  call: 'npm run bench --',
  about: 'measure this program against a direct virtual cable',
  description: [
    'Measures this program against a direct virtual cable, in network namespaces of its own: TCP both ways, a flood of 64-byte UDP datagrams, ping idle and while a TCP stream runs, CPU time and memory. Every round measures each variant once; the table shows medians, and ratios to direct veth of the same round. Only ratios within one run compare.',
    'About 25 s for each variant and round; with --wan 50 s for each line, tunnel and round.',
  ],
  arguments: [],
  options: {
    reps: { value: 'N', text: 'rounds', otherwise: '3' },
    seconds: { value: 'N', text: 'length of each TCP stream and of the flood', otherwise: '3, with --wan 5' },
    pings: { value: 'N', text: 'echo requests of each ping', otherwise: '1000, with --wan 200' },
    only: {
      value: 'NAMES',
      text: `of ${NAMES.join(', ')}; ${DIRECT} is always measured; relay, relay2 and bare only when they are named: programs that do nothing but copy between a TAP and TCP, in the place of the servers, in C++ with one thread, with two, and in Node`,
    },
    json: { value: 'FILE', kind: 'file', text: 'writes every sample too' },
    svg: { value: 'FILE', kind: 'file', text: 'writes a picture too' },
    handlers: { value: 'N', text: 'measures what N idle Handlers cost a server, and nothing else' },
    transfer: {
      value: 'SIZE',
      text: `sends SIZE (256MiB, 10GiB) by TCP over each pair of backends, each way, compares the SHA-256 of what was sent and received and looks at the kernel's counters of wrong checksums, and nothing else; with it, --only takes ${PAIRS.map(pairName).join(', ')}`,
    },
    wan: {
      text: `measures over lines with a length, and nothing else: one TCP stream and four, each way, under CUBIC, as a machine has it that is told nothing; ping idle and beside a stream; CPU time for each GB; the congestion control that the wires have. A line is a program between two TAPs that delays, loses and queues frames: at 500 Mbit/s it takes half a core. With it, --only takes ${TUNNELS.map(({ name }) => name).join(', ')}: the line itself, which is always measured, and a Handler over it with the wires that the server takes by itself, with one, with four; left out: one and four where servers can have several, else one column for each scheme`,
    },
    lines: {
      value: 'NAMES',
      text: `with --wan, of ${LINES.map(({ name, title }) => `${name} (${title})`).join('; ')}; delays there and back, loss and rate each way`,
    },
  },
  exit: [
    [0, 'measured'],
    [1, 'a variant failed, or a transfer did not arrive whole'],
    [2, 'wrong usage'],
    [77, 'without the rights'],
  ],
});

/** Options that go with --wan. */
const WITH_WAN = ['reps', 'seconds', 'pings', 'only', 'lines', 'json', 'svg'];

/** @throws UsageError */
export function readOptions(values: Values<typeof BENCH.options>): Options {
  const { transfer, wan = false } = values;
  if (transfer !== undefined) alone('transfer', Object.keys(values), ['only', 'json']);
  if (wan) alone('wan', Object.keys(values), WITH_WAN);
  else if (values.lines !== undefined) throw new UsageError('--lines means nothing without --wan');
  return {
    reps: count('--reps', values.reps) ?? 3,
    seconds: count('--seconds', values.seconds) ?? (wan ? 5 : 3),
    pings: count('--pings', values.pings) ?? (wan ? 200 : 1000),
    variants: transfer === undefined && !wan ? chosen(values.only) : [],
    json: values.json,
    svg: values.svg,
    handlers: count('--handlers', values.handlers),
    transfer:
      transfer === undefined
        ? undefined
        : { bytes: readSize('--transfer', transfer), pairs: chosenPairs(values.only) },
    wan: wan ? { lines: chosenLines(values.lines), tunnels: readTunnels(values.only) } : undefined,
  };
}

function alone(name: string, given: readonly string[], allowed: readonly string[]): void {
  const other = given.find((each) => each !== name && !allowed.includes(each));
  if (other !== undefined) throw new UsageError(`--${other} means nothing with --${name}`);
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 10_000) {
    throw new UsageError(`${name} takes a whole number from 1 to 10000, not "${text}"`);
  }
  return value;
}

function chosen(only: string | undefined): readonly Variant[] {
  if (only === undefined) return OURS;
  const names = only.split(',');
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only knows ${NAMES.join(', ')}, not "${unknown}"`);
  return VARIANTS.filter(({ name }) => name === DIRECT || names.includes(name));
}
