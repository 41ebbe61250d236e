import type { Clock } from '../ports.ts';

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

/** One direction: parcels arrive in the order in which they were sent, whatever happens to the latency. */
class Direction {
  #cut = false;
  /** Nanoseconds of the clock. */
  #lastDue = 0;
  readonly #underway: { due: number; readonly parcel: Parcel }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly latency: () => number,
    private readonly to: () => WireEnd | undefined,
  ) {}

  send(parcel: Parcel): void {
    const entry = { due: 0, parcel };
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

  #schedule(entry: { due: number }): void {
    const now = this.clock.mono();
    entry.due = this.#lastDue = Math.max(this.#lastDue, now + Math.round(this.latency() * 1e6));
    if (!this.#cut) this.clock.after((entry.due - now) / 1e6, () => this.#arrive());
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
  /** Milliseconds one way, from now on. */
  latency = 0;
  readonly #ends: Partial<Record<Side, WireEnd>> = {};
  readonly #towards: Record<Side, Direction>;

  constructor(clock: Clock) {
    const direction = (side: Side) =>
      new Direction(
        clock,
        () => this.latency,
        () => this.#ends[side],
      );
    this.#towards = { a: direction('a'), b: direction('b') };
  }

  join(side: Side, end: WireEnd): void {
    this.#ends[side] = end;
  }

  send(from: Side, parcel: Parcel): void {
    this.#towards[other(from)].send(parcel);
  }

  /** Nothing arrives any more at that side (or at either); what is sent waits, as TCP sends it again later. */
  cut(towards?: Side): void {
    for (const side of sides(towards)) this.#towards[side].cut = true;
  }

  heal(towards?: Side): void {
    for (const side of sides(towards)) this.#towards[side].cut = false;
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
