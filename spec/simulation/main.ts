/**
 * Plays histories of whole servers in this process, with faults, by seed (docs/TESTING.md).
 *
 *     npm run simulate -- [--histories N] [--seed S] [--jobs J] [--steps K] [--lines] [--story]
 *
 * Seeds S, S+1, … S+N-1. A history that fails is made short and its story printed; `--seed S --histories 1 --story`
 * tells that of any seed. With `--lines` on ways that have a length, lose packets and have a rate, over several wires. Exit status 0 when all was well, 1 when not, 2 for wrong options.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { play } from './history.ts';
import { type PlanOptions, planOf } from './plan.ts';
import { shrink } from './shrink.ts';
import type { Figures } from './simulation.ts';

interface Order {
  readonly first: number;
  readonly histories: number;
  readonly options: PlanOptions;
}

interface Played {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly figures: Figures;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function playAll({ first, histories, options }: Order, played: (one: Played) => void): Promise<void> {
  for (let seed = first; seed < first + histories; seed++) {
    const { failure, figures } = await play(planOf(seed, options));
    played({ seed, failure, figures });
  }
}

/** Shares the seeds out to processes of this same script, in turns of a hundred. */
async function playParallel(order: Order, jobs: number, played: (one: Played) => void): Promise<void> {
  let next = order.first;
  const end = order.first + order.histories;
  const more = (child: ChildProcess): void => {
    const histories = Math.min(100, end - next);
    if (histories > 0) child.send({ ...order, first: next, histories });
    else child.disconnect();
    next += Math.max(0, histories);
  };
  await Promise.all(
    Array.from({ length: jobs }, () => {
      const child = fork(fileURLToPath(import.meta.url), ['--worker']);
      more(child);
      child.on('message', (message: Played | 'more') => (message === 'more' ? more(child) : played(message)));
      return new Promise<void>((resolve, reject) => {
        child.once('exit', (status, signal) =>
          status === 0 ? resolve() : reject(new Error(`a worker ended with ${signal ?? status}`)),
        );
      });
    }),
  );
}

function work(): void {
  const tell = (message: Played | 'more') => process.send?.(message);
  process.on('message', (order: Order) => void playAll(order, tell).then(() => tell('more')));
}

/** Plays one again, shorter, and tells its story. */
async function explain({ seed, failure }: Played, options: PlanOptions): Promise<void> {
  print(`\nseed ${seed} fails ${failure}`);
  const plan = await shrink(planOf(seed, options), failure ?? '');
  print(`the same with ${plan.steps.length} steps of ${planOf(seed, options).steps.length}:\n`);
  await play(plan, print);
  print(
    `\nagain: npm run simulate -- --seed ${seed} --histories 1 --story${options.lines ? ' --lines' : ''}\n`,
  );
}

function summary(count: number, failures: number, seconds: number, sum: Figures): string {
  const { handlers, records, faults, frames, heard, boots, wires } = sum;
  return [
    `${count} histories in ${seconds.toFixed(1)} s (${Math.round((count / seconds) * 60)} a minute), ${failures} failed`,
    `${faults} faults, ${boots} runs of servers, ${handlers} Handlers, ${wires} further wires, ${records} records, ${frames} frames sent, ${heard} heard`,
  ].join('\n');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      steps: { type: 'string' },
      lines: { type: 'boolean', default: false },
      story: { type: 'boolean', default: false },
      worker: { type: 'boolean', default: false },
    },
  });
  if (values.worker) {
    work();
    return 0;
  }
  const number = (name: 'histories' | 'seed' | 'jobs' | 'steps', least: number): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < least)
      throw new TypeError(`--${name} is a whole number from ${least}`);
    return value;
  };
  const options = {
    ...(values.steps === undefined ? {} : { steps: number('steps', 0) }),
    ...(values.lines ? { lines: true } : {}),
  };
  const order = { first: number('seed', 0), histories: number('histories', 1), options };
  if (values.story) {
    const { failure } = await play(planOf(order.first, options), print);
    return failure === undefined ? 0 : 1;
  }
  const sum: Figures = { handlers: 0, records: 0, faults: 0, frames: 0, heard: 0, boots: 0, wires: 0 };
  const failed: Played[] = [];
  const since = performance.now();
  let count = 0;
  await playParallel(order, Math.min(number('jobs', 1), order.histories), (one) => {
    count++;
    for (const key of Object.keys(sum) as (keyof Figures)[]) sum[key] += one.figures[key];
    if (one.failure !== undefined) {
      failed.push(one);
      print(`seed ${one.seed} fails ${one.failure}`);
    }
    if (count % 1000 === 0) process.stderr.write(`${count} histories, ${failed.length} failed\n`);
  });
  for (const one of failed.slice(0, 3)) await explain(one, options);
  print(summary(count, failed.length, (performance.now() - since) / 1000, sum));
  return failed.length === 0 ? 0 : 1;
}

try {
  const status = await main();
  if (status !== 0) process.exitCode = status;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
