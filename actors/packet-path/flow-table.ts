/**
 * Which of several wires a flow goes over (PROTOCOL.md section 6.1).
 *
 * - **Bounded.** A flow is known by the number that `flowOf` gives, and that number's low bits are its place in a table
 *   of BUCKETS. Flows that share a place share a wire, and nothing ever falls out. Whoever floods with spoofed flows
 *   fills places, not memory, and can at worst have all flows spread evenly, as they are without a table.
 * - **In order.** A flow keeps its wire while it lives and the wire stands. It lives until nothing of it was seen for
 *   GAP_MS and a PING that was sent behind its last frame has been answered: so that frame has arrived.
 * - **Apart.** A flow that comes, or comes back after a gap, takes the wire without big flows, with the fewest living
 *   ones, with the fewest bytes of late: so one that has little to send does not wait behind one that has a lot as
 *   long as another wire is free.
 */

const BUCKETS = 4096;
const NO_WIRE = 255;
/** Silence after which a flow may change its wire. */
export const GAP_MS = 500;
/** How often it is counted what each wire carries. */
const COUNT_EVERY_MS = 250;
/** Bytes between two counts that make a flow a big one: 2 Mbit/s. */
const BIG_BYTES = 64 * 1024;
/** Numbers of wires go up to 7. */
const MOST_WIRES = 8;

/** A wire that flows may go over. */
export interface StandingWire {
  readonly number: number;
  /** Until when everything that was sent over it has arrived, in milliseconds. */
  arrivedUntil(): number;
}

/** What one wire carries, as of the last count and what has come since. */
interface Load {
  living: number;
  big: number;
  bytes: number;
}

export class FlowTable {
  readonly #wires = new Uint8Array(BUCKETS).fill(NO_WIRE);
  readonly #seenAt = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY);
  readonly #bytes = new Float64Array(BUCKETS);
  readonly #loads: readonly Load[] = Array.from({ length: MOST_WIRES }, () => ({
    living: 0,
    big: 0,
    bytes: 0,
  }));
  #standing: readonly StandingWire[] = [];
  /** The same by their numbers: asked for every frame. */
  readonly #byNumber: (StandingWire | undefined)[] = new Array(NO_WIRE + 1).fill(undefined);
  #countedAt = Number.NEGATIVE_INFINITY;

  /** Flows may go over these from now on; those whose wire is not among them are placed anew. */
  stand(wires: readonly StandingWire[]): void {
    this.#standing = wires;
    this.#byNumber.fill(undefined);
    for (const wire of wires) this.#byNumber[wire.number] = wire;
  }

  /** Until now all flows went over this one, and were not looked at. */
  allWentOver(wire: number, now: number): void {
    this.#wires.fill(wire);
    this.#seenAt.fill(now);
    this.#bytes.fill(0);
  }

  /** Whether a living flow goes over this wire. */
  lives(wire: number): boolean {
    return this.#loads[wire]!.living > 0;
  }

  /** To be called once before a number of `place`, with the time in milliseconds. @returns whether it was counted anew */
  tick(now: number): boolean {
    if (now - this.#countedAt < COUNT_EVERY_MS) return false;
    this.#countedAt = now;
    for (const load of this.#loads) load.living = load.big = load.bytes = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (now - this.#seenAt[bucket]! >= GAP_MS) continue;
      const load = this.#loads[this.#wires[bucket]!]!;
      const bytes = this.#bytes[bucket]!;
      load.living++;
      load.bytes += bytes;
      if (bytes >= BIG_BYTES) load.big++;
      this.#bytes[bucket] = 0;
    }
    return true;
  }

  /**
   * The wire for a frame. At least one wire stands.
   * @param flow of `flowOf`; @param now milliseconds
   */
  place(flow: number, bytes: number, now: number): number {
    const bucket = flow & (BUCKETS - 1);
    let wire = this.#wires[bucket]!;
    const stands = this.#byNumber[wire];
    if (stands === undefined || this.#gone(bucket, stands, now)) {
      wire = this.#best();
      this.#wires[bucket] = wire;
      this.#bytes[bucket] = 0;
      this.#loads[wire]!.living++;
    }
    this.#seenAt[bucket] = now;
    this.#bytes[bucket]! += bytes;
    this.#loads[wire]!.bytes += bytes;
    return wire;
  }

  /** Nothing of the flow has come for a while, and nothing of it is under way any more. */
  #gone(bucket: number, wire: StandingWire, now: number): boolean {
    const seenAt = this.#seenAt[bucket]!;
    return now - seenAt >= GAP_MS && wire.arrivedUntil() > seenAt;
  }

  #best(): number {
    let best = this.#standing[0]!.number;
    for (const { number } of this.#standing) {
      if (lighter(this.#loads[number]!, this.#loads[best]!)) best = number;
    }
    return best;
  }
}

function lighter(one: Load, other: Load): boolean {
  if (one.big !== other.big) return one.big < other.big;
  if (one.living !== other.living) return one.living < other.living;
  return one.bytes < other.bytes;
}
