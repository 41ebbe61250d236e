/** The built server as a process of its own, on a unix socket, with its log in a folder of the test's. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { LogRecord } from '../../../machines/log/record.ts';
import { Program, runCommand } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';

/** Longer than anything takes on a machine that is busy with other things. */
const DEADLINE_MS = 20_000;

export interface Options {
  /** Further options of `vnet serve`. */
  readonly args?: readonly string[];
  /** Put before the command, as `strace` is. */
  readonly prefix?: readonly string[];
}

export class RealServer {
  readonly socket: string;
  program: Program | undefined;

  constructor(
    readonly folder: string,
    readonly log = join(folder, 'log'),
  ) {
    mkdirSync(folder, { recursive: true });
    this.socket = join(folder, 'sock');
  }

  /** Starts it, the one before being killed if it still runs; resolves when it is READY, or has ended. */
  async start({ args = [], prefix = [] }: Options = {}): Promise<this> {
    if (this.program?.running) await this.crash();
    const listen = ['--listen', `unix://${this.socket}`, '--log', this.log, '--name', 'real'];
    const program = new Program('server', [...prefix, ...vnet('serve', ...listen, ...args)]);
    this.program = program;
    const ready = program.waitFor(/^READY /m, DEADLINE_MS).catch((error: unknown) => {
      if (program.running) throw error;
    });
    await ready;
    return this;
  }

  async stop(): Promise<number | null | undefined> {
    return this.program?.stop(DEADLINE_MS);
  }

  /** kill -9, of all that was started: strace leaves its child behind. */
  async crash(): Promise<void> {
    const { program } = this;
    if (program?.pid === undefined) return;
    try {
      process.kill(-program.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    await program.ended;
  }

  /** A session whose HELLO was taken. */
  async session(): Promise<Session> {
    const session = new Session(connect(this.socket));
    try {
      await session.answer();
    } catch (cause) {
      throw new Error(`no session: ${(cause as Error).message}\n${this.program?.tail(800)}`, { cause });
    }
    await session.ask('HELLO local');
    return session;
  }

  /** Says some lines in a session of their own. @returns the last line of each answer */
  async ask(...lines: readonly string[]): Promise<string[]> {
    const session = await this.session();
    const answers: string[] = [];
    for (const line of lines) answers.push((await session.ask(line)).at(-1) ?? '');
    session.end();
    return answers;
  }

  segments(): string[] {
    return readdirSync(this.log)
      .filter((name) => name.endsWith('.ndjson'))
      .sort();
  }

  records(): LogRecord[] {
    return this.segments()
      .flatMap((name) => readFileSync(join(this.log, name), 'utf8').split('\n').slice(0, -1))
      .map((line) => JSON.parse(line) as LogRecord);
  }

  /** @returns its exit status and what it said */
  async replay(): Promise<{ readonly status: number; readonly text: string }> {
    const { status, stdout, stderr } = await runCommand(vnet('replay', this.log), {
      anyStatus: true,
      timeout: DEADLINE_MS,
    });
    return { status, text: stdout + stderr };
  }
}

/** A client, one line at a time. */
export class Session {
  /** Data lines that came without being part of an answer, and EVENT lines. */
  readonly lines: string[] = [];
  #rest = '';
  #told: () => void = () => undefined;
  #over = false;

  constructor(readonly link: Socket) {
    const told = () => this.#told();
    link.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      this.lines.push(...parts);
      told();
    });
    link.on('error', told).on('close', () => {
      this.#over = true;
      told();
    });
  }

  say(line: string): void {
    this.link.write(`${line}\n`);
  }

  /** The lines of one answer. @throws Error when the connection ends before */
  async answer(): Promise<string[]> {
    const last = () => this.lines.findIndex((line) => /^(OK|ERR)\b/.test(line));
    await this.until(() => last() >= 0);
    return this.lines.splice(0, last() + 1);
  }

  ask(line: string): Promise<string[]> {
    this.say(line);
    return this.answer();
  }

  /** Waits until what came makes it so. */
  async until(reached: () => boolean): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    while (!reached()) {
      if (this.#over) throw new Error(`the connection ended behind ${JSON.stringify(this.lines.slice(-3))}`);
      await new Promise<void>((resolve, reject) => {
        this.#told = resolve;
        late = setTimeout(() => reject(new Error(`nothing more came in ${DEADLINE_MS} ms`)), DEADLINE_MS);
      }).finally(() => clearTimeout(late));
    }
  }

  end(): void {
    this.link.end();
  }
}
