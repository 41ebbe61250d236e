/** One machine with a server: it can be started, stopped, killed at any instant, and come back with its log. */
import { DEFAULT_LIMITS } from '../../actors/limits.ts';
import { type Entry, Recorder, type RecorderOptions } from '../../actors/recorder/recorder.ts';
import { Server } from '../../actors/server.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { MemoryAuthenticator } from '../../io/memory/authenticator.ts';
import { SeededChance } from '../../io/memory/chance.ts';
import type { VirtualClock } from '../../io/memory/clock.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import type { Connection, MemoryHost } from '../../io/memory/network.ts';
import { MemorySecretStore } from '../../io/memory/secrets.ts';
import type { Link, LinkSink, Network } from '../../io/ports.ts';
import { MACHINES } from '../../machines/index.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { type Head, NO_RECORD } from '../../machines/log/record.ts';
import type { Snapshot } from '../../machines/log/registry.ts';
import { foldLog } from '../../machines/log/replay.ts';
import { SimulatedDisk } from './disk.ts';
import { FoldedLog } from './folded-log.ts';
import { SimulatedInterfaces } from './interfaces.ts';
import type { SitePlan } from './plan.ts';
import { ProcessBoundary } from './process-boundary.ts';

export const SECRET = 'open-sesame-of-';

/** Tells of every transition as it is made, also of those that the disk does not take. */
class WatchedRecorder extends Recorder {
  readonly #made: (entry: Entry) => void;

  constructor(options: RecorderOptions, made: (entry: Entry) => void) {
    super(options);
    this.#made = made;
  }

  override commit(entry: Entry, effects: () => void): void {
    super.commit(entry, effects);
    this.#made(entry);
  }

  override tryCommit(entry: Entry, effects: () => void): boolean {
    const taken = super.tryCommit(entry, effects);
    if (taken) this.#made(entry);
    return taken;
  }
}

interface Run {
  readonly fence: ProcessBoundary;
  readonly server: Server;
  readonly recorder: Recorder;
  /** The snapshots that the actors of this process have. */
  readonly life: Map<string, Snapshot>;
  stopping: boolean;
}

const DEAF: LinkSink = {
  data: () => undefined,
  drain: () => undefined,
  end: () => undefined,
  closed: () => undefined,
};

/** What a server's machine needs of the simulation that it stands in. */
export interface ServerSimulation {
  readonly clock: VirtualClock;
  readonly internet: { readonly connections: Iterable<Connection> };
  readonly clients: readonly { readonly site: string; forsaken: boolean }[];
  /** Ends of connections whose other end was switched off. */
  readonly forsaken: Set<Link>;
  note(who: string, text: () => string): void;
  fail(text: string): void;
  /** The server has made a transition. */
  made(site: SimulatedServer, entry: Entry): void;
  /** Its process is gone. */
  ended(site: SimulatedServer): void;
}

export class SimulatedServer {
  readonly interfaces: SimulatedInterfaces;
  readonly authenticator: MemoryAuthenticator;
  readonly secrets = new MemorySecretStore();
  readonly diagnostics = new MemoryDiagnostics();
  readonly disk: SimulatedDisk;
  readonly url: string;
  readonly secret: string;
  /** A crash took records that the disk had refused: what was promised by them nobody knows any more. */
  forgetful = false;
  boots = 0;
  run: Run | undefined;
  readonly #chance: SeededChance;
  readonly #ledger = new FoldedLog();

  constructor(
    private readonly simulation: ServerSimulation,
    readonly name: string,
    readonly host: MemoryHost,
    private readonly plan: SitePlan,
  ) {
    const { clock } = simulation;
    this.interfaces = new SimulatedInterfaces(clock);
    this.authenticator = new MemoryAuthenticator(clock);
    this.disk = new SimulatedDisk(clock);
    this.disk.keep = plan.keepSegments;
    this.secret = `${SECRET}${name}`;
    this.authenticator.password('default', this.secret);
    this.url = `tcp://${name}:7411`;
    this.#chance = new SeededChance(plan.seed);
  }

  get up(): boolean {
    return this.run !== undefined && !this.run.stopping;
  }

  /** What the log comes to. Now and then it is folded from its beginning, as a server does it. */
  fold(): {
    readonly wrong: string | undefined;
    readonly head: Head;
    readonly live: ReadonlyMap<string, LiveActor>;
  } {
    const { lines } = this.disk;
    if (this.boots % 4 !== this.plan.seed % 4) {
      const wrong = this.#ledger.advance(lines);
      return { wrong, head: this.#ledger.head, live: this.#ledger.live() };
    }
    const { verdict, fold } = foldLog(lines, MACHINES, sha256);
    const good = verdict.kind === 'ok';
    return {
      wrong: good ? undefined : JSON.stringify(verdict),
      head: good ? verdict.head : NO_RECORD,
      live: fold.live(),
    };
  }

  start(): void {
    if (this.run !== undefined) return;
    const { simulation, name, diagnostics, plan } = this;
    const folded = this.fold();
    if (folded.wrong !== undefined) return simulation.fail(`the log of ${name}: ${folded.wrong}`);
    const boot = `${name}${++this.boots}`;
    simulation.note(name, () => `── starts, run ${this.boots}`);
    const fence = new ProcessBoundary(simulation.clock);
    this.interfaces.process = fence;
    const live = new Map(folded.live);
    const life = new Map([...live].map(([actor, { snapshot }]) => [actor, snapshot]));
    const recorder = new WatchedRecorder(
      {
        store: fence.guard(this.disk),
        clock: fence.clock,
        digest: sha256,
        boot,
        sync: plan.sync,
        diagnostics: fence.guard(diagnostics),
        head: folded.head,
        live,
        schedule: (flush) => void fence.clock.after(0, flush),
        segmentBytes: plan.segmentBytes,
      },
      (entry) => this.#made(life, entry),
    );
    const server = new Server({
      name,
      version: '0.0.0',
      boot,
      pid: 1,
      limits: DEFAULT_LIMITS,
      configuration: { allowPlaintext: true, peer: () => undefined, forbids: () => undefined },
      network: this.#network(fence),
      interfaces: fence.guard(this.interfaces),
      clock: fence.clock,
      chance: this.#chance,
      authenticator: fence.guard(this.authenticator),
      secretStore: fence.guard(this.secrets),
      diagnostics: fence.guard(diagnostics),
      recorder,
      facts: () => [],
      checks: () => [],
    });
    this.run = { fence, server, recorder, life, stopping: false };
    server
      .start({ listen: ['tcp://0.0.0.0:7411'], resume: true, live, tornBytes: 0 })
      .catch((error: Error) => simulation.fail(`${name} did not start: ${error.message}`));
  }

  /** SIGTERM. @param ended told when the process is gone, unless it is killed before */
  stop(ended: () => void): void {
    const { run, simulation } = this;
    if (run === undefined || run.stopping) return;
    run.stopping = true;
    simulation.note(this.name, () => '── SIGTERM');
    const since = simulation.clock.mono();
    const { slowSyncs } = this.disk;
    const over = (error?: Error) => {
      if (run.fence.down) return;
      if (error !== undefined && this.disk.syncFault === undefined) {
        simulation.fail(`${this.name} did not end well: ${error.stack}`);
      }
      const seconds = (simulation.clock.mono() - since) / 1e9;
      if (seconds > 5 && slowSyncs === this.disk.slowSyncs)
        simulation.fail(`${this.name} took ${seconds} s to end`);
      simulation.note(this.name, () => '── has ended');
      if (!run.recorder.available && this.disk.appendFault !== undefined) this.forgetful = true;
      this.#end(run, 'process');
      ended();
    };
    run.server.stop('SIGTERM').then(() => over(), over);
  }

  /**
   * Kills it. `process`: the kernel ends its connections and keeps its interfaces. `power`: nobody is told, and TAPs
   * are gone.
   */
  crash(how: 'process' | 'power'): void {
    const { run } = this;
    if (run === undefined) return;
    this.simulation.note(this.name, () => `── is killed (${how})`);
    if (run.recorder.status !== 'ok') this.forgetful = true;
    this.#end(run, how);
  }

  #end(run: Run, how: 'process' | 'power'): void {
    run.fence.fall();
    this.run = undefined;
    this.disk.trap = undefined;
    if (how === 'process')
      for (const connection of this.simulation.internet.connections) this.#hangUp(connection);
    this.host.crash();
    for (const { name, kind } of this.interfaces.standing()) {
      for (const device of this.interfaces.opened(name)) void device.close();
      if (how === 'power' && kind === 'tap') this.interfaces.delete(name);
    }
    if (how === 'power') this.#forsake();
    this.simulation.ended(this);
  }

  /** Who talked to a machine that is switched off does not know of it. */
  #forsake(): void {
    const { clients, forsaken, internet } = this.simulation;
    for (const client of clients) client.forsaken ||= client.site === this.name;
    for (const { from, to, accepted } of internet.connections)
      if (from === this.host && to !== this.host) forsaken.add(accepted);
  }

  #hangUp({ from, to, dialled, accepted }: Connection): void {
    for (const [host, link] of [
      [from, dialled],
      [to, accepted],
    ] as const) {
      if (host !== this.host) continue;
      link.attach(DEAF);
      link.destroy();
    }
  }

  #network(fence: ProcessBoundary): Network {
    return fence.network(this.host);
  }

  #made(life: Map<string, Snapshot>, entry: Entry): void {
    const { actor, event, from, to, snapshot } = entry;
    this.simulation.note(this.name, () => `${actor}  ${event.type}: ${from || '·'} → ${to}${detail(event)}`);
    if (snapshot.status === 'done') life.delete(actor);
    else life.set(actor, snapshot);
    this.simulation.made(this, entry);
  }
}

/** What of an event helps to understand a story. */
function detail(event: { readonly [key: string]: unknown }): string {
  const shown = ['why', 'reason', 'remote', 'timer', 'ok', 'handler', 'mtu'].flatMap((key) =>
    event[key] === undefined ? [] : [`${key}=${JSON.stringify(event[key])}`],
  );
  return shown.length === 0 ? '' : `  (${shown.join(' ')})`;
}
