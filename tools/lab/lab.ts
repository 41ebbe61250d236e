import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { scratchBase } from './privilege.ts';
import { type Outcome, Program, type RunOptions, runCommand } from './program.ts';
import { newPrefix, removeNamespaces, sweepLeftovers } from './sweep.ts';

/** One end of a virtual cable. */
export interface CableEnd {
  readonly ns: string;
  /** Name of the interface, at most 15 bytes. */
  readonly dev: string;
  readonly mac?: string;
  /** `ADDRESS/PREFIX` each; IPv4 or IPv6. */
  readonly addresses?: readonly string[];
  /** Bridge in the same namespace that it becomes a port of. */
  readonly bridge?: string;
  readonly mtu?: number;
}

export interface BridgeOptions {
  readonly mac?: string;
  readonly addresses?: readonly string[];
  readonly mtu?: number;
}

const open = new Set<Lab>();
let watching = false;

/** Whatever way this process ends, its labs go with it. */
function watchOwnEnd(): void {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const lab of [...open]) lab.close();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

/** Commands that are not there, of those named. */
export function missingCommands(names: readonly string[]): string[] {
  const folders = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(':');
  return names.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
}

/**
 * A laboratory of network namespaces, cables and bridges on this machine, apart from its real network.
 * Needs `ensurePrivileges()` before. `close()` ends every program in it and removes everything; that also
 * happens when the process ends in any way but SIGKILL, and what that leaves the next lab sweeps away.
 */
export class Lab {
  /** Every namespace of this lab begins with it. */
  readonly prefix: string;
  /** Scratch folder (0700); gone after `close()`. */
  readonly folder: string;
  readonly #namespaces = new Set<string>();
  readonly #programs = new Set<Program>();

  constructor() {
    sweepLeftovers();
    this.prefix = newPrefix();
    this.folder = mkdtempSync(join(scratchBase(), this.prefix));
    open.add(this);
    watchOwnEnd();
  }

  /** The full name of a namespace, for `ip -n`. */
  fullName(ns: string): string {
    return this.prefix + ns;
  }

  /** Makes namespaces, with loopback up and without the second that IPv6 waits to see whether an address is taken. */
  async addNamespaces(...names: readonly string[]): Promise<void> {
    for (const ns of names) {
      this.#namespaces.add(ns);
      await runCommand(['ip', 'netns', 'add', this.fullName(ns)]);
      const quick =
        'cd /proc/sys/net/ipv6/conf && echo 0 >all/accept_dad; echo 0 >default/accept_dad; ip link set lo up';
      await this.run(ns, ['sh', '-c', quick]);
    }
  }

  /** Runs `ip` in a namespace, one line of arguments a command. @throws CommandError */
  async ip(ns: string, ...lines: readonly string[]): Promise<void> {
    await runCommand(['ip', '-n', this.fullName(ns), '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** A cable (veth pair), both ends up. @throws CommandError */
  async addCable(one: CableEnd, other: CableEnd): Promise<void> {
    await this.ip(
      one.ns,
      `link add ${one.dev} type veth peer name ${other.dev} netns ${this.fullName(other.ns)}`,
    );
    for (const end of [one, other]) await this.ip(end.ns, ...configuration(end));
  }

  /** A bridge, up, that forwards from the first moment on. @throws CommandError */
  async addBridge(ns: string, dev: string, options: BridgeOptions = {}): Promise<void> {
    await this.ip(
      ns,
      `link add ${dev} type bridge stp_state 0 forward_delay 0`,
      ...configuration({ ns, dev, ...options }),
    );
  }

  /** Lets a namespace route between its interfaces. */
  async forward(ns: string): Promise<void> {
    await this.run(ns, ['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  }

  /** What to type to run a command in a namespace. */
  inside(ns: string, command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.fullName(ns), ...command];
  }

  /** Runs a command in a namespace to its end. @throws CommandError */
  run(ns: string, command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return runCommand(this.inside(ns, command), options);
  }

  /** Starts a program in a namespace; it ends with the lab at the latest. */
  spawn(
    ns: string,
    command: readonly string[],
    options: { env?: Readonly<Record<string, string | undefined>>; cwd?: string } = {},
  ): Program {
    const program = new Program(`${command[0]} in ${ns}`, this.inside(ns, command), {
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      cwd: options.cwd ?? this.folder,
    });
    this.#programs.add(program);
    void program.ended.then(() => this.#programs.delete(program));
    return program;
  }

  /** What `ip -j` says about one interface. @throws CommandError when there is none */
  async link(ns: string, dev: string): Promise<Record<string, unknown>> {
    const { stdout } = await runCommand([
      'ip',
      '-n',
      this.fullName(ns),
      '-j',
      '-d',
      'link',
      'show',
      'dev',
      dev,
    ]);
    return (JSON.parse(stdout) as Record<string, unknown>[])[0] ?? {};
  }

  async hasLink(ns: string, dev: string): Promise<boolean> {
    const shown = ['ip', '-n', this.fullName(ns), 'link', 'show', 'dev', dev];
    return (await runCommand(shown, { anyStatus: true })).status === 0;
  }

  /** A counter of an interface, as `/sys/class/net/DEV/statistics/NAME`. */
  async counter(ns: string, dev: string, name: string): Promise<number> {
    return Number((await this.run(ns, ['cat', `/sys/class/net/${dev}/statistics/${name}`])).stdout);
  }

  /** Ends everything that runs in the lab and removes it. Synchronous, so that it works on any way out. Idempotent. */
  close(): void {
    if (!open.delete(this)) return;
    for (const program of this.#programs) program.signal('SIGKILL');
    const complaints = removeNamespaces([...this.#namespaces].map((ns) => this.fullName(ns)));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    if (complaints !== '') process.stderr.write(`lab: ${complaints}`);
  }
}

/** What `ip` is told so that an interface is as its end of a cable should be. */
export function configuration(end: CableEnd): string[] {
  const set = [
    end.mac === undefined ? '' : `address ${end.mac}`,
    end.mtu === undefined ? '' : `mtu ${end.mtu}`,
    end.bridge === undefined ? '' : `master ${end.bridge}`,
    'up',
  ].filter(Boolean);
  const addresses = (end.addresses ?? []).map(
    (address) => `address add ${address} dev ${end.dev}${address.includes(':') ? ' nodad' : ''}`,
  );
  return [`link set dev ${end.dev} ${set.join(' ')}`, ...addresses];
}
