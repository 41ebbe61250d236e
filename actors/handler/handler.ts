/**
 * What a Handler does at either side: its place on a device, its wire, its timers, its end. The two sides
 * (`initiator.ts`, `responder.ts`) add how a wire comes about.
 */
import type { Subscription } from 'rxjs';
import type { Link, TcpFacts, Timer } from '../../io/ports.ts';
import type {
  CommonEvent,
  HandlerEffects,
  LastKnown,
  RequestOutcome,
} from '../../machines/handler/events.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import type { ResponderContext } from '../../machines/handler/responder.ts';
import { formatDevice } from '../../machines/protocol/devices.ts';
import type { Reason } from '../../machines/protocol/errors.ts';
import type { DeviceUser } from '../device/world.ts';
import type { PathCounters } from '../packet-path/counters.ts';
import { HandlerPath } from '../packet-path/path.ts';
import type { Segment } from '../packet-path/segment.ts';
import { type Farewell, Wire } from '../packet-path/wire.ts';
import type { ShellView } from '../shell.ts';
import { Paced } from './paced.ts';
import type { HandlerWorld } from './world.ts';

export type HandlerContext = InitiatorContext | ResponderContext;

const LOST = 'a wire broke';

/** The effects that both sides carry out in the same way. */
type SharedEffects =
  | 'leaveDevice'
  | 'tellMtu'
  | 'followFarMtu'
  | 'adoptMtu'
  | 'awaitDevice'
  | 'farewell'
  | 'dropWire'
  | 'news'
  | 'tellClosed'
  | 'arm'
  | 'cancel';

/** So long it is between two changes of an MTU that are told and put on record, in milliseconds. */
const MTU_PAUSE_MS = 1_000;
const LEAST_MTU = 68;
const MOST_MTU = 65_535;

export abstract class HandlerActor implements DeviceUser {
  abstract readonly shell: ShellView;
  /** Text for people of what failed last; it goes to the session that asked, never on record. */
  protected failure = '';
  protected path: HandlerPath | undefined;
  /** Those that stand, by their numbers. */
  protected readonly wires = new Map<number, Wire>();
  #segment: Segment | undefined;
  #resized: Subscription | undefined;
  /** MTUs that have changed, here and there: whoever changes one again and again fills no log. */
  readonly #nearMtu: Paced<void>;
  readonly #farMtu: Paced<number>;
  /** Whether the other end takes NOTEs. */
  #takesNotes = false;
  /** What the other end was told last of our MTU. */
  #toldMtu: number | undefined;
  /** How often its device was waited for since it was last open. */
  #waits = 0;
  /** The farewell that was said last; over at once where there was none. */
  #leaving: Promise<void> = Promise.resolve();
  /** All that are not over yet. */
  readonly #farewells = new Set<Promise<void>>();
  /** Resolves when the Handler is closed, and the other end was told or could not be. */
  readonly over: Promise<void>;
  #setOver: () => void = () => undefined;
  readonly #timers = new Map<string, Timer>();

  constructor(
    protected readonly world: HandlerWorld,
    private readonly ended: (handler: HandlerActor) => void,
  ) {
    this.over = new Promise((resolve) => {
      this.#setOver = resolve;
    });
    this.#nearMtu = new Paced(world.clock, MTU_PAUSE_MS, () => this.#mtuChanged());
    this.#farMtu = new Paced(world.clock, MTU_PAUSE_MS, (mtu) => void this.send({ type: 'far-mtu', mtu }));
  }

  abstract get context(): HandlerContext;
  protected abstract send(event: CommonEvent, aside?: () => void): boolean;
  protected abstract timerFired(timer: HandlerEffects['arm']['timer']): void;
  /** A dial, or whatever else there is instead of a wire, is not wanted any more. */
  protected abstract abortDial(): void;
  /** A wire that stands is given up. @returns what is to be done when it is over */
  protected abstract releaseWire(number: number): () => void;
  /** A PING over a wire was answered. */
  protected abstract roundTrip(wire: Wire, micros: number): void;
  /** Whether the other end that is about to be reached takes NOTEs. */
  protected abstract willTakeNotes(): boolean;
  /** The other end's device has that MTU from now on. */
  protected abstract followed(farMtu: number): void;

  get actor(): string {
    return this.shell.actor;
  }

  get state(): string {
    return this.shell.state;
  }

  get counters(): PathCounters | undefined {
    return this.path?.counters();
  }

  /** Its place on the device; undefined while it has none. */
  get onDevice(): HandlerPath | undefined {
    return this.path;
  }

  /** The wires that stand, by their numbers. */
  get standingWires(): ReadonlyMap<number, Wire> {
    return this.wires;
  }

  get deviceInterruptions(): number {
    return this.#segment?.interruptions ?? 0;
  }

  get kernelDropped(): number {
    return this.#segment?.device.kernelDrops() ?? 0;
  }

  get rttMicros(): number | undefined {
    return this.wires.get(0)?.rttMicros ?? [...this.wires.values()][0]?.rttMicros;
  }

  get wireFacts(): readonly (readonly [number, TcpFacts])[] {
    return [...this.wires]
      .sort(([one], [other]) => one - other)
      .flatMap(([number, wire]) => {
        const facts = wire.tcpFacts();
        return facts === undefined ? [] : [[number, facts] as const];
      });
  }

  // ── What the device tells ──

  deviceOpen(segment: Segment): void {
    if (this.shell.done) return;
    this.#segment = segment;
    this.#waits = 0;
    this.#resized?.unsubscribe();
    this.#resized = segment.resized$.subscribe(() => this.#nearMtu.push());
    this.path ??= this.#newPath(segment);
    const elastic = this.world.devices.takesFarMtu(this.actor);
    this.send({ type: 'device-open', mtu: segment.mtu, elastic });
  }

  deviceFailed(reason: Reason, text: string): void {
    this.failure = text;
    this.send({ type: 'device-failed', reason, jitter: this.world.chance.fraction() });
  }

  deviceGone(why: string): void {
    this.failure = why;
    if (!this.send({ type: 'device-away', why })) this.send({ type: 'device-gone', why });
  }

  deviceBack(): void {
    this.send({ type: 'device-back' });
  }

  // ── What others ask ──

  close(session: string): void {
    if (!this.shell.done) this.failure = 'CLOSE was asked for meanwhile';
    const closing = this.send({ type: 'close', session });
    if (!closing) void this.over.then(() => this.#tellClosed([session]));
  }

  /** The server ends. Resolves when the other end was told, or could not be. */
  shutdown(): Promise<void> {
    return new Promise((resolve) => {
      const taken = this.send({ type: 'shutdown' }, () =>
        queueMicrotask(() => void Promise.all(this.#farewells).then(() => resolve())),
      );
      if (!taken) resolve();
    });
  }

  // ── Effects ──

  protected sharedEffects(): { readonly [T in SharedEffects]: (params: HandlerEffects[T]) => void } {
    return {
      leaveDevice: () => this.#leaveDevice(),
      awaitDevice: () => this.#awaitDevice(),
      tellMtu: () => this.#tellMtu(),
      followFarMtu: ({ mtu }) => {
        if (this.path !== undefined) this.path.farMtu = mtu;
        this.followed(mtu);
      },
      adoptMtu: ({ mtu }) => this.world.devices.adoptMtu(this.actor, mtu),
      farewell: ({ reason }) => this.#farewell(reason),
      dropWire: () => this.#dropWire(),
      news: ({ session, news }) => this.#tell(session, news),
      tellClosed: ({ sessions }) => {
        // Of a server that dialled itself both Handlers are closed before it is told.
        const others = this.world.handlers.byId(this.context.id).filter((other) => other !== this);
        const all = [this.#leaving, ...others.map(({ over }) => over)];
        void Promise.all(all).then(() => this.#tellClosed(sessions));
      },
      arm: ({ timer, ms }) => this.arm(timer, ms),
      cancel: ({ timer }) => this.cancelTimer(timer),
    };
  }

  /** Frames flow over this link from now on; `rest` are bytes that stood behind the text phase. */
  protected connect(
    link: Link,
    rest: Uint8Array,
    terms: {
      readonly offload: boolean;
      readonly farMtu: number;
      readonly announce: boolean;
      readonly notes?: boolean;
    },
    number = 0,
  ): void {
    const { path } = this;
    if (path === undefined) {
      link.destroy();
      return;
    }
    const since = this.world.clock.mono();
    /** What the event says beside, of a Handler that may have several wires. */
    const which = () =>
      this.context.wires === undefined
        ? {}
        : { wire: number, stood: Math.round((this.world.clock.mono() - since) / 1e6) };
    const jitter = () => this.world.chance.fraction();
    const mine = (then: () => void) => () => {
      if (this.wires.get(number) === wire) then();
    };
    const lost = (event: CommonEvent) => mine(() => this.#lost(number, event))();
    const wire: Wire = new Wire(
      link,
      this.world.clock,
      {
        firstRecord: mine(() => void this.send({ type: 'first-record' })),
        broken: (why, tcp) =>
          lost({ type: 'wire-lost', why, jitter: jitter(), ...which(), ...this.#tellLost(number, why, tcp) }),
        bye: (reason) => {
          this.#tellOfDevice(reason);
          lost({ type: 'bye', reason, jitter: jitter(), ...which() });
        },
        note: (text) => {
          if (this.wires.get(number) === wire) this.#noted(text);
        },
        protocolError: (why) => lost({ type: 'protocol-error', why }),
        roundTrip: (micros) => {
          this.path?.heard();
          this.roundTrip(wire, micros);
        },
      },
      {
        offload: terms.offload,
        initiator: this.context.side === 'initiator',
        over: this.world.ownWires.add(link),
      },
    );
    this.wires.set(number, wire);
    path.connect(wire, { offload: terms.offload, farMtu: terms.farMtu }, number);
    if (number === 0) this.#begun(terms.notes === true);
    wire.start(rest);
    if (number === 0) this.#tellMtu();
    if (terms.announce) path.announce();
  }

  /** For people, and for the record. */
  #tellLost(wire: number, why: string, tcp: TcpFacts | undefined): { readonly tcp?: LastKnown } {
    const about = { handler: this.context.id, wire, error: why };
    if (tcp === undefined) {
      this.world.diagnostics.info(about, LOST);
      return {};
    }
    const { rttMicros, retransmitted, unacknowledged } = tcp;
    this.world.diagnostics.info({ ...about, rtt_us: rttMicros, retransmitted, unacknowledged }, LOST);
    return { tcp: { rttMicros, retransmitted, unacknowledged } };
  }

  /** The other end's device is gone, which people here should know. */
  #tellOfDevice(reason: string): void {
    if (reason !== 'device-away' && reason !== 'device-gone') return;
    const { id, remoteDevice } = this.context;
    const fields = { handler: id, device: formatDevice(remoteDevice), bye: reason };
    const what = reason === 'device-away' ? 'the Handler waits for it' : 'the Handler has ended';
    this.world.diagnostics.warn(fields, `the device of the other end is gone; ${what}`);
  }

  /** Told by the wire itself: it ends on its own, in good order where there was a BYE. */
  #lost(number: number, event: CommonEvent): void {
    this.#forget(number)();
    this.send(event);
  }

  /** @returns what is to be done when the wire of that number is over */
  #forget(number: number): () => void {
    this.wires.delete(number);
    this.path?.disconnect(number);
    return this.releaseWire(number);
  }

  /** All wires, and whatever is under way to others. */
  #dropWire(): void {
    this.abortDial();
    for (const [number, wire] of [...this.wires]) {
      const over = this.#forget(number);
      wire.destroy();
      over();
    }
  }

  #farewell(reason: HandlerEffects['farewell']['reason']): void {
    this.abortDial();
    for (const number of [...this.wires.keys()]) this.sayBye(number, reason);
  }

  /** Says BYE on one wire and lets it end by itself; nothing where there is none of that number. */
  protected sayBye(number: number, reason: Farewell): void {
    const wire = this.wires.get(number);
    if (wire === undefined) return;
    const farewell = wire.farewell(reason).then(this.#forget(number));
    const before = this.#leaving;
    this.#leaving = farewell.then(() => before);
    this.#farewells.add(farewell);
    void farewell.then(() => this.#farewells.delete(farewell));
  }

  #leaveDevice(): void {
    // What is left of several wires after the first of them ended the Handler.
    for (const number of [...this.wires.keys()]) this.sayBye(number, 'closed');
    this.path?.close();
    this.path = undefined;
    this.#resized?.unsubscribe();
    this.#nearMtu.stop();
    this.#farMtu.stop();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.ended(this);
    void Promise.all(this.#farewells).then(() => this.#setOver());
    this.world.devices.leave(this.actor);
  }

  /** Wire 0 was made: BEGIN or its answer has told our MTU. @param notes whether the other end takes NOTEs */
  #begun(notes: boolean): void {
    this.#takesNotes = notes;
    this.#toldMtu = notes ? undefined : (this.context.mtu ?? undefined);
  }

  #mtuChanged(): void {
    const mtu = this.#segment?.mtu;
    if (mtu === undefined) return;
    const elastic = this.world.devices.takesFarMtu(this.actor);
    const { farMtu } = this.context;
    // No frame of the other end's device is longer than its own MTU.
    const needless = farMtu !== null && Math.min(mtu, farMtu) === Math.min(this.#toldMtu ?? mtu, farMtu);
    this.send({
      type: 'device-mtu',
      mtu,
      elastic,
      told: this.#takesNotes || this.willTakeNotes() || needless,
    });
  }

  #tellMtu(): void {
    const mtu = this.#segment?.mtu;
    if (mtu === undefined || !this.#takesNotes || this.#toldMtu === mtu) return;
    const [first] = [...this.wires.keys()].sort((a, b) => a - b);
    if (first === undefined) return;
    this.wires.get(first)?.note(`mtu=${mtu}`);
    this.#toldMtu = mtu;
  }

  /** What the other end lets us know. A note that is not known is none of our business. */
  #noted(text: string): void {
    this.#takesNotes = true;
    this.#tellMtu();
    const [, digits] = /^mtu=([1-9]\d{1,4})$/.exec(text) ?? [];
    const mtu = Number(digits);
    if (digits === undefined || mtu < LEAST_MTU || mtu > MOST_MTU) return;
    if (this.#farMtu.pauses || mtu !== this.context.farMtu) this.#farMtu.push(mtu);
  }

  /** The device is gone: its place is given up until there is one of its name again. */
  #awaitDevice(): void {
    this.path?.close();
    this.path = undefined;
    this.#resized?.unsubscribe();
    this.#segment = undefined;
    const { devices } = this.world;
    devices.leave(this.actor);
    devices.awaitReturn(this.context.localDevice, this.actor, this.#waits++);
  }

  /** The options are others now: frames are filtered and counted anew. */
  protected renewPath(): void {
    if (this.#segment === undefined || this.path === undefined) return;
    this.path.close();
    this.path = this.#newPath(this.#segment);
  }

  #newPath(segment: Segment): HandlerPath {
    const { id, identity, localConfig, macs, options } = this.context;
    const { clock, ownWires, frames } = this.world;
    const observer = frames.observer(id, identity, segment);
    const path = { handler: id, config: localConfig, macs, options, ownWires, observer };
    return new HandlerPath(segment, path, clock);
  }

  #tellClosed(sessions: readonly string[]): void {
    for (const session of sessions) this.world.sessions.handlerClosed(session, this.context.id);
  }

  #tell(session: string | null, news: RequestOutcome): void {
    if (session !== null) this.world.sessions.news(session, news, this.failure);
  }

  protected arm(timer: HandlerEffects['arm']['timer'], ms: number): void {
    this.cancelTimer(timer);
    const fire = () => {
      this.#timers.delete(timer);
      this.timerFired(timer);
    };
    this.#timers.set(timer, this.world.clock.after(ms, fire));
  }

  protected cancelTimer(timer: string): void {
    this.#timers.get(timer)?.cancel();
    this.#timers.delete(timer);
  }
}
