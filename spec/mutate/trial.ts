/** One run of tests, in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { scriptOf } from './build.ts';
import { NO_PROGRAM, type Passed } from './exchange.ts';
import { Watch } from './spent.ts';

/** `out-of-time`: the process was ended because a test file took longer than its limit. */
export type Outcome = 'passed' | 'failed' | 'out-of-time' | 'no-program' | 'broken-off';

export interface Trial {
  readonly outcome: Outcome;
  readonly passed: readonly Passed[];
  /** Last lines of what it wrote to its standard error. */
  readonly output: string;
}

const running = new Set<ChildProcess>();
let brokenOff = false;

/** Ends all runs; they, and all that are begun later, come out as `broken-off`. */
export function breakOff(): void {
  brokenOff = true;
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Runs test files in this order until one fails.
 * @param folder the transpiled program
 * @param limitOf how much time a test file may have (spent.ts), in milliseconds
 */
export function runTests(
  folder: string,
  tests: readonly string[],
  limitOf: (test: string) => number,
): Promise<Trial> {
  const passed: Passed[] = [];
  let output = '';
  let outOfTime = false;
  return new Promise((resolve, reject) => {
    // A mutant that fills the memory is to fail before the machine does.
    const child = fork('spec/mutate/run-tests.js', tests.map(scriptOf), {
      cwd: folder,
      execArgv: ['--max-old-space-size=512'],
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.add(child);
    if (brokenOff) child.kill('SIGKILL');
    const limit = () => limitOf(tests[passed.length] ?? '');
    const watch = new Watch(child.pid ?? 0, limit(), () => {
      outOfTime = true;
      child.kill('SIGKILL');
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
    child.on('message', (news) => {
      passed.push({ ...(news as Passed), file: tests[passed.length] ?? '' });
      watch.restart(limit());
    });
    child.once('error', (error) => {
      watch.stop();
      reject(error);
    });
    child.once('close', (status, signal) => {
      watch.stop();
      running.delete(child);
      resolve({ outcome: outOfTime ? 'out-of-time' : outcomeOf(status, signal), passed, output });
    });
  });
}

function outcomeOf(status: number | null, signal: NodeJS.Signals | null): Outcome {
  // A terminal's Ctrl-C reaches the run as well as us, and may reach it first.
  if (brokenOff || signal === 'SIGINT' || signal === 'SIGHUP') return 'broken-off';
  if (status === NO_PROGRAM) return 'no-program';
  return status === 0 ? 'passed' : 'failed';
}
