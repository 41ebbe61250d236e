import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process';
import { DeadlineError } from './wait.ts';

/** How a command ended, with all that it printed. */
export interface Outcome {
  readonly command: readonly string[];
  /** Exit status; 128 + signal number is not used: `signal` tells. -1 when it did not end by itself. */
  readonly status: number;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandError extends Error {
  constructor(readonly outcome: Outcome) {
    const how = outcome.signal ? `was ended by ${outcome.signal}` : `ended with status ${outcome.status}`;
    super(
      `\`${outcome.command.join(' ')}\` ${how}: ${(outcome.stderr + outcome.stdout).trim().slice(-2000)}`,
    );
    this.name = 'CommandError';
  }
}

export interface RunOptions {
  /** Text for its standard input; nothing when left out. */
  readonly input?: string;
  /** Milliseconds until it is killed; 30,000 when left out. */
  readonly timeout?: number;
  /** Whether a status other than 0 is an answer too and not an error. */
  readonly anyStatus?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs a command to its end. @throws CommandError when it cannot be started, fails or takes too long */
export function runCommand(command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [file, ...args] = command;
  if (file === undefined) throw new TypeError('an empty command');
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
        timeout: options.timeout ?? 30_000,
        killSignal: 'SIGKILL',
        env: { ...process.env, LC_ALL: 'C', ...options.env },
      },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        const note = error !== null && status === -1 && !error.killed ? `${error.message}\n` : '';
        const outcome = { command, status, signal: error?.signal ?? null, stdout, stderr: note + stderr };
        if (error === null || (options.anyStatus && status >= 0)) resolve(outcome);
        else reject(new CommandError(outcome));
      },
    );
    // The command may end without reading its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

const MOST_TEXT = 4 << 20;

/** A program that runs beside us. What it prints is kept (the last 4 MiB of each stream). */
export class Program {
  stdout = '';
  stderr = '';
  status: number | null = null;
  endedBy: NodeJS.Signals | null = null;
  /** Resolves when the program is gone and all its output was read; never rejects. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(
    readonly label: string,
    readonly command: readonly string[],
    options: Pick<SpawnOptions, 'env' | 'cwd'> = {},
  ) {
    const [file, ...args] = command;
    if (file === undefined) throw new TypeError('an empty command');
    // In a process group of its own: a ^C in the terminal is for us, and we end it in our own time.
    this.#child = spawn(file, args, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        this[stream] = (this[stream] + text).slice(-MOST_TEXT);
        this.#tell();
      });
    }
    this.#child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      const finish = () => {
        if (this.#over) return;
        this.#over = true;
        this.status = this.#child.exitCode;
        this.endedBy = this.#child.signalCode;
        this.#tell();
        resolve();
      };
      this.#child.once('error', (error) => {
        this.stderr += `${error.message}\n`;
        finish();
      });
      this.#child.once('close', finish);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return !this.#over && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Waits until what it printed matches. @throws DeadlineError, also when the program ends before */
  waitFor(
    pattern: RegExp,
    milliseconds = 10_000,
    stream: 'stdout' | 'stderr' = 'stdout',
  ): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        act();
      };
      const fail = (why: string) =>
        settle(() =>
          reject(new DeadlineError(`${pattern} from ${this.label} (${why})\n${this.tail()}`, milliseconds)),
        );
      const look = () => {
        const match = pattern.exec(this[stream]);
        if (match) settle(() => resolve(match));
        else if (this.#over) fail(`it ended with ${this.endedBy ?? this.status}`);
      };
      const timer = setTimeout(() => fail('it still runs'), milliseconds);
      this.#listeners.add(look);
      look();
    });
  }

  /** The end of what it printed, for error texts. */
  tail(bytes = 2000): string {
    return `${this.stderr.slice(-bytes)}${this.stdout.slice(-bytes)}`.trim();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** SIGTERM, and SIGKILL when it is still there after `grace` milliseconds. @returns the exit status, null if killed */
  async stop(grace = 5000): Promise<number | null> {
    if (!this.#over) this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), grace);
    await this.ended;
    clearTimeout(timer);
    return this.status;
  }

  async kill(): Promise<void> {
    if (!this.#over) this.signal('SIGKILL');
    await this.ended;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
