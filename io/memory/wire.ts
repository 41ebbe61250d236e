import type { Chance, Clock } from '../ports.ts';
import { SeededChance } from './chance.ts';
import { checkConditions, type LineConditions, NO_LENGTH } from './line.ts';

/** One end of a wire, as the wire sees it. */
export interface WireEnd {
  /** Bytes of the other end are here. */
  bytesCame(bytes: Buffer): void;
  /** The other end sends no more. */
  endCame(): void;
  /** The other end does not know this connection (any more). */
  resetCame(): void;
  /** The other end has taken `bytes` from its receive buffer. */
  windowCame(bytes: number): void;
}

type Parcel = (end: WireEnd) => void;
export type Side = 'a' | 'b';

/** Bytes of Ethernet, IP and TCP around a segment, and of what it carries at most. */
const HEADERS = 66;
const SEGMENT = 1_448;
const BITS_PER_MS = 1_000;
/** Shortest time after which TCP sends something again that nobody acknowledged (Linux: TCP_RTO_MIN), milliseconds. */
const SHORTEST_RETRY = 200;
/** Up to which it is doubled: shorter than TCP's 120 s, so that a history comes to its end. */
const LONGEST_RETRY = 3_000;
/** The same bytes are lost so many times in a row at most: a line that lets nothing through is one that is cut. */
const MOST_LOSSES = 4;

/**
 * One direction: parcels arrive in the order in which they were sent, whatever happens to the line. What the line
 * loses TCP sends again, and all behind it waits; what overtakes waits too, so that reordering does not show.
 */
class Direction {
  readonly line: { -readonly [K in keyof LineConditions]-?: LineConditions[K] } = { ...NO_LENGTH };
  #cut = false;
  /** Nanoseconds of the clock. */
  #lastDue = 0;
  /** When the bottleneck has sent all that it has, in milliseconds of the clock. */
  #free = 0;
  readonly #underway: { due: number; readonly parcel: Parcel; readonly bytes: number }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly chance: Chance,
    private readonly to: () => WireEnd | undefined,
  ) {}

  send(parcel: Parcel, bytes: number): void {
    const entry = { due: 0, parcel, bytes };
    this.#underway.push(entry);
    this.#schedule(entry);
  }

  /** While it is cut nothing arrives; afterwards everything is sent again, as TCP does. */
  set cut(cut: boolean) {
    if (this.#cut === cut) return;
    this.#cut = cut;
    if (!cut) for (const entry of this.#underway) this.#schedule(entry);
  }

  get cut(): boolean {
    return this.#cut;
  }

  drop(): void {
    this.#underway.length = 0;
  }

  #schedule(entry: { due: number; readonly bytes: number }): void {
    const now = this.clock.mono();
    const way = this.#passes(entry.bytes, now / 1e6);
    entry.due = this.#lastDue = Math.max(this.#lastDue, now + Math.round(way * 1e6));
    if (!this.#cut) this.clock.after((entry.due - now) / 1e6, () => this.#arrive());
  }

  /** Milliseconds until so many bytes are through. Acknowledgements and ends are for nothing: many go as one. */
  #passes(bytes: number, now: number): number {
    const { delay, loss, rate, queue } = this.line;
    if (bytes === 0) return delay;
    const segments = Math.ceil(bytes / SEGMENT);
    let way = delay;
    let retry = Math.max(SHORTEST_RETRY, 2 * delay);
    const again = () => {
      way += retry;
      retry = Math.max(retry, Math.min(2 * retry, LONGEST_RETRY));
    };
    if (rate > 0) {
      if (this.#free - now > queue) again();
      this.#free = Math.max(now, this.#free) + ((bytes + segments * HEADERS) * 8) / (rate * BITS_PER_MS);
      way += this.#free - now;
    }
    if (loss > 0) {
      const whole = (1 - loss) ** segments;
      for (let lost = 0; lost < MOST_LOSSES && this.chance.fraction() >= whole; lost++) again();
    }
    return way;
  }

  #arrive(): void {
    const head = this.#underway[0];
    if (this.#cut || head === undefined || head.due > this.clock.mono()) return;
    this.#underway.shift();
    const end = this.to();
    if (end !== undefined) head.parcel(end);
  }
}

/** The wire between two links, and everything that can happen to it. */
export class Wire {
  readonly #ends: Partial<Record<Side, WireEnd>> = {};
  readonly #towards: Record<Side, Direction>;

  /** @param chance decides what a line loses */
  constructor(clock: Clock, chance: Chance = new SeededChance(1)) {
    const direction = (side: Side) => new Direction(clock, chance, () => this.#ends[side]);
    this.#towards = { a: direction('a'), b: direction('b') };
  }

  /** Changes conditions of the line towards that side (or towards either) from now on; those not named stay. */
  set(conditions: LineConditions, towards?: Side): void {
    checkConditions(conditions);
    const { cut, ...others } = conditions;
    for (const side of sides(towards)) {
      Object.assign(this.#towards[side].line, others);
      if (cut !== undefined) this.#towards[side].cut = cut;
    }
  }

  /** Milliseconds one way, from now on. */
  set latency(delay: number) {
    this.set({ delay });
  }

  join(side: Side, end: WireEnd): void {
    this.#ends[side] = end;
  }

  /** @param bytes of the stream that go with it: what a rate counts, and what is lost */
  send(from: Side, parcel: Parcel, bytes = 0): void {
    this.#towards[other(from)].send(parcel, bytes);
  }

  /** Nothing arrives any more at that side (or at either); what is sent waits, as TCP sends it again later. */
  cut(towards?: Side): void {
    this.set({ cut: true }, towards);
  }

  heal(towards?: Side): void {
    this.set({ cut: false }, towards);
  }

  get isCut(): boolean {
    return this.#towards.a.cut || this.#towards.b.cut;
  }

  /** Something on the way resets the connection: both ends break, and what was under way is lost. */
  reset(): void {
    for (const side of sides()) {
      this.#towards[side].drop();
      this.#ends[side]?.resetCame();
    }
  }
}

export function other(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}

function sides(side?: Side): readonly Side[] {
  return side === undefined ? ['a', 'b'] : [side];
}
