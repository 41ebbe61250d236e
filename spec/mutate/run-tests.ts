/**
 * Runs test files in this one process, one behind the other, and ends at the first suite that fails.
 *
 *     node run-tests.js FILE…
 *
 * Tells its parent (IPC) of each file that passed. Exit status: 0 all passed; 1 a test failed, or a file could not be
 * loaded; 4 what was loaded is no program at all (a syntax error), so that it says nothing of the tests.
 * Properties are checked with one seed, and nothing is shrunk: a mutant is to be found or not, alike in each run.
 */
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { NO_PROGRAM, type Passed } from './exchange.ts';

/** What uvu 0.5 calls for each suite: text of the failures or `true`, tests passed, skipped, and in all. */
type Suite = () => Promise<readonly [string | true, number, number, number]>;
/** What uvu 0.5 looks at when it is loaded: with UVU_DEFER it leaves the running of its queue to others. */
type Uvu = { UVU_DEFER?: boolean; UVU_QUEUE?: [string | null, ...Suite[]][]; UVU_INDEX?: number };

const uvu = globalThis as Uvu;
const queue: [string | null, ...Suite[]][] = [];
uvu.UVU_DEFER = true;
uvu.UVU_QUEUE = queue;

/** @returns what failed in the file, or undefined */
async function failureOf(file: string): Promise<string | undefined> {
  uvu.UVU_INDEX = queue.push([file]) - 1;
  await import(pathToFileURL(file).href);
  const [, ...suites] = queue.at(-1) ?? [null];
  if (suites.length === 0) return `${file} has no tests`;
  for (const suite of suites) {
    const [failures, passed, , all] = await suite();
    // With a `before` that throws, uvu calls no test and reports no failure.
    if (failures !== true) return failures;
    if (passed !== all) return `${file}: ${passed} of ${all} tests ran`;
  }
  return undefined;
}

async function main(): Promise<number> {
  for (const file of process.argv.slice(2)) {
    const from = performance.now();
    const failure = await failureOf(file);
    if (failure !== undefined) {
      process.stderr.write(`${failure}\n`);
      return 1;
    }
    process.send?.({ file, ms: performance.now() - from } satisfies Passed);
  }
  return 0;
}

// Nobody is left who wants to know.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();
fc.configureGlobal({ seed: 1, endOnFailure: true });
// Stands when the tests wait for something that never comes, and the process ends by itself.
process.exitCode = 1;
try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(error instanceof SyntaxError ? NO_PROGRAM : 1);
}
