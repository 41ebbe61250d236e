/** The lines that the servers are measured over. */
import type { LineConditions } from '../../../io/memory/line.ts';
import { UsageError } from '../../vnet/cli/failures.ts';

export interface BenchLine {
  readonly name: string;
  /** In the table and the plot: delay there and back, loss each way, rate each way. */
  readonly title: string;
  /** Of each direction; undefined: a direct cable. */
  readonly conditions?: LineConditions;
}

/** `delay` is one way: half of what the name says. Where a line has a rate, its queue of 50 ms is the laboratory's own. */
export const LINES: readonly BenchLine[] = [
  { name: 'lan', title: 'LAN: direct veth' },
  { name: '5ms', title: '5 ms, 0 %, 500 Mbit/s', conditions: { delay: 2.5, rate: 500 } },
  {
    name: '30ms',
    title: '30 ms, 0.5 %, 200 Mbit/s',
    conditions: { delay: 15, loss: 0.005, rate: 200 },
  },
  { name: '80ms', title: '80 ms, 1 %, 200 Mbit/s', conditions: { delay: 40, loss: 0.01, rate: 200 } },
  {
    name: 'lossy',
    title: '30 ms, 3 %, 200 Mbit/s',
    conditions: { delay: 15, loss: 0.03, rate: 200 },
  },
  {
    name: 'narrow',
    title: '20 ms, 0 %, 20 Mbit/s, queue 100 ms',
    conditions: { delay: 10, rate: 20, queue: 100 },
  },
];

/** Milliseconds there and back. */
export const lengthOf = ({ conditions }: BenchLine): number => 2 * (conditions?.delay ?? 0);

/** The lines named, parted by commas, in the order of the table; all of them when left out. @throws UsageError */
export function chosenLines(text: string | undefined): readonly BenchLine[] {
  if (text === undefined) return LINES;
  const names = text.split(',');
  const known = LINES.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`--lines knows ${known.join(', ')}, not "${unknown}"`);
  return LINES.filter(({ name }) => names.includes(name));
}
