import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../../io/make-directory.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Outcome, Program } from '../../lab/program.ts';
import { VNET } from '../../lab/server.ts';
import { writeOutput } from '../cli/standard-output.ts';

/** Something that the demo shows was not as it should be. */
export class DemoError extends Error {}

export interface TypeOptions {
  /** Lines of output to show at most, the last two among them; 12 when left out. */
  readonly show?: number;
  /** Whether the command is meant to fail. */
  readonly fails?: boolean;
  /** Milliseconds; 30,000 when left out. */
  readonly timeout?: number;
}

const terminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (code: string, text: string): string => (terminal ? `\x1b[${code}m${text}\x1b[0m` : text);

/**
 * Runs commands on the machines of a lab, each in a shell, just as they are shown. Every machine has a folder of its
 * own, and `vnet` on its path.
 */
export class DemoTerminal {
  readonly #env: Record<string, string>;
  #step = 0;

  constructor(
    readonly lab: Lab,
    env: Readonly<Record<string, string>>,
  ) {
    const bin = join(lab.folder, 'bin');
    mkdirSync(bin);
    const quoted = (path: string) => `'${path.replace(/'/g, `'\\''`)}'`;
    writeFileSync(join(bin, 'vnet'), `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(VNET)} "$@"\n`, {
      mode: 0o755,
    });
    this.#env = { ...env, PATH: `${bin}:${process.env.PATH ?? ''}` };
  }

  /** The folder in which a machine's commands run. */
  folder(machine: string): string {
    const folder = join(this.lab.folder, machine);
    makeDirectory(folder);
    return folder;
  }

  print(text = ''): void {
    writeOutput(`${text}\n`);
  }

  /** Headline of the next step. */
  headline(title: string): void {
    this.#step += 1;
    this.print(`\n${paint('1;36', `${this.#step}. ${title}`)}`);
  }

  good(text: string): void {
    this.print(`  ${paint('32', '✔')} ${text}`);
  }

  /** @throws DemoError when it is not so */
  check(isSo: boolean, text: string): void {
    if (!isSo) throw new DemoError(text);
    this.good(text);
  }

  /** Types a command on a machine and shows it with what came back. @throws CommandError when it fails */
  async type(machine: string, command: string, options: TypeOptions = {}): Promise<Outcome> {
    this.#prompt(machine, command);
    const outcome = await this.lab.run(machine, this.#shell(machine, command), {
      env: this.#env,
      timeout: options.timeout ?? 30_000,
      anyStatus: options.fails === true,
    });
    this.#output(outcome.stdout + outcome.stderr, options.show ?? 12);
    return outcome;
  }

  /** Types a command that goes on running beside the others; ready when `sign` was printed. */
  async start(machine: string, command: string, sign: RegExp): Promise<Program> {
    this.#prompt(machine, `${command} &`);
    const program = this.lab.spawn(machine, this.#shell(machine, `exec ${command}`), { env: this.#env });
    await program.waitFor(sign, 15_000);
    this.#output(program.stdout, 4);
    return program;
  }

  #shell(machine: string, command: string): string[] {
    return ['sh', '-c', `umask 077; cd "$0"; ${command}`, this.folder(machine)];
  }

  #prompt(machine: string, command: string): void {
    const [first = '', ...rest] = command.split('\n');
    this.print(`  ${paint('33', `${machine}$`)} ${paint('1', first)}`);
    for (const line of rest) this.print(`  ${' '.repeat(machine.length + 2)}${paint('1', line)}`);
  }

  #output(text: string, most: number): void {
    const lines = text.trimEnd().split('\n').filter(Boolean);
    const over = lines.length - most;
    const end = over > 0 ? 2 : 0;
    for (const line of lines.slice(0, most - end)) this.print(`      ${line}`);
    if (over > 0) this.print(`      … ${over} more lines …`);
    for (const line of end > 0 ? lines.slice(-end) : []) this.print(`      ${line}`);
  }
}
