/**
 * One Handler's place on a segment. It outlives its wires: between two of them its frames are seen, and counted
 * `no-carrier`.
 *
 *     device ──frames$──► Outbound ──► Spread ══ wires ══ runs$ ──► Inbound ──► Segment.write ──► device
 *     others ──offers$──► Outbound                                        └──► Segment.offer ──► others
 */
import type { Subscription } from 'rxjs';
import type { Clock, WriteOutcome } from '../../io/ports.ts';
import type { FilterRole } from '../../machines/frames/bpf.ts';
import { inbound, outbound } from '../../machines/frames/predicates.ts';
import { announcementRecords } from '../../machines/frames/rarp.ts';
import { macNumber } from '../../machines/protocol/mac.ts';
import type { HandlerOptions, RoleConfig } from '../../machines/protocol/types.ts';
import type { PathCounters } from './counters.ts';
import { type Egress, Inbound } from './inbound.ts';
import { type Direction, NOBODY, type PathObserver, type Verdict } from './observer.ts';
import { Outbound, type WireTerms } from './outbound.ts';
import type { Outbox } from './outbox.ts';
import type { OwnWires } from './own-wires.ts';
import { RateLimits } from './rate-limits.ts';
import type { Member, Segment } from './segment.ts';
import { type OpenWire, Spread } from './spread.ts';
import type { Wire } from './wire.ts';

export interface PathOptions {
  /** Id of the Handler. */
  readonly handler: string;
  readonly config: RoleConfig;
  /** `aa:bb:cc:dd:ee:ff`, or `['*']` for BRIDGE. */
  readonly macs: readonly string[];
  readonly options: HandlerOptions;
  /** The wires of this server. */
  readonly ownWires: OwnWires;
  /** Who hears what becomes of each frame. */
  readonly observer?: PathObserver;
}

/**
 * The segment as one of its Handlers has it: what it offers is not offered to itself. A class, since V8 keeps an object
 * literal with accessors as a dictionary, and this is read for every frame.
 */
class MemberEgress implements Egress {
  readonly takesOffload: boolean;

  constructor(
    private readonly segment: Segment,
    private readonly member: Member,
  ) {
    this.takesOffload = segment.takesOffload;
  }

  get mtu(): number {
    return this.segment.mtu;
  }

  get takesDatagrams(): boolean {
    return this.segment.takesDatagrams;
  }

  set takesDatagrams(taken: boolean) {
    this.segment.takesDatagrams = taken;
  }

  write(buffer: Buffer, start: number, end: number, count: number): WriteOutcome {
    return this.segment.write(buffer, start, end, count);
  }

  offer(buffer: Buffer, start: number, end: number): void {
    this.segment.offer(buffer, start, end, this.member);
  }
}

export class HandlerPath implements Member {
  readonly handler: string;
  readonly hostMacs: readonly number[];
  readonly interest: FilterRole;

  readonly #config: RoleConfig;
  readonly #options: HandlerOptions;
  readonly #macs: readonly number[];
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #onSegment: Subscription;
  readonly #spread: Spread;
  readonly #observer: PathObserver;
  /** By their numbers. */
  readonly #wires = new Map<number, Attached>();
  #terms: WireTerms | undefined;

  /**
   * Attaches to the segment: from now on frames for this Handler are seen.
   * @param clock needed only with the options `rate` and `bcastRate`, and with several wires
   */
  constructor(
    private readonly segment: Segment,
    { handler, config, macs, options, ownWires, observer = NOBODY }: PathOptions,
    private readonly clock?: Clock,
  ) {
    this.handler = handler;
    this.#observer = observer;
    this.#config = config;
    this.#options = options;
    this.#macs = config.role === 'BRIDGE' ? [] : macs.map(macNumber);
    this.hostMacs = config.role === 'HOST' ? this.#macs : [];
    this.interest = { config, macs: this.#macs, l2cp: options.l2cp };
    const caps = () => new RateLimits(clock, options.rate, options.bcastRate);
    this.#spread = new Spread(clock);
    const { software, heldBatches, device, hosts } = segment;
    this.#outbound = new Outbound(
      outbound(config, this.#macs, options),
      caps(),
      software,
      heldBatches,
      device.unfinished,
      this.#spread,
      ownWires,
      observer,
    );
    this.#inbound = new Inbound(
      inbound(config, this.#macs, options, hosts),
      caps(),
      software,
      new MemberEgress(segment, this),
      ownWires,
      observer,
    );
    this.#onSegment = segment.frames$.subscribe((batch) => this.#outbound.batch(batch, segment.outcomes));
    this.#onSegment.add(
      segment.offers$.subscribe(({ from, parts, buffer, start, end }) => {
        if (from === this) return;
        const [mine, others] = parts?.get(this) ?? [end, end];
        this.#outbound.offer(buffer, start, mine);
        if (others < end) this.#outbound.offer(buffer, others, end);
      }),
    );
    segment.attach(this);
  }

  get offload(): boolean {
    return this.#terms?.offload ?? this.#options.offload;
  }

  /** What the other end's device takes from now on, in bytes. */
  set farMtu(farMtu: number) {
    if (this.#terms === undefined) return;
    this.#terms = { ...this.#terms, farMtu };
    this.#outbound.terms = this.#terms;
  }

  get live(): boolean {
    return this.#spread.any;
  }

  get behind(): boolean {
    return this.#spread.behind;
  }

  get wayMicros(): number {
    return this.#spread.wayMicros;
  }

  /** Frames flow both ways over this wire, too, as soon as it is started; one of that number is let go of. */
  connect(wire: Wire, terms: WireTerms, number = 0): void {
    this.disconnect(number);
    this.#terms = terms;
    this.#outbound.terms = terms;
    const subscription = wire.runs$.subscribe((run) => this.#inbound.run(run));
    subscription.add(wire.flow$.subscribe(() => this.#flow()));
    this.#wires.set(number, { wire, subscription, doubtedAt: undefined });
    this.#flow();
  }

  /** That wire, or all of them, is gone or to be replaced. This Handler stays on the segment. Idempotent. */
  disconnect(number?: number): void {
    for (const [one, { subscription }] of this.#wires) {
      if (number !== undefined && one !== number) continue;
      subscription.unsubscribe();
      this.#wires.delete(one);
    }
    this.#flow();
  }

  /**
   * The other end may have lost all wires but this one, and we not know it yet: nothing is sent over them before
   * something comes.
   */
  doubtAllBut(number: number): void {
    const now = this.clock?.mono() ?? 0;
    for (const [one, attached] of this.#wires) if (one !== number) attached.doubtedAt = now;
    this.#flow();
  }

  /** Tells the switches of the segment where the VM is. Nothing but for a PROXY with `announce=on`. */
  announce(): void {
    if (this.#config.role !== 'PROXY' || !this.#options.announce) return;
    const records = announcementRecords(this.#macs);
    this.segment.announce(records, this.#macs.length, this);
  }

  /** What would become of this record, of the device or of the other end. Nothing is sent, and nothing counted. */
  trace(direction: Direction, record: Buffer): Verdict {
    const end = record.length;
    return direction === 'tx' ? this.#outbound.trace(record, 0, end) : this.#inbound.trace(record, 0, end);
  }

  /** What the two ends said when the newest wire was made; undefined before the first. */
  get terms(): WireTerms | undefined {
    return this.#terms;
  }

  /** Index of the interface that it is on. */
  get ifindex(): number {
    return this.segment.device.ifindex;
  }

  /** MTU of its device, as it is now. */
  get mtu(): number {
    return this.segment.mtu;
  }

  counters(): PathCounters {
    const { tally: rx } = this.#inbound;
    const { tally: tx } = this.#outbound;
    return {
      rxSeen: rx.seen,
      rxFrames: rx.frames,
      rxBytes: rx.bytes,
      txSeen: tx.seen,
      txFrames: tx.frames,
      txBytes: tx.bytes,
      rxDropped: { ...rx.dropped },
      txDropped: { ...tx.dropped },
    };
  }

  /** Leaves the segment; the wire is left to whoever made it. Idempotent. */
  close(): void {
    this.disconnect();
    this.#onSegment.unsubscribe();
    this.segment.detach(this);
    this.#observer.closed();
  }

  #flow(): void {
    const open: OpenWire[] = [];
    for (const [number, attached] of this.#wires) {
      const { wire, doubtedAt } = attached;
      if (doubtedAt !== undefined && wire.heardAt > doubtedAt) attached.doubtedAt = undefined;
      if (wire.outbox !== undefined && attached.doubtedAt === undefined) {
        open.push(new Opened(number, wire, wire.outbox));
      }
    }
    this.#spread.open = open;
    this.segment.reconsider();
  }

  /** A PING was answered: what was doubted may be of use again, and the way may be another one. */
  heard(): void {
    for (const { doubtedAt } of this.#wires.values()) if (doubtedAt !== undefined) return this.#flow();
    this.segment.wayMayDiffer();
  }
}

/** A wire that takes frames, as Spread has it. */
class Opened implements OpenWire {
  constructor(
    readonly number: number,
    private readonly wire: Wire,
    readonly outbox: Outbox,
  ) {}

  get arrivedUntil(): number {
    return this.wire.arrivedUntil;
  }

  get wayMicros(): number {
    return this.wire.wayMicros;
  }

  ping(): void {
    this.wire.ping();
  }
}

/** A wire of this Handler. */
interface Attached {
  readonly wire: Wire;
  readonly subscription: Subscription;
  /** Since when nothing is sent over it, in nanoseconds of the clock; undefined: it is not doubted. */
  doubtedAt: number | undefined;
}
