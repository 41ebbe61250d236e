import { type ChildProcess, spawn } from 'node:child_process';

export interface Limits {
  /** Seconds until the file is ended and counts as failed. */
  readonly seconds: number;
}

export interface FileResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What it printed, standard output and standard error as they came. */
  readonly output: string;
  /** Why the file as a whole counts as failed, where that is not for a test that failed. */
  readonly complaint?: string;
}

const running = new Set<ChildProcess>();
const GRACE = 5000;

/** Signals a child and all that belongs to its process group; no error when they are gone already. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends every file under way, by `signal` first and SIGKILL 5 s later. */
export async function killRunning(signal: NodeJS.Signals): Promise<void> {
  const children = [...running];
  for (const child of children) signalGroup(child, signal);
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE);
          child.once('close', () => {
            clearTimeout(timer);
            resolve();
          });
        }),
    ),
  );
}

/** Runs one test file to its end, in a process group of its own. Never rejects. */
export function runFile(
  root: string,
  file: string,
  options: {
    readonly limits: Limits;
    /** Command put in front, as `unshare`. */
    readonly prefix: readonly string[];
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<FileResult> {
  const [command = '', ...args] = [...options.prefix, process.execPath, '--import', 'tsx', file];
  const since = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...options.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    });
    running.add(child);
    let output = '';
    let late = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const timers = [
      setTimeout(() => {
        late = true;
        signalGroup(child, 'SIGTERM');
      }, options.limits.seconds * 1000),
      setTimeout(() => signalGroup(child, 'SIGKILL'), options.limits.seconds * 1000 + GRACE),
    ];
    child.once('error', (error) => {
      output += `${error.message}\n`;
    });
    // Whatever it left running holds its pipes open: it goes when the file itself is gone.
    child.once('exit', () => signalGroup(child, 'SIGKILL'));
    child.once('close', (status, signal) => {
      running.delete(child);
      for (const timer of timers) clearTimeout(timer);
      const seconds = (performance.now() - since) / 1000;
      const ended = late ? `took more than ${options.limits.seconds} s` : (signal ?? status ?? 'not started');
      resolve({ ...judge(output, ended), seconds, output });
    });
  });
}

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

function lastNumber(text: string, name: string): number | undefined {
  const found = [...text.matchAll(new RegExp(`^ {2}${name}: +(\\d+)$`, 'gm'))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

/**
 * Counts from uvu's closing lines (`  Total:`, `  Passed:`, `  Skipped:`). uvu ends well also when no test ran at
 * all, and when `.run()` was forgotten prints nothing: both are failures here.
 */
export function judge(output: string, ended: number | string): Omit<FileResult, 'seconds' | 'output'> {
  const text = output.replace(ANSI, '');
  const total = lastNumber(text, 'Total') ?? 0;
  const passed = lastNumber(text, 'Passed') ?? 0;
  const skipped = lastNumber(text, 'Skipped') ?? 0;
  const failed = Math.max(0, total - passed);
  if (typeof ended === 'string') return { passed, skipped, failed: failed + 1, complaint: ended };
  if (total + skipped === 0) {
    const complaint = ended === 0 ? 'ran no test at all (is .run() missing?)' : `ended with status ${ended}`;
    return { passed: 0, skipped: 0, failed: 1, complaint };
  }
  if (ended !== 0 && failed === 0) {
    return {
      passed,
      skipped,
      failed: 1,
      complaint: `all tests passed, and yet it ended with status ${ended}`,
    };
  }
  return { passed, skipped, failed };
}
