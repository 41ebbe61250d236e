/**
 * What the first round trips over a new Handler take, by ping between two TAPs: 500 of them 2 ms apart, a second behind
 * READY, then 150 of them 20 ms apart, when the processor's caches have gone cold in between; and what a server takes
 * after that. Several ways to run a server are started in turn, so that what else goes on in the machine meets all of them.
 *
 *     npm run bench:ping -- [--rounds N] [-- WAY …]
 *
 * A WAY is what is typed behind `node`, in one word, with options of `vnet serve` behind `--`:
 * `"--single-threaded-gc dist/tools/vnet/main.js -- --no-warm-up"`. This build with and without the warm-up when there is none.
 */
import { parseArgs } from 'node:util';
import { pingIdle } from '../bench/probes.ts';
import { memory } from '../bench/processes.ts';
import { median } from '../bench/statistics.ts';
import { type ServerRun, stand } from '../bench/variants.ts';
import { ensurePrivileges } from '../lab/privilege.ts';
import { NODE_OPTIONS, SECRET, VNET } from '../lab/server.ts';

const SERIES = [
  { count: 500, interval: 0.002 },
  { count: 150, interval: 0.02 },
] as const;

/** One start: microseconds, and resident bytes of both servers together. */
interface Figures {
  readonly times: readonly number[];
  readonly resident: number;
}

function readWay(way: string): ServerRun {
  const [command = '', args = ''] = way.split(' -- ', 2);
  return { command: [process.execPath, ...words(command)], args: words(args) };
}

const words = (text: string): string[] => text.split(' ').filter(Boolean);

async function once(run: ServerRun): Promise<Figures> {
  const testbed = await stand(
    { name: 'tap', title: 'TAP, TCP', scheme: 'tcp', backend: 'tap', offload: 'on', run },
    SECRET,
  );
  try {
    const times: number[] = [];
    for (const kind of SERIES) {
      const { median: middle, p99 } = await pingIdle(testbed, kind);
      times.push(middle, p99);
    }
    return { times, resident: memory(testbed.pids, 'VmRSS') };
  } finally {
    testbed.lab.close();
  }
}

function row(way: string, all: readonly Figures[]): string {
  const middle = (of: (figures: Figures) => number) => median(all.map(of)) ?? Number.NaN;
  const [near, nearMost, far, farMost] = SERIES.flatMap((_, at) => [2 * at, 2 * at + 1]).map((at) =>
    middle(({ times }) => times[at] ?? Number.NaN).toFixed(0),
  );
  const each = middle(({ resident }) => resident / 2 / 1e6).toFixed(1);
  return `| ${way} | ${near} / ${nearMost} | ${far} / ${farMost} | ${each} |`;
}

await ensurePrivileges();
const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
const OURS = [...NODE_OPTIONS, VNET].join(' ');
const ways = positionals.length > 0 ? positionals : [`${OURS} -- --no-warm-up`, OURS];
const figures = new Map<string, Figures[]>(ways.map((way) => [way, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  // There and back, so that a drift of the machine hits the first and the last alike.
  for (const way of round % 2 === 0 ? ways : ways.toReversed())
    figures.get(way)?.push(await once(readWay(way)));
}
process.stdout.write(
  '| | 2 ms apart, µs, median / p99 | 20 ms apart | each server, MB |\n| --- | --- | --- | --- |\n',
);
for (const [way, list] of figures) process.stdout.write(`${row(way, list)}\n`);
