/**
 * Some servers, the machines and segments they stand on, the network between them, clients, and a clock that stands
 * still until it is told to go on: all in this process, and nothing in it depends on anything but the plan.
 */
import type { Entry } from '../../actors/recorder/recorder.ts';
import { SeededChance } from '../../io/memory/chance.ts';
import { VirtualClock } from '../../io/memory/clock.ts';
import type { LineConditions } from '../../io/memory/line.ts';
import { type MemoryHost, MemoryInternet } from '../../io/memory/network.ts';
import type { Link } from '../../io/ports.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import { CREATED } from '../../machines/log/record.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';
import { Client } from './client.ts';
import { type Way, wayOf } from './expected-paths.ts';
import type { Plan } from './plan.ts';
import { Probes } from './probes.ts';
import { type ServerSimulation, SimulatedServer } from './simulated-server.ts';

/** A Handler that some server began as initiator. */
export interface Known {
  readonly id: string;
  readonly initiator: SimulatedServer;
  readonly responder: SimulatedServer;
}

export interface Figures {
  handlers: number;
  records: number;
  faults: number;
  frames: number;
  heard: number;
  boots: number;
  /** Further wires that came up, at either end. */
  wires: number;
}

/** Interfaces that every machine has. What lies on `br0` and on `lan0` are different LANs. */
export const INTERFACES = ['lan0', 'br0', 'vm0', 'vm1', 'x0'] as const;
export const TAPS = ['t0', 't1'] as const;

export class Simulation implements ServerSimulation {
  readonly clock = new VirtualClock();
  readonly internet: MemoryInternet;
  readonly ether = new Probes(this.clock);
  readonly sites: readonly SimulatedServer[];
  /** The machine that clients sit at. */
  readonly desk: MemoryHost;
  readonly clients: Client[] = [];
  readonly known = new Map<string, Known>();
  readonly ways = new Map<string, Way>();
  /** Ids that a client was told: its HANDLE has gone well; its CLOSE has. */
  readonly acknowledged = new Set<string>();
  readonly closed = new Set<string>();
  /** Ends of connections whose other end was switched off: nobody tells the server there, unless it asks. */
  readonly forsaken = new Set<Link>();
  readonly figures: Figures = { handlers: 0, records: 0, faults: 0, frames: 0, heard: 0, boots: 0, wires: 0 };
  /** What the way between two machines is like but for faults. */
  line: LineConditions;
  failure: string | undefined;
  readonly #heals = new Set<() => void>();
  /** Ids of Handlers with the sides of each that live. */
  readonly #sides = new Map<string, Set<string>>();
  readonly #dials = new Set<AbortController>();
  readonly #tell: ((line: string) => void) | undefined;

  /** @param tell gets every line of the story; without it none is made */
  constructor(
    readonly plan: Plan,
    tell?: (line: string) => void,
  ) {
    this.#tell = tell;
    this.line = { ...plan.line, delay: plan.latency };
    this.internet = new MemoryInternet(this.clock, new SeededChance(plan.seed + 2));
    this.internet.line = this.line;
    if (plan.reads === 'pieces') {
      const chance = new SeededChance(plan.seed + 1);
      this.internet.readSize = () => (chance.below(3) === 0 ? 65_536 : 1 + chance.below(40));
    }
    this.desk = this.internet.host('10.0.1.1', { names: ['desk'] });
    this.sites = plan.sites.map((site, number) => {
      const host = this.internet.host(`10.0.0.${number + 1}`, { names: [site.name] });
      return new SimulatedServer(this, site.name, host, site);
    });
    for (const [number, site] of this.sites.entries()) this.#furnish(site, plan.sites[number]!.lanMtu);
    this.ether.onDamaged = (text) => this.fail(text);
  }

  // ── Telling ──

  note(who: string, text: () => string): void {
    this.#tell?.(`${(this.clock.mono() / 1e9).toFixed(6).padStart(12)}  ${who.padEnd(6)}  ${text()}`);
  }

  /** The first one counts. */
  fail(text: string): void {
    this.note('', () => `FAILURE  ${text}`);
    this.failure ??= `after ${(this.clock.mono() / 1e9).toFixed(3)} s: ${text}`;
  }

  // ── Who is there ──

  site(number: number): SimulatedServer {
    return this.sites[number % this.sites.length]!;
  }

  siteOf(url: string): SimulatedServer | undefined {
    return this.sites.find((site) => site.url === url);
  }

  /** The segment that a device stands on. */
  segmentOf(site: SimulatedServer, spec: DeviceSpec): string {
    return `${site.name}/${(spec.kind === 'tap' ? spec.bridge : undefined) ?? spec.ifname}`;
  }

  /** A client at that server: one that is there, or a new one. */
  client(site: SimulatedServer, pick: number, use: (client: Client) => void): void {
    const there = this.clients.filter((client) => client.site === site.name && client.alive);
    const client = pick % 3 === 0 ? undefined : there[pick % Math.max(1, there.length)];
    if (client !== undefined) return use(client);
    this.connect(site, (fresh) => {
      fresh.ask(`HELLO password ${site.secret}`, () => undefined, 'HELLO password …');
      use(fresh);
    });
  }

  /** Dials from the clients' machine. It may never come about. */
  connect(site: SimulatedServer, use: (client: Client) => void): void {
    const number = this.clients.length;
    const note = (text: string) => this.note('client', () => `${number}@${site.name} ${text}`);
    this.dial(site, (link) => {
      const complain = (text: string) => this.fail(`${site.name} to client ${number}: ${text}`);
      const client = new Client(site.name, link, complain, note);
      this.clients.push(client);
      use(client);
    });
  }

  dial(site: SimulatedServer, use: (link: Link) => void): void {
    const abort = new AbortController();
    this.#dials.add(abort);
    this.desk
      .dial(site.url, { signal: abort.signal, clientCertificate: false })
      .finally(() => this.#dials.delete(abort))
      .then(use, (error: Error) => this.note('client', () => error.message));
  }

  giveUpDials(): void {
    for (const dial of this.#dials) dial.abort();
  }

  // ── Faults ──

  /** A fault that is undone by itself after `ms`, or when all faults end. */
  fault(who: string, what: () => string, ms: number, begin: () => void, undo: () => void): void {
    this.figures.faults++;
    this.note(who, () => `~~ ${what()}, for ${ms} ms`);
    begin();
    const heal = () => {
      if (!this.#heals.delete(heal)) return;
      timer.cancel();
      this.note(who, () => `~~ no more: ${what()}`);
      undo();
    };
    this.#heals.add(heal);
    const timer = this.clock.after(ms, heal);
  }

  healAll(): void {
    for (const heal of [...this.#heals]) heal();
    // What is left of a way is its length.
    const { delay = 0, loss = 0, rate = 0 } = this.line;
    if (loss === 0 && rate === 0) return;
    this.line = this.internet.line = { delay };
    for (const { wire } of this.internet.connections) wire.set({ delay, loss: 0, rate: 0 });
  }

  // ── What servers tell ──

  made(site: SimulatedServer, { actor, event, snapshot }: Entry): void {
    this.figures.records++;
    if (event.type === 'join' || event.type === 'wire-up') this.figures.wires++;
    const [kind, id = ''] = actor.split(':');
    if (kind !== 'handler') return;
    const sides = this.#sides.get(id) ?? new Set();
    this.#sides.set(id, sides);
    if (event.type === CREATED) this.#begun(site, id, snapshot.context as unknown as InitiatorContext);
    if (snapshot.status === 'done') sides.delete(`${site.name}/${actor}`);
    else sides.add(`${site.name}/${actor}`);
    this.#stamp(id, sides);
  }

  /** A process is gone, and what it carried is not carried any more. */
  ended(site: SimulatedServer): void {
    for (const [id, sides] of this.#sides) {
      for (const side of sides) if (side.startsWith(`${site.name}/`)) sides.delete(side);
      this.#stamp(id, sides);
    }
  }

  #stamp(id: string, sides: ReadonlySet<string>): void {
    const way = this.ways.get(id);
    if (way === undefined) return;
    if (sides.size > 0) way.until = Number.POSITIVE_INFINITY;
    else if (way.until === Number.POSITIVE_INFINITY) way.until = this.clock.mono();
  }

  #begun(site: SimulatedServer, id: string, context: InitiatorContext): void {
    if (context.side !== 'initiator' || context.remote.kind !== 'url') return;
    const responder = this.siteOf(context.remote.url);
    if (responder === undefined) return;
    this.figures.handlers++;
    this.known.set(id, { id, initiator: site, responder });
    const segments = [
      this.segmentOf(site, context.localDevice),
      this.segmentOf(responder, context.remoteDevice),
    ] as const;
    this.ways.set(id, wayOf(id, context, segments, this.clock.mono()));
  }

  #furnish(site: SimulatedServer, lanMtu: number): void {
    for (const name of INTERFACES) {
      const mtu = name.startsWith('vm') || name === 'x0' ? 1500 : lanMtu;
      const hub = site.interfaces.add({ name, mtu, kind: name === 'br0' ? 'bridge' : 'veth' });
      this.ether.watch(`${site.name}/${name}`, hub);
    }
    site.interfaces.onTap = (ifname, hub) => {
      const { bridge } = site.interfaces.look(ifname) ?? {};
      this.ether.watch(`${site.name}/${bridge ?? ifname}`, hub);
    };
  }
}
