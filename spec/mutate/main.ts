/**
 * Mutation testing of the machines: each mutant is the program with one small change, and some test must fail for it.
 *
 *     npm run mutate -- [--file PART] [--lines L,…] [--every N [--first K]] [--jobs J]
 *
 * `--file`: only sources whose path contains PART. `--lines`: only changes in these lines (after a test was written for
 * a survivor). `--every N`: each Nth mutant only, from the Kth on. `--jobs`: so many at a time. Prints the mutants that survived or ran out of time, and the score. Exit status: 0, 1 when the
 * program itself does not pass its tests, 2 for a wrong option, 130 when it was broken off; it then prints what it has.
 *
 * Stryker has no runner for uvu; its command runner would take a start of npm and of TypeScript for each mutant.
 */
import { copyFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Mutant, Scratch, scriptOf } from './build.ts';
import { Tests } from './order.ts';
import { Score } from './score.ts';
import { SUBJECTS } from './subjects.ts';
import { breakOff, runTests } from './trial.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Options {
  readonly part: string;
  readonly every: number;
  readonly first: number;
  readonly lines: readonly number[];
  readonly jobs: number;
}

interface Work {
  readonly mutant: Mutant;
  readonly tests: Tests;
}

/** A line that is written over, where there is a person to see it. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function print(text: string): void {
  progress('');
  process.stdout.write(text);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      file: { type: 'string', default: '' },
      lines: { type: 'string', default: '' },
      every: { type: 'string', default: '1' },
      first: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const number = (name: 'every' | 'first' | 'jobs' | 'lines', text: string = values[name]): number => {
    const value = Number(text);
    if (!(Number.isInteger(value) && value >= 1))
      throw new TypeError(`--${name} takes whole numbers from 1, not "${text}"`);
    return value;
  };
  const options = {
    part: values.file,
    every: number('every'),
    first: number('first'),
    lines: values.lines === '' ? [] : values.lines.split(',').map((text) => number('lines', text)),
    jobs: number('jobs'),
  };
  if (!SUBJECTS.some(({ files }) => files.some((file) => file.includes(options.part))))
    throw new TypeError(`--file: no source that is mutated has "${options.part}" in its path`);
  return options;
}

/** Tries one mutant in a folder whose program is as it was, and leaves it like that. */
async function tryMutant(folder: string, program: string, work: Work, score: Score): Promise<void> {
  const { mutant, tests } = work;
  const script = scriptOf(mutant.file);
  const order = tests.orderFor(mutant.file);
  copyFileSync(mutant.script, join(folder, script));
  const { outcome, passed } = await runTests(folder, order, (file) => tests.limitOf(file));
  copyFileSync(join(program, script), join(folder, script));
  if (outcome === 'failed') tests.noteFound(mutant.file, order[passed.length]);
  score.add(mutant, outcome);
  const place = `${mutant.file}:${mutant.line}  ${mutant.change}`;
  if (outcome === 'passed') print(`survived  ${place}\n`);
  if (outcome === 'out-of-time') print(`out of time in ${order[passed.length]}  ${place}\n`);
  progress(score.progress);
}

async function run(scratch: Scratch, { part, jobs, ...sample }: Options, isOver: () => boolean) {
  progress('transpiling');
  const program = scratch.program();
  const files = SUBJECTS.flatMap((subject) => subject.files.filter((file) => file.includes(part)));
  const { mutants, noProgram, same } = scratch.mutants(program, files, sample);
  const score = new Score(mutants.length, noProgram);
  const work: Work[] = [];
  for (const subject of SUBJECTS) {
    const own = mutants.filter(({ file }) => subject.files.includes(file));
    if (own.length === 0 || isOver()) continue;
    progress(`running the tests of ${subject.name} with the program as it is`);
    const tests = await Tests.measure(root, program, subject);
    if (tests === undefined) break;
    const seconds = (tests.ms / 1000).toFixed(1);
    print(
      `${subject.name}: ${own.length} mutants; ${tests.size} test files pass without one, in ${seconds} s\n`,
    );
    work.push(...own.map((mutant) => ({ mutant, tests })));
  }
  const worker = async (_: unknown, i: number): Promise<void> => {
    const folder = scratch.copy(program, `worker-${i}`);
    for (let next = work.shift(); next !== undefined && !isOver(); next = work.shift())
      await tryMutant(folder, program, next, score);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  print(score.text(same));
}

async function main(options: Options): Promise<number> {
  let over = false;
  const stop = () => {
    over = true;
    breakOff();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const scratch = new Scratch(root);
  // Also when nobody reads the output any more, or a worker throws.
  process.once('exit', () => {
    breakOff();
    scratch.remove();
  });
  await run(scratch, options, () => over);
  return over ? 130 : 0;
}

/** Says what was wrong. */
function complain(error: unknown, status: number): void {
  progress('');
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = status;
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  complain(error, 2);
}
try {
  if (options !== undefined) process.exitCode = await main(options);
} catch (error) {
  complain(error, 1);
}
