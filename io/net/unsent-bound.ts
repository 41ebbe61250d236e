/**
 * How much of one link may wait unsent, in the kernel and in front of it. Without a bound it is up to 4 MB (tcp_wmem) in the
 * kernel alone, and every frame stands in line behind that. A fixed one would be long on a slow line, or cost a fast one a
 * wake-up for every bit of it: so it is a time. What is under way to the other end, as the congestion window says, is not
 * counted: a long fat line is filled all the same.
 *
 * The rate at which a link takes what it is given shows only while something waits for it. As long as nothing does,
 * there is room for a burst.
 */
const WINDOW_MS = 100;
/** What leaves in this time may wait in the kernel. */
const TARGET_MS = 10;
/** So that a slow line does not run dry before we get to it again. */
const LEAST_BYTES = 32 << 10;
/** The same on a slow line, while it is what is waited for and does not run dry. */
const TIGHT_MS = 6;
const LEAST_TIGHT_BYTES = 16 << 10;
/** For so long the line that ran dry is not held short: this process comes to it too late. */
const EASE_MS = 10_000;
/** No line is so fast that this were not plenty. */
const MOST_BYTES = 1 << 20;
/** In front of the kernel. */
export const MOST_WAITING_BYTES = 64 << 10;
/** It is left as it is until it would change by more than this part. */
const SLACK = 0.25;
/** A rate holds for so many windows after the one that it was measured in: congestion control slows down for a moment again and again. */
const MEMORY = 8;

export class UnsentBound {
  #bytes = 0;
  #began: number;
  #bound = LEAST_BYTES;
  #waitsSince: number | undefined;
  #waited = 0;
  /** Bytes a millisecond of the last windows, the latest last; undefined where the link kept up. */
  #rates: (number | undefined)[] = [];
  #rate: number | undefined;
  #easyUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param set sets the bound in the kernel, in bytes
   */
  constructor(
    private readonly now: () => number,
    private readonly set: (bytes: number) => void,
  ) {
    this.#began = now();
    set(this.#bound);
  }

  /** Bytes a millisecond that the link takes while something waits for it; undefined when it has kept up of late. */
  get bytesPerMs(): number | undefined {
    return this.#rate;
  }

  /**
   * Bytes that may wait in the kernel on a line so slow that its own bound is none: what was not sent yet it goes on to fill up
   * to a segment of 64 KB, whatever TCP_NOTSENT_LOWAT says. Undefined on any other.
   */
  get tight(): number | undefined {
    const rate = this.#rate;
    if (rate === undefined || rate * TIGHT_MS >= MOST_WAITING_BYTES) return undefined;
    return this.now() < this.#easyUntil ? undefined : Math.max(rate * TIGHT_MS, LEAST_TIGHT_BYTES);
  }

  /** Bytes that may wait in front of the kernel before whoever gives them is asked to stop: none where that would be long. */
  get mostWaiting(): number {
    return this.tight === undefined ? MOST_WAITING_BYTES : 0;
  }

  /** The kernel had nothing left to send when it was given more. */
  ranDry(): void {
    this.#easyUntil = this.now() + EASE_MS;
  }

  /** So many bytes were given to the link. */
  count(bytes: number): void {
    this.#bytes += bytes;
    this.#look();
  }

  /** Something waits from now on in front of the kernel, or nothing any more. */
  waits(on: boolean): void {
    if (on) {
      this.#waitsSince ??= this.now();
    } else {
      this.#countWait();
      this.#waitsSince = undefined;
    }
  }

  #countWait(): void {
    if (this.#waitsSince === undefined) return;
    const now = this.now();
    this.#waited += now - this.#waitsSince;
    this.#waitsSince = now;
  }

  #look(): void {
    const took = this.now() - this.#began;
    if (took < WINDOW_MS) return;
    this.#countWait();
    const perMs = this.#bytes / took;
    // After a long silence nothing of before counts.
    if (took > MEMORY * WINDOW_MS) this.#rates = [];
    this.#rates.push(this.#waited * 2 >= took ? perMs : undefined);
    if (this.#rates.length > MEMORY) this.#rates.shift();
    const known = this.#rates.filter((rate) => rate !== undefined);
    this.#rate = known.length === 0 ? undefined : Math.max(...known);
    this.#bytes = this.#waited = 0;
    this.#began += took;
    this.#take(clamp(Math.max(perMs, this.#rate ?? 0) * TARGET_MS, LEAST_BYTES, MOST_BYTES));
  }

  #take(bound: number): void {
    if (Math.abs(bound - this.#bound) <= SLACK * this.#bound) return;
    this.#bound = Math.round(bound);
    this.set(this.#bound);
  }
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
