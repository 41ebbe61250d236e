/**
 * How much of one link may wait in the kernel unsent: what leaves in TARGET_MS at the rate of the last moment. Without
 * a bound it is up to 4 MB (tcp_wmem), and every frame stands in line behind that. A fixed one would be long on a slow
 * line, or cost a fast one a wake-up for every bit of it. What is under way to the other end, as the congestion window
 * says, is not counted: a long fat line is filled all the same.
 */
const TARGET_MS = 10;
const WINDOW_MS = 100;
/** So that a slow line does not run dry before we get to it again. */
const LEAST_BYTES = 32 << 10;
/** No line is so fast that this were not plenty. */
const MOST_BYTES = 1 << 20;
/** It is left as it is until it would change by more than this part. */
const SLACK = 0.25;

export class UnsentBound {
  #bytes = 0;
  #began: number;
  #bound = LEAST_BYTES;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param set sets the bound, in bytes
   */
  constructor(
    private readonly now: () => number,
    private readonly set: (bytes: number) => void,
  ) {
    this.#began = now();
    set(this.#bound);
  }

  /** So many bytes were given to the link. */
  count(bytes: number): void {
    this.#bytes += bytes;
    const took = this.now() - this.#began;
    if (took < WINDOW_MS) return;
    const wanted = Math.round((this.#bytes / took) * TARGET_MS);
    const bound = Math.min(Math.max(wanted, LEAST_BYTES), MOST_BYTES);
    this.#bytes = 0;
    this.#began += took;
    if (Math.abs(bound - this.#bound) <= SLACK * this.#bound) return;
    this.#bound = bound;
    this.set(bound);
  }
}
