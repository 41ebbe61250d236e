/** One VNET server: its actors, put together, taken up from the log at start, and laid down at the end. */
import type {
  Authenticator,
  Chance,
  Clock,
  Devices,
  Diagnostics,
  Link,
  Listener,
  Network,
  SecretStore,
  Timer,
} from '../io/ports.ts';
import { serverDefinition } from '../machines/index.ts';
import type { LiveActor } from '../machines/log/fold.ts';
import { REMEMBERED, type ServerEvent, type serverMachine } from '../machines/server/machine.ts';
import type { sessionMachine } from '../machines/session/machine.ts';
import { DeviceRegistry } from './device/devices.ts';
import type { DeviceWorld } from './device/world.ts';
import { DialQueue } from './handler/dial-queue.ts';
import { HandlerRegistry } from './handler/handlers.ts';
import type { HandlerWorld } from './handler/world.ts';
import type { Limits } from './limits.ts';
import { FrameWatch } from './packet-path/frame-watch.ts';
import { OwnWires } from './packet-path/own-wires.ts';
import type { Recorder } from './recorder/recorder.ts';
import { UnauthenticatedSessions } from './recorder/unauthenticated.ts';
import { Secrets } from './session/secrets.ts';
import { Sessions } from './session/sessions.ts';
import { Watchers } from './session/watchers.ts';
import type { Check, SessionJournal, SessionWorld } from './session/world.ts';
import { type AnyEffect, Shell } from './shell.ts';
import type { Configuration } from './world.ts';

export interface ServerParts {
  readonly name: string;
  readonly version: string;
  readonly boot: string;
  readonly pid: number;
  readonly limits: Limits;
  readonly configuration: Configuration;
  readonly network: Network;
  readonly interfaces: Devices;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly authenticator: Authenticator;
  readonly secretStore: SecretStore;
  readonly diagnostics: Diagnostics;
  readonly recorder: Recorder;
  /** Further `STATUS <key> <value>` pairs. */
  readonly facts: () => readonly (readonly [string, string])[];
  /** What CHECK? tells besides: of the process, and the machine around it. */
  readonly checks: () => readonly Check[];
}

export interface StartOptions {
  /** Listener URLs, at least one. */
  readonly listen: readonly string[];
  /** Whether Handlers that were not closed are dialled again. */
  readonly resume: boolean;
  /** What the log comes to. */
  readonly live: ReadonlyMap<string, LiveActor>;
  /** Bytes of a torn last line that were cut off. */
  readonly tornBytes: number;
}

const ROTATION_CHECK_MS = 60_000;

export class Server implements DeviceWorld, HandlerWorld, SessionWorld {
  readonly name: string;
  readonly version: string;
  readonly boot: string;
  readonly limits: Limits;
  readonly configuration: Configuration;
  readonly network: Network;
  readonly interfaces: Devices;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly authenticator: Authenticator;
  readonly secrets: Secrets;
  readonly diagnostics: Diagnostics;
  readonly journal: Recorder;
  readonly devices: DeviceRegistry;
  readonly dials = new DialQueue();
  readonly handlers: HandlerRegistry;
  readonly sessions: Sessions;
  readonly watchers = new Watchers();
  readonly frames: FrameWatch;
  readonly ownWires: OwnWires;
  readonly #parts: ServerParts;
  readonly #strangers: UnauthenticatedSessions;
  readonly #listeners: Listener[] = [];
  readonly #startedAt: number;
  #shell: Shell<typeof serverMachine, AnyEffect> | undefined;
  #stopping: Promise<void> | undefined;
  #rotation: Timer | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.version = parts.version;
    this.boot = parts.boot;
    this.limits = parts.limits;
    this.configuration = parts.configuration;
    this.network = parts.network;
    this.interfaces = parts.interfaces;
    this.clock = parts.clock;
    this.chance = parts.chance;
    this.authenticator = parts.authenticator;
    this.secrets = new Secrets(parts.secretStore, parts.chance);
    this.diagnostics = parts.diagnostics;
    this.journal = parts.recorder;
    this.frames = new FrameWatch(parts.clock);
    this.ownWires = new OwnWires(parts.clock);
    this.devices = new DeviceRegistry(this);
    this.handlers = new HandlerRegistry(this);
    this.sessions = new Sessions(this);
    this.#strangers = new UnauthenticatedSessions(parts.recorder, parts.clock);
    this.#startedAt = parts.clock.mono();
    parts.recorder.onRecord(({ record }) => {
      this.watchers.tell(record);
      if (record.event.type === 'restored' || record.event.type === 'gap') this.handlers.dropSecrets();
    });
  }

  /** Takes up what the log says, listens, and dials again. @returns the URLs it listens on @throws Error */
  async start({ listen, resume, live, tornBytes }: StartOptions): Promise<readonly string[]> {
    this.#begin(live.get('server'), tornBytes);
    const dial = this.#takeUp(live, resume);
    const urls = await this.#listen(listen);
    this.record({ type: 'listening', urls });
    dial();
    this.#watchSegment();
    return urls;
  }

  /** An event of the server's own that belongs on record. */
  record(event: ServerEvent): void {
    this.#shell?.send(event);
  }

  /** BYE to all, devices closed, log closed. Resolves when all that is done, in under 5 s. Idempotent. */
  stop(signal: string): Promise<void> {
    this.#stopping ??= this.#stop(signal);
    return this.#stopping;
  }

  status(): readonly (readonly [string, string])[] {
    const uptime = Math.floor((this.clock.mono() - this.#startedAt) / 1e9);
    return [
      ['version', this.version],
      ['name', this.name],
      ['uptime', String(uptime)],
      ['pid', String(this.#parts.pid)],
      ['sessions', String(this.sessions.count)],
      ['handlers', String(this.handlers.all().length)],
      ['log_position', String(this.journal.position)],
      ['log_state', this.journal.status],
      ['sessions_unauthenticated', String(this.sessions.strangers)],
      ['sessions_turned_away', String(this.sessions.turnedAway)],
      ['listen', this.#listeners.map(({ url }) => url).join(' ')],
      ...this.#parts.facts(),
    ];
  }

  checks(): readonly Check[] {
    return this.#parts.checks();
  }

  wasClosed(handler: string): boolean {
    const now = this.clock.now();
    const closed = this.#shell?.context.closedHandlers ?? [];
    return closed.some(([id, at]) => id === handler && now - at < REMEMBERED);
  }

  rememberClosed(handler: string): void {
    if (!this.wasClosed(handler)) this.record({ type: 'closed-handler', handler, now: this.clock.now() });
  }

  sessionJournal(session: string, address: string): SessionJournal {
    return {
      commit: (entry, effects) => this.#strangers.commit(entry, effects, address),
      tryCommit: (entry, effects) => this.journal.tryCommit(entry, effects),
      delay: () => this.#strangers.delay(`session:${session}`),
    };
  }

  #begin(server: LiveActor | undefined, tornBytes: number): void {
    const { name, version, boot, clock } = this;
    this.#shell =
      server === undefined
        ? Shell.create(this.journal, 'server', serverDefinition, {}, { name })
        : Shell.restore(this.journal, 'server', server, {});
    this.record({ type: 'start', boot, version, name, now: clock.now() });
    if (tornBytes > 0) this.record({ type: 'log-cut', bytes: tornBytes });
  }

  /** Sessions and responders of the run before are closed first; then devices are taken up, then initiators. */
  #takeUp(live: ReadonlyMap<string, LiveActor>, resume: boolean): () => void {
    const of = (kind: string) => [...live].filter(([actor]) => actor.startsWith(`${kind}:`));
    for (const [actor, session] of of('session')) {
      Shell.restore<typeof sessionMachine, AnyEffect>(this.journal, actor, session, DEAF).send({
        type: 'restart',
      });
    }
    const handlers = of('handler');
    const dial = this.handlers.restore(handlers, resume);
    const standing = new Set(this.handlers.all().map(({ actor }) => actor));
    const responders = new Set(handlers.map(([actor]) => actor).filter((actor) => !standing.has(actor)));
    for (const [actor, device] of of('device')) this.devices.restore(actor, device, standing, responders);
    this.secrets.sweep(this.handlers.secretRefs());
    return dial;
  }

  async #listen(urls: readonly string[]): Promise<readonly string[]> {
    try {
      for (const url of urls) this.#listeners.push(await this.network.listen(url, this.#accept));
    } catch (error) {
      await Promise.all(this.#listeners.map((listener) => listener.close()));
      throw error;
    }
    return this.#listeners.map(({ url }) => url);
  }

  readonly #accept = (link: Link): void => {
    if (this.#stopping === undefined) this.sessions.accept(link);
    else link.destroy();
  };

  #watchSegment(): void {
    this.#rotation = this.clock.after(ROTATION_CHECK_MS, () => {
      if (this.#stopping !== undefined) return;
      this.journal.rotateIfDue();
      this.#watchSegment();
    });
  }

  async #stop(signal: string): Promise<void> {
    this.#rotation?.cancel();
    // Listeners count as closed when their last connection is: that is waited for below, not here.
    const closing = this.#listeners.map((listener) => listener.close());
    const farewells = this.handlers.shutdown();
    this.sessions.shutdown();
    await farewells;
    await this.devices.shutdown();
    this.record({ type: 'stop', signal });
    this.#strangers.flush();
    await this.journal.close();
    await Promise.race([Promise.all(closing), new Promise<void>((done) => this.clock.after(500, done))]);
  }
}

/** A session of an earlier run has nobody to do anything for. */
const DEAF = new Proxy({}, { get: () => () => undefined }) as never;
