/**
 * The newest frames that were dropped, with why (DROPS?). In memory only, and bounded whatever happens: MOST_KEPT of
 * them, the first bytes of each, at most MOST_PER_SECOND a second and Handler.
 */
import type { Clock } from '../../io/ports.ts';
import type { RxReason, TxReason } from './counters.ts';
import type { Direction } from './observer.ts';

export const MOST_KEPT = 512;
/** Enough for Ethernet, two tags, IPv6 and the ports behind it. */
const BYTES_KEPT = 96;
const MOST_PER_SECOND = 100;
const NANOS = 1e9;

export interface Drop {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Id of the Handler, and the identity that opened it: both may be another's by now. */
  readonly handler: string;
  readonly owner: string;
  readonly direction: Direction;
  readonly reason: TxReason | RxReason;
  /** Bytes of the frame. */
  readonly length: number;
  /** Its first bytes. */
  readonly head: Buffer;
}

/** What one Handler may still have kept in this second. */
export class DropBudget {
  /** All drops that it was told of. */
  told = 0;
  #second = -1;
  #kept = 0;

  take(mono: number): boolean {
    this.told++;
    const second = Math.floor(mono / NANOS);
    if (second !== this.#second) {
      this.#second = second;
      this.#kept = 0;
    }
    return this.#kept++ < MOST_PER_SECOND;
  }
}

export class DropRing {
  readonly #drops: Drop[] = [];
  /** Where the oldest is, once the ring is full. */
  #oldest = 0;

  constructor(private readonly clock: Clock) {}

  /** The frame stands in `[frame, end)` of `buffer`, which is valid during the call only. */
  add(
    budget: DropBudget,
    handler: string,
    owner: string,
    direction: Direction,
    reason: TxReason | RxReason,
    buffer: Buffer,
    frame: number,
    end: number,
  ): void {
    if (!budget.take(this.clock.mono())) return;
    const head = Buffer.from(buffer.subarray(frame, Math.min(end, frame + BYTES_KEPT)));
    const drop: Drop = { at: this.clock.now(), handler, owner, direction, reason, length: end - frame, head };
    if (this.#drops.length < MOST_KEPT) this.#drops.push(drop);
    else {
      this.#drops[this.#oldest] = drop;
      this.#oldest = (this.#oldest + 1) % MOST_KEPT;
    }
  }

  /** Oldest first. */
  all(): readonly Drop[] {
    return [...this.#drops.slice(this.#oldest), ...this.#drops.slice(0, this.#oldest)];
  }
}
