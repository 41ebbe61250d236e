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
  #lastDue = 0;
  readonly #underway: Parcel[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly latency: () => number,
    private readonly to: () => WireEnd | undefined,
  ) {}

  send(parcel: Parcel): void {
    this.#underway.push(parcel);
    if (!this.#cut) this.#schedule();
  }

  set cut(cut: boolean) {
    if (this.#cut === cut) return;
    this.#cut = cut;
    if (!cut) for (let i = this.#underway.length; i > 0; i--) this.#schedule();
  }

  get cut(): boolean {
    return this.#cut;
  }

  drop(): void {
    this.#underway.length = 0;
  }

  #schedule(): void {
    const now = this.clock.mono() / 1e6;
    const due = Math.max(this.#lastDue, now + this.latency());
    this.#lastDue = due;
    this.clock.after(due - now, () => {
      if (this.#cut) return; // it is sent again when the wire is whole
      const parcel = this.#underway.shift();
      const end = this.to();
      if (parcel !== undefined && end !== undefined) parcel(end);
    });
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

  /** Both ends are gone for each other: what is under way arrives nowhere. */
  forget(side: Side): void {
    this.#towards[side].drop();
  }
}

export function other(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}

function sides(side?: Side): readonly Side[] {
  return side === undefined ? ['a', 'b'] : [side];
}
