/**
 * A server in this process, on real sockets: memory devices, a log in memory, a clock that can leap.
 *
 *     suite ══ tcp / tls / unix, loopback ══ Server ── MemoryDevices, MemoryJournal, LeapClock
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS, type Limits } from '../../actors/limits.ts';
import { Recorder } from '../../actors/recorder/recorder.ts';
import { Server, type ServerParts } from '../../actors/server.ts';
import { realChance } from '../../io/chance.ts';
import { realClock } from '../../io/clock.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { MemoryDevices } from '../../io/memory/devices.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../io/memory/journal.ts';
import { MemorySecretStore } from '../../io/memory/secrets.ts';
import { realNetwork } from '../../io/net/network.ts';
import { type KeyPair, NO_TLS_MATERIAL } from '../../io/net/tls-material.ts';
import type { DeviceError, Link, Listener, Network } from '../../io/ports.ts';
import { MACHINES } from '../../machines/index.ts';
import { foldLog } from '../../machines/log/replay.ts';
import type { Verb } from '../../machines/protocol/types.ts';
import type { Control, Credentials, LimitsForTests, Target } from '../../tools/vnet/conform/target.ts';
import { HeldAuthenticator, HeldDevices, HeldJournal } from './gates.ts';
import { LeapClock } from './leap-clock.ts';
import { dialResettable } from './resettable.ts';

const SECRET = 'open sesame';
export const DEVICE = 'tap:vnconf0';

/** What makes a server a wrong one. */
export interface Fault {
  readonly limits?: (limits: Limits) => Limits;
  /** Changes what goes over its connections. */
  readonly network?: (network: Network) => Network;
  readonly parts?: (parts: ServerParts) => Partial<ServerParts>;
  /** Changes the server itself, before it starts. */
  readonly server?: (server: Server) => void;
}

export interface InProcessOptions {
  readonly scheme: 'tcp' | 'tls' | 'unix';
  /** Our certificate, for `tls`. */
  readonly own?: KeyPair & { readonly fingerprint: string };
  /** Log in by that certificate in place of a password. */
  readonly byCertificate?: boolean;
  readonly patience?: number;
  readonly fault?: Fault;
}

/** One run of a server: what dies with its process. */
interface Run {
  readonly server: Server;
  readonly clock: LeapClock;
  readonly store: HeldJournal;
  readonly authenticator: HeldAuthenticator;
  readonly links: Set<Link>;
  readonly listeners: Listener[];
  readonly limits: { -readonly [K in keyof Limits]: Limits[K] };
  url: string;
}

export class InProcess implements Target, Control {
  readonly scheme: InProcessOptions['scheme'];
  readonly login: Credentials;
  readonly identity?: string;
  readonly device = DEVICE;
  readonly secondLogin: Credentials = { method: 'password', identity: 'other', secret: SECRET };
  readonly secondDevice = 'tap:vnconf1';
  readonly patience: number;
  readonly control: Control = this;
  readonly diagnostics = new MemoryDiagnostics();
  readonly #options: InProcessOptions;
  readonly #dir: string | undefined;
  #network: Network;
  #world!: { journal: MemoryJournal; devices: MemoryDevices; held: HeldDevices; secrets: MemorySecretStore };
  #run!: Run;
  readonly #forbidden = new Set<Verb>();
  #far = false;

  private constructor(options: InProcessOptions) {
    this.#options = options;
    this.scheme = options.scheme;
    this.patience = options.patience ?? 5_000;
    this.login =
      options.scheme === 'unix'
        ? { method: 'local' }
        : options.byCertificate
          ? { method: 'cert' }
          : { method: 'password', identity: 'default', secret: SECRET };
    if (options.byCertificate) this.identity = 'suite';
    this.#dir = options.scheme === 'unix' ? mkdtempSync(join(tmpdir(), 'vnconf-')) : undefined;
    const tls = () => ({ ...NO_TLS_MATERIAL, ...(options.own === undefined ? {} : { own: options.own }) });
    this.#network = realNetwork({ tls });
  }

  static async start(options: InProcessOptions): Promise<InProcess> {
    const target = new InProcess(options);
    await target.renew();
    return target;
  }

  get url(): string {
    return this.#run.url;
  }

  get server(): Server {
    return this.#run.server;
  }

  get records(): readonly string[] {
    return this.#world.journal.lines;
  }

  // ── As a target ──

  dial(): Promise<Link> {
    if (this.scheme === 'tcp') return dialResettable(this.#run.url);
    const { own } = this.#options;
    return this.#network.dial(this.#run.url, {
      signal: AbortSignal.timeout(this.patience),
      clientCertificate: this.login.method === 'cert',
      ...(own === undefined ? {} : { pin: own.fingerprint }),
    });
  }

  listen(accept: (link: Link) => void, own?: KeyPair): Promise<Listener> {
    if (own === undefined) return this.#network.listen('tcp://127.0.0.1:0', accept);
    const network = realNetwork({ tls: () => ({ ...NO_TLS_MATERIAL, own }) });
    return network.listen('tls://127.0.0.1:0', accept);
  }

  async nowhere(): Promise<string> {
    const { url, close } = await this.listen((link) => link.destroy());
    await close();
    return url;
  }

  async close(): Promise<void> {
    await this.#die();
    if (this.#dir !== undefined) rmSync(this.#dir, { recursive: true, force: true });
  }

  // ── As control ──

  advance(milliseconds: number): Promise<void> {
    return this.#run.clock.advance(milliseconds);
  }

  now(): number {
    return this.#run.clock.mono() / 1e6;
  }

  holdDevices(): void {
    this.#world.held.hold();
  }

  deviceWanted(): Promise<void> {
    return this.#world.held.wanted();
  }

  openDevice(): void {
    this.#world.held.answer();
  }

  failDevice(reason: DeviceError['reason']): void {
    this.#world.held.answer(reason);
  }

  removeDevice(device: string): void {
    this.#world.devices.delete(ifnameOf(device));
  }

  restoreDevice(device: string): void {
    this.#world.devices.add({ name: ifnameOf(device), kind: 'tap' });
  }

  sniff(device: string): ReturnType<Control['sniff']> {
    const station = this.#world.devices.hub(ifnameOf(device)).attach({ ifname: 'station', mtu: 65_535 });
    const heard: Buffer[] = [];
    station.start({
      frames: ({ buffer, start, end }) => {
        for (let at = start; at < end; ) {
          const next = at + 4 + buffer.readUIntBE(at + 1, 3);
          heard.push(Buffer.from(buffer.subarray(at + 4, next)));
          at = next;
        }
      },
      gone: () => {},
    });
    return { heard: () => heard.splice(0), send: (frame) => station.send([frame]) };
  }

  holdLog(): void {
    this.#run.store.gate.hold();
  }

  stepLog(): void {
    this.#run.store.gate.step();
  }

  releaseLog(): void {
    this.#run.store.gate.release();
  }

  breakLog(broken: boolean): void {
    const { journal } = this.#world;
    journal.appendFault = broken ? new Error('no space left on device') : undefined;
  }

  forbid(verb: Verb): void {
    this.#forbidden.add(verb);
  }

  farAway(): void {
    this.#far = true;
  }

  overload(on: boolean): void {
    this.#run.authenticator.overloaded = on;
  }

  holdVerdict(): void {
    this.#run.authenticator.gate.hold();
  }

  verdictWanted(): Promise<void> {
    return this.#run.authenticator.gate.wanted();
  }

  releaseVerdict(): void {
    this.#run.authenticator.gate.release();
  }

  limit(limits: LimitsForTests): void {
    Object.assign(this.#run.limits, limits);
  }

  async stop(): Promise<void> {
    await this.#run.server.stop('SIGTERM');
  }

  async restart(resume: boolean): Promise<void> {
    await this.#die();
    for (const { name } of this.#world.devices.interfaces()) {
      for (const device of this.#world.devices.opened(name)) await device.close();
    }
    this.#world.held = this.#world.held.afresh();
    await this.#begin(resume);
  }

  stateOf(actor: string): string | undefined {
    const { server } = this.#run;
    const [kind, id = ''] = actor.split(':', 2);
    if (kind === 'session') return server.sessions.all().find((session) => session.id === id)?.state;
    return server.handlers.byActor(actor)?.state;
  }

  hasSessions(state: string): boolean {
    return this.#run.server.sessions.all().some((session) => session.state === state);
  }

  async renew(): Promise<void> {
    await this.#die();
    this.#forbidden.clear();
    this.#far = false;
    const clock = new LeapClock();
    // The devices outlive each run, and its clock.
    const devices = new MemoryDevices(realClock());
    this.#world = {
      journal: new MemoryJournal(() => clock.now()),
      devices,
      held: new HeldDevices(devices),
      secrets: new MemorySecretStore(),
    };
    await this.#begin(true, clock);
  }

  /** The process dies: connections are reset, timers never fire, nothing is written any more. */
  async #die(): Promise<void> {
    const run = this.#run as Run | undefined;
    if (run === undefined) return;
    run.store.dead = true;
    run.clock.stop();
    for (const link of run.links) link.destroy();
    await Promise.all(run.listeners.map((listener) => listener.close()));
  }

  async #begin(resume: boolean, clock = new LeapClock()): Promise<void> {
    const { journal, held, secrets } = this.#world;
    const { fault = {}, own } = this.#options;
    const store = new HeldJournal(journal);
    const folded = foldLog(journal.lines, MACHINES, sha256);
    if (folded.verdict.kind !== 'ok')
      throw new Error(`the log does not replay: ${JSON.stringify(folded.verdict)}`);
    const live = new Map(folded.fold.live());
    const boot = randomBytes(8).toString('hex');
    const { diagnostics } = this;
    const recorder = new Recorder({
      store,
      clock,
      digest: sha256,
      boot,
      sync: 'always',
      diagnostics,
      head: folded.verdict.head,
      live,
    });
    const limits = { ...(fault.limits?.(DEFAULT_LIMITS) ?? DEFAULT_LIMITS) };
    const authenticator = new HeldAuthenticator(
      new Map([
        ['default', SECRET],
        ['other', SECRET],
      ]),
      own === undefined ? new Map() : new Map([[own.fingerprint, 'suite']]),
    );
    const links = new Set<Link>();
    const listeners: Listener[] = [];
    const parts: ServerParts = {
      name: 'under-test',
      version: '0.0.0',
      boot,
      pid: process.pid,
      limits,
      configuration: {
        allowPlaintext: false,
        peer: () => undefined,
        forbids: (_, { verb }) =>
          this.#forbidden.has(verb) ? { rule: 'test', text: 'forbidden' } : undefined,
      },
      network: (fault.network ?? same)(tracked(this.#network, links, listeners, () => this.#far)),
      interfaces: held,
      clock,
      chance: realChance(),
      authenticator,
      secretStore: secrets,
      diagnostics,
      recorder,
      facts: () => [],
      checks: () => [],
    };
    const server = new Server({ ...parts, ...fault.parts?.(parts) });
    fault.server?.(server);
    this.#run = { server, clock, store, authenticator, links, listeners, limits, url: '' };
    const [url = ''] = await server.start({ listen: [this.#listenUrl()], resume, live, tornBytes: 0 });
    this.#run.url = url;
  }

  #listenUrl(): string {
    return this.#dir === undefined ? `${this.scheme}://127.0.0.1:0` : `unix://${this.#dir}/control`;
  }
}

const same = (network: Network): Network => network;
const ifnameOf = (device: string): string => device.replace(/^\w+:/, '').replace(/\?.*$/, '');

/** Remembers what is open, so that it can be cut when the process dies. */
function tracked(network: Network, links: Set<Link>, listeners: Listener[], far: () => boolean): Network {
  const track = (link: Link) => {
    links.add(link);
    if (far()) Object.defineProperty(link, 'loopback', { value: false });
    return link;
  };
  return {
    listen: async (url, accept) => {
      const listener = await network.listen(url, (link) => {
        accept(track(link));
      });
      listeners.push(listener);
      return listener;
    },
    dial: async (url, options) => {
      return track(await network.dial(url, options));
    },
  };
}
