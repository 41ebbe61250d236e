/**
 * A token bucket (RFC 2697 in its simplest form): lets `perSecond` units through in the long run. A piece passes when
 * anything is left and may take the bucket below zero, so that one super-frame does not need a bucket of its size;
 * what it took too much is waited for afterwards.
 */
import type { Clock } from '../../io/ports.ts';

const NANOS = 1e9;

export class TokenBucket {
  #level: number;
  #at: number;

  /**
   * @param perSecond units a second, more than 0
   * @param burst most units that can be saved up, at least 1
   */
  constructor(
    private readonly clock: Clock,
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.#level = burst;
    this.#at = clock.mono();
  }

  /** Fills up by the time that has passed. Once a batch is enough. */
  refill(): void {
    const now = this.clock.mono();
    this.#level = Math.min(this.burst, this.#level + ((now - this.#at) / NANOS) * this.perSecond);
    this.#at = now;
  }

  get open(): boolean {
    return this.#level > 0;
  }

  take(units: number): void {
    this.#level -= units;
  }
}

/** The caps of one Handler in one direction: bits of all frames, and number of group-addressed frames. */
export class RateLimits {
  readonly #bytes: TokenBucket | undefined;
  readonly #groups: TokenBucket | undefined;
  /** Whether there is any cap at all. */
  readonly any: boolean;

  /** `rate` in bits a second, `bcastRate` in frames a second; undefined: no cap. */
  constructor(clock: Clock | undefined, rate: number | undefined, bcastRate: number | undefined) {
    const need = (): Clock => {
      if (clock === undefined) throw new Error('a Handler with rate= or bcast-rate= needs a clock');
      return clock;
    };
    // A tenth of a second's worth, at least ten full frames: less would starve TCP, more would not be a cap.
    if (rate !== undefined) this.#bytes = new TokenBucket(need(), rate / 8, Math.max(rate / 80, 15_140));
    if (bcastRate !== undefined) this.#groups = new TokenBucket(need(), bcastRate, Math.max(bcastRate, 1));
    this.any = this.#bytes !== undefined || this.#groups !== undefined;
  }

  refill(): void {
    this.#bytes?.refill();
    this.#groups?.refill();
  }

  /**
   * Whether a frame may pass now; when it may, it is counted. Of a super-frame `bytes` and `frames` are those of the
   * segments that come out of it.
   */
  admit(bytes: number, group: boolean, frames = 1): boolean {
    if (!this.opens(group)) return false;
    this.#bytes?.take(bytes);
    if (group) this.#groups?.take(frames);
    return true;
  }

  /** Whether a frame may pass now; nothing is counted. */
  opens(group: boolean): boolean {
    return this.#bytes?.open !== false && !(group && this.#groups?.open === false);
  }
}
