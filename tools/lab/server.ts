import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFile } from '../../io/project.ts';
import type { LogRecord } from '../../machines/log/record.ts';
import type { Lab } from './lab.ts';
import { type Outcome, type Program, type RunOptions, runCommand } from './program.ts';
import { type Answer, featuresIn, greetingOf, talk, valuesOf } from './talk.ts';
import { waitUntil } from './wait.ts';

/** The built `vnet` command. */
export const VNET = projectFile('dist/tools/vnet/main.js');

/** With what V8 the command runs when it is typed by its name: of its first line. */
export const NODE_OPTIONS = ['--single-threaded-gc', '--no-memory-reducer', '--v8-pool-size=1'];

/** What to type for `vnet …`. */
export const vnet = (...args: readonly string[]): string[] => [
  process.execPath,
  ...NODE_OPTIONS,
  VNET,
  ...args,
];

export interface ServerOptions {
  readonly ns: string;
  readonly name: string;
  /** Where other servers reach it, besides loopback: `tls://203.0.113.2:7411`. */
  readonly listen: string;
  /** Further options of `vnet serve`. */
  readonly args?: readonly string[];
  /** What to type in place of `vnet`, for another build. */
  readonly command?: readonly string[];
}

/** The secret of identity `default` on every server of a lab. */
export const SECRET = 'correct-horse-7';
const CONTROL = { host: '127.0.0.1', port: 7412 };

/** One line of HANDLERS?, its values by name. */
export interface HandlerLine {
  readonly id: string;
  readonly state: string;
  readonly [key: string]: string;
}

/**
 * A VNET server in a namespace, its key, its log folder and ways to talk to it: on loopback, with the password, and by
 * a unix socket, where a HELLO costs no password check.
 */
export class VnetServer {
  program: Program | undefined;
  readonly logFolder: string;
  readonly keys: string;
  readonly #socket: string;
  /** Line for the other server's file of authorized certificates; known after `makeKey`. */
  authorizedLine = '';

  constructor(
    readonly lab: Lab,
    readonly options: ServerOptions,
  ) {
    this.keys = join(lab.folder, options.name);
    this.logFolder = join(this.keys, 'log');
    this.#socket = join(this.keys, 'control');
    mkdirSync(this.keys, { recursive: true, mode: 0o700 });
    this.authorize();
  }

  get name(): string {
    return this.options.name;
  }

  /** `sha256:…` of its certificate. */
  get fingerprint(): string {
    return this.authorizedLine.split(' ')[1] ?? '';
  }

  async makeKey(): Promise<void> {
    const { stdout } = await runCommand(vnet('keygen', this.keys, '--name', this.name));
    this.authorizedLine = stdout.trim();
  }

  /** Writes the file of certificates that it admits. */
  authorize(...others: readonly VnetServer[]): void {
    const file = join(this.keys, 'authorized');
    writeFileSync(file, others.map((other) => `${other.authorizedLine}\n`).join(''));
    chmodSync(file, 0o600);
  }

  command(): string[] {
    const { name, listen, args = [] } = this.options;
    const at = (file: string) => join(this.keys, file);
    const tls = existsSync(at(`${name}.key`))
      ? ['--cert', at(`${name}.crt`), '--key', at(`${name}.key`), '--authorized', at('authorized')]
      : [];
    const control = `tcp://${CONTROL.host}:${CONTROL.port}`;
    const listeners = [listen, control, `unix://${this.#socket}`].flatMap((url) => ['--listen', url]);
    const { command = vnet() } = this.options;
    return [...command, 'serve', '--name', name, ...listeners, '--log', this.logFolder, ...tls, ...args];
  }

  /** Starts it and waits for READY. @throws DeadlineError with its last words */
  async start(): Promise<void> {
    this.program = this.lab.spawn(this.options.ns, this.command(), { env: { VNET_PASSWORD: SECRET } });
    await this.program.waitFor(/^READY /m, 15_000);
  }

  /** SIGTERM. @throws Error when it does not end with status 0 within 5 s, or has told of an error */
  async stop(): Promise<void> {
    const status = await this.program?.stop(5000);
    if (status !== 0) throw new Error(`server ${this.name} ended with ${status}\n${this.program?.tail()}`);
    this.#assertNoErrors();
  }

  /** kill -9. @throws Error when it has told of an error */
  async crash(): Promise<void> {
    await this.program?.kill();
    this.#assertNoErrors();
  }

  /** What goes wrong outside is a warning: an error is the log that fails, or a fault of the program. */
  #assertNoErrors(): void {
    const errors = this.program?.stderr.split('\n').filter((line) => line.includes('"level":"error"'));
    if (errors?.length) throw new Error(`server ${this.name} has told of an error:\n${errors.join('\n')}`);
  }

  /** What it has said on standard error, since it was last started. */
  get told(): string {
    return this.program?.stderr ?? '';
  }

  /**
   * Says HELLO and these lines. @returns their answers, HELLO's left out.
   * @throws Error when HELLO is refused; with its last words when it does not run
   */
  async ask(...lines: readonly string[]): Promise<Answer[]> {
    if (this.program?.running === false) {
      throw new Error(`server ${this.name} has ended with ${this.program.status}\n${this.program.tail()}`);
    }
    const [hello, ...answers] = await talk(this.lab, this.options.ns, { path: this.#socket }, [
      'HELLO local',
      ...lines,
    ]);
    if (!hello?.last.startsWith('OK')) throw new Error(`HELLO at ${this.name}: ${hello?.last}`);
    return answers;
  }

  /** What its greeting names as features. @throws Error when it does not greet */
  async features(): Promise<string[]> {
    return featuresIn(await greetingOf(this.lab, this.options.ns, { path: this.#socket }));
  }

  /** Says one line and wants OK. @throws Error with the ERR line */
  async must(line: string): Promise<Answer> {
    const [answer] = await this.ask(line);
    if (!answer?.last.startsWith('OK'))
      throw new Error(`${line}: ${answer?.last}\n${this.program?.tail(800)}`);
    return answer;
  }

  /** Asks for a Handler. @returns its id */
  async handle(line: string): Promise<string> {
    return valuesOf((await this.must(`HANDLE ${line}`)).last).handler ?? '';
  }

  async handlers(): Promise<HandlerLine[]> {
    const { data } = await this.must('HANDLERS?');
    return data.map(
      (line) => ({ ...valuesOf(line), id: line.split(' ')[1] ?? '' }) as unknown as HandlerLine,
    );
  }

  /** Waits until this server has just these states of Handlers, in any order. */
  async waitForHandlers(states: readonly string[], deadline = 10_000): Promise<void> {
    const wanted = [...states].sort().join(' ');
    await waitUntil(
      async () => {
        const have = (await this.handlers()).map(({ state }) => state).sort();
        if (have.join(' ') === wanted) return true;
        throw new Error(`${this.name} has [${have.join(' ')}]`);
      },
      { what: `Handlers [${wanted}] at ${this.name}`, deadline, every: 200 },
    );
  }

  /** STATS? of a Handler as numbers by name. */
  async stats(handler: string): Promise<Record<string, number>> {
    const { data } = await this.must(`STATS? ${handler}`);
    return Object.fromEntries(data.map((line) => [line.split(' ')[1], Number(line.split(' ')[2])]));
  }

  /** The client command, as one would type it at this server's machine. */
  client(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const server = `tcp://${CONTROL.host}:${CONTROL.port}`;
    const env = { VNET_PASSWORD: SECRET, VNET_SERVER: server, ...options.env };
    return this.lab.run(this.options.ns, vnet(...args), { ...options, env });
  }

  /** `vnet replay` of its log. */
  replay(): Promise<Outcome> {
    return runCommand(vnet('replay', this.logFolder), { anyStatus: true, timeout: 60_000 });
  }

  /** Every record of its log so far, from the first segment. */
  records(): LogRecord[] {
    const first = join(this.logFolder, '00000001.ndjson');
    const text = existsSync(first) ? readFileSync(first, 'utf8') : '';
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogRecord);
  }
}
