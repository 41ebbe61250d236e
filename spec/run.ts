/**
 * The test runner: every `*.test.ts` below `spec/` as a process of its own, each with a time limit.
 *
 *     node --import tsx spec/run.ts [--list] [PATTERN…]      only files whose path contains a PATTERN
 *
 * As many run at a time as there are cores, and one more. The scenario tests (`spec/scenarios/`), which need network
 * namespaces, come last. One that says `// runner: waits` in its head, or `// runner: waits, at most 280 s`, spends its
 * time waiting and takes no place of the others: WAITING_PLACES of them go beside, since they work when they begin and
 * between their waits, and many at once make each other late. A file that runs no test at all has failed.
 * The last line is `N passed, N failed`, with `, N skipped` when there were any; the exit status is 0 or 1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { insideEnvironment, privilege } from '../tools/lab/privilege.ts';
import { sweepLeftovers } from '../tools/lab/sweep.ts';
import { Report } from './runner/report.ts';
import { killRunning, type Limits, runFile } from './runner/run-file.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const UNIT: Limits = { seconds: 120 };
const SCENARIO: Limits = { seconds: 200 };
/** Scenario tests that wait, at a time. */
const WAITING_PLACES = 3 * availableParallelism();
/** In the head of a scenario test: it waits; with a time, it may take that long in place of SCENARIO's. */
const WAITS = /^\/\/ runner: waits(?:, at most (\d+) s)?$/m;

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const isScenario = (file: string): boolean => file.startsWith('spec/scenarios/');
const headOf = (file: string): string => readFileSync(join(root, file), 'utf8').slice(0, 4000);

function limitsOf(file: string): Limits {
  if (!isScenario(file)) return UNIT;
  const seconds = WAITS.exec(headOf(file))?.[1];
  return seconds === undefined ? SCENARIO : { seconds: Number(seconds) };
}

/** Works a list off, `places` at a time. */
async function inParallel(files: readonly string[], places: number, work: (file: string) => Promise<void>) {
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await work(file);
  };
  await Promise.all(Array.from({ length: Math.min(places, files.length) }, worker));
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  const patterns = words.filter((word) => !word.startsWith('-'));
  const all = testFiles(join(root, 'spec'));
  const files = all.filter(
    (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
  );
  if (words.includes('--list')) {
    process.stdout.write(files.map((file) => `${file}\n`).join(''));
    return 0;
  }
  const report = new Report(files.length);
  if (files.length === 0) {
    report.note(`no test file matches ${patterns.join(' ') || 'spec/**/*.test.ts'}`);
    report.end();
    return 1;
  }
  const units = files.filter((file) => !isScenario(file));
  const scenarios = mayRun(report, files.filter(isScenario));
  const waits = new Set(scenarios.filter((file) => WAITS.test(headOf(file))));
  const works = scenarios.filter((file) => !waits.has(file));

  const waiting: Promise<void>[] = [];
  const run = async (file: string) => {
    report.begin(file);
    const may = privilege();
    const prefix = isScenario(file) && may.kind === 'user' ? may.prefix : [];
    const limits = limitsOf(file);
    report.result(file, await runFile(root, file, { limits, prefix, env: insideFor(prefix) }));
  };
  const unstarted = [...waits].sort((one, other) => limitsOf(other).seconds - limitsOf(one).seconds);
  const startWaiting = () => {
    waiting.push(inParallel(unstarted.splice(0), WAITING_PLACES, run));
  };
  await inParallel([...units, ...works], availableParallelism() + 1, (file) => {
    if (isScenario(file)) startWaiting();
    return run(file);
  });
  startWaiting();
  await Promise.all(waiting);
  const left = privilege().kind === 'root' ? sweepLeftovers() : [];
  if (left.length > 0) report.note(`removed what tests had left behind: ${left.join(' ')}`);
  return report.end();
}

/** The scenario tests if this process may run them; if not says so, loudly, and counts them as skipped. */
function mayRun(report: Report, scenarios: readonly string[]): readonly string[] {
  const may = scenarios.length > 0 ? privilege() : undefined;
  if (may?.kind !== 'none') return scenarios;
  report.note(`NOT RUN: the ${scenarios.length} files of scenario tests: ${may.reason}`);
  for (const file of scenarios) report.skipped(file, may.reason);
  return [];
}

const insideFor = (prefix: readonly string[]) => (prefix.length > 0 ? insideEnvironment() : process.env);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void killRunning('SIGTERM').then(() => process.exit(130));
  });
}
process.exitCode = await main();
