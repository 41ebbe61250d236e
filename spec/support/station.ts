/** One server on a machine of memory: it can be started, stopped, crash, and come back with its log. */
import { DEFAULT_LIMITS, type Limits } from '../../actors/limits.ts';
import { Recorder, type RecorderOptions } from '../../actors/recorder/recorder.ts';
import { Server } from '../../actors/server.ts';
import type { Configuration, Peer } from '../../actors/world.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { MemoryAuthenticator } from '../../io/memory/authenticator.ts';
import { SeededChance } from '../../io/memory/chance.ts';
import type { VirtualClock } from '../../io/memory/clock.ts';
import { MemoryDevices } from '../../io/memory/devices.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../io/memory/journal.ts';
import type { MemoryHost } from '../../io/memory/network.ts';
import { MemorySecretStore } from '../../io/memory/secrets.ts';
import type { Clock, Devices, FrameDevice, Network } from '../../io/ports.ts';
import { MACHINES } from '../../machines/index.ts';
import type { LogRecord } from '../../machines/log/record.ts';
import { type Folded, foldLog } from '../../machines/log/replay.ts';
import { Talker, type TalkerWorld } from './talker.ts';

export interface StationOptions {
  readonly listen: readonly string[];
  readonly passwords: Readonly<Record<string, string>>;
  readonly allowPlaintext: boolean;
  readonly limits: Partial<Limits>;
  readonly peers: readonly Peer[];
  readonly forbids: Configuration['forbids'];
  /** Bounds of the log other than the defaults. */
  readonly recorder: Partial<Pick<RecorderOptions, 'sync' | 'heldRecords' | 'heldBytes' | 'segmentBytes'>>;
}

const DEFAULTS: StationOptions = {
  listen: ['tcp://0.0.0.0:7411'],
  passwords: { default: 'secret-of-default' },
  allowPlaintext: true,
  limits: {},
  peers: [],
  forbids: () => undefined,
  recorder: {},
};

/** What a station needs of the world it stands in. */
export interface StationWorld extends TalkerWorld {
  readonly clock: VirtualClock;
  /** What must stand in no line of any log. */
  readonly secrets: Set<string>;
  /** Lets everything happen that takes no time. */
  settle(): Promise<void>;
}

export class Station {
  readonly devices: MemoryDevices;
  readonly authenticator: MemoryAuthenticator;
  readonly secrets = new MemorySecretStore();
  readonly diagnostics = new MemoryDiagnostics();
  readonly journal: MemoryJournal;
  readonly options: StationOptions;
  /** Messages of level error that belong to the test. */
  readonly expectedErrors: string[] = [];
  #chance: SeededChance;
  #boots = 0;
  #server: Server | undefined;
  #fence: ProcessBoundary | undefined;

  constructor(
    private readonly world: StationWorld,
    readonly name: string,
    readonly host: MemoryHost,
    options: Partial<StationOptions>,
  ) {
    this.options = { ...DEFAULTS, ...options };
    this.devices = new MemoryDevices(world.clock);
    this.authenticator = new MemoryAuthenticator(world.clock);
    for (const [identity, secret] of Object.entries(this.options.passwords)) {
      this.authenticator.password(identity, secret);
      world.secrets.add(secret);
    }
    this.journal = new MemoryJournal(() => world.clock.now());
    this.#chance = new SeededChance(Number.parseInt(Buffer.from(name).toString('hex').slice(0, 8), 16));
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error(`${this.name} does not run`);
    return this.#server;
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  /** What the log comes to. */
  fold(): Folded {
    return foldLog(this.journal.lines, MACHINES, sha256);
  }

  /** Records of the log, of one actor or of all whose name begins so. */
  history(actor = ''): LogRecord[] {
    return this.journal.lines
      .map((line) => JSON.parse(line) as LogRecord)
      .filter((record) => record.actor.startsWith(actor));
  }

  /** Types of the events of an actor, with the state after each. */
  steps(actor: string): string[] {
    return this.history(actor).map(({ event, to }) => `${event.type} → ${to}`);
  }

  async start({ resume = true, tornBytes = 0 } = {}): Promise<this> {
    const { verdict, fold } = this.fold();
    if (verdict.kind !== 'ok') throw new Error(`the log of ${this.name} is ${verdict.kind}`);
    const fence = new ProcessBoundary(this.world.clock, this.host, this.devices);
    const { clock, network, interfaces } = fence;
    const boot = `boot${++this.#boots}`;
    const live = new Map(fold.live());
    const { diagnostics, options } = this;
    const recorder = new Recorder({
      store: this.journal,
      clock,
      digest: sha256,
      boot,
      sync: 'interval',
      diagnostics,
      head: verdict.head,
      live,
      schedule: (flush) => void clock.after(0, flush),
      ...options.recorder,
    });
    this.#fence = fence;
    this.#server = new Server({
      name: this.name,
      version: '0.0.0',
      boot,
      pid: 1,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      configuration: {
        allowPlaintext: options.allowPlaintext,
        peer: (name) => options.peers.find((peer) => peer.name === name),
        forbids: options.forbids,
      },
      network,
      interfaces,
      clock,
      chance: this.#chance,
      authenticator: this.authenticator,
      secretStore: this.secrets,
      diagnostics,
      recorder,
      facts: () => [],
      checks: () => [],
    });
    await this.#server.start({ listen: options.listen, resume, live, tornBytes });
    return this;
  }

  /** An orderly end; time goes on until it is over. */
  async stop(): Promise<void> {
    const { server } = this;
    let over = false;
    void server.stop('SIGTERM').then(() => {
      over = true;
    });
    await this.world.until(
      () => over,
      5_000,
      () => `the end of ${this.name} within 5 s`,
    );
    this.#server = undefined;
  }

  /** The process is killed: nothing of it happens any more, and nobody is told but by its sockets. */
  crash(): void {
    this.#fence?.fall();
    this.host.crash();
    for (const { name } of this.devices.standing()) {
      for (const device of this.devices.opened(name)) void device.close();
    }
    this.#server = undefined;
  }

  async restart(options: { resume?: boolean; tornBytes?: number } = {}): Promise<void> {
    if (this.running) this.crash();
    await this.start(options);
  }

  /** A connection to it; by default from its own machine. */
  async connect({
    from = this.host,
    url = 'tcp://127.0.0.1:7411',
    certificate = false,
  } = {}): Promise<Talker> {
    const signal = new AbortController().signal;
    let link: Awaited<ReturnType<MemoryHost['dial']>> | undefined;
    let failure: Error | undefined;
    from.dial(url, { signal, clientCertificate: certificate }).then(
      (made) => {
        link = made;
      },
      (error: Error) => {
        failure = error;
      },
    );
    await this.world.until(
      () => link !== undefined || failure !== undefined,
      1_000,
      () => `a way to ${url}`,
    );
    if (link === undefined) throw failure;
    const talker = new Talker(this.world, link);
    await this.world.settle();
    return talker;
  }

  /** A session that was greeted and whose HELLO was taken. */
  async client(identity = 'default', way: Parameters<Station['connect']>[0] = {}): Promise<Talker> {
    const talker = await this.connect(way);
    await talker.answer(1_000);
    const answer = await talker.ask(`HELLO password ${identity} ${this.options.passwords[identity]}`, 2_000);
    if (!answer.startsWith('OK session=')) throw new Error(answer);
    return talker;
  }
}

/** Everything of one run of a server happens through it, so that a crash can end it all. */
class ProcessBoundary {
  #down = false;
  readonly clock: Clock;
  readonly network: Network;
  readonly interfaces: Devices;

  constructor(clock: Clock, host: MemoryHost, devices: MemoryDevices) {
    this.clock = {
      wall: () => clock.wall(),
      now: () => clock.now(),
      mono: () => clock.mono(),
      after: (ms, fire) =>
        clock.after(ms, () => {
          if (!this.#down) fire();
        }),
    };
    this.network = {
      listen: (url, accept) => host.listen(url, accept),
      dial: (url, options) => host.dial(url, options).then((link) => this.#unless(link, () => link.vanish())),
    };
    const opened = (device: FrameDevice) => this.#unless(device, () => void device.close());
    this.interfaces = {
      interfaces: () => devices.interfaces(),
      find: (ifname) => devices.find(ifname),
      at: (ifindex) => devices.at(ifindex),
      kernel: devices.kernel,
      captureBackends: () => devices.captureBackends(),
      tapAvailable: () => devices.tapAvailable(),
      capture: (backend, ifname, ifindex) => devices.capture(backend, ifname, ifindex).then(opened),
      openTap: (ifname, options) => devices.openTap(ifname, options).then(opened),
      onChange: (changed) =>
        devices.onChange(() => {
          if (!this.#down) changed();
        }),
      setMtu: (tap, mtu) => devices.setMtu(tap, mtu),
      restoreTap: (ifindex, found) => devices.restoreTap(ifindex, found),
      removeTap: (tap) => devices.removeTap(tap),
    };
  }

  fall(): void {
    this.#down = true;
  }

  /** What comes to a process that is no more is given back by its kernel. */
  #unless<T>(got: T, giveBack: () => void): T | Promise<T> {
    if (!this.#down) return got;
    giveBack();
    return new Promise(() => undefined);
  }
}
