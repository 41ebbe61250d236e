/**
 * The announcements of a segment's Handlers. Each goes to all other Handlers of the segment as well, so that a thousand
 * which come back at once would make a million writes of them: past the first, those of a moment are put there together.
 */
import type { Clock, Timer } from '../../io/ports.ts';

/** How long further ones are gathered after one was put on the segment. */
export const GATHER_MS = 200;
const NANOS_PER_MS = 1e6;

export interface Announcement<M> {
  readonly from: M;
  /** Records in wire form. */
  readonly records: Buffer;
  /** Frames in them. */
  readonly count: number;
}

export class Announcements<M> {
  readonly #gathered = new Map<M, Announcement<M>>();
  /** When the last ones were put there, in nanoseconds of the clock. */
  #last = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /**
   * @param put puts announcements on the segment, in order
   * @param clock without it each is put there at once
   */
  constructor(
    private readonly put: (all: readonly Announcement<M>[]) => void,
    private readonly clock?: Clock,
  ) {}

  /** At once when there was none a moment ago, else once with all others of this moment. */
  add(announcement: Announcement<M>): void {
    this.#gathered.set(announcement.from, announcement);
    const { clock } = this;
    if (clock === undefined) return this.#flush();
    const wait = GATHER_MS - (clock.mono() - this.#last) / NANOS_PER_MS;
    if (wait <= 0) this.#flush();
    else this.#timer ??= clock.after(wait, () => this.#flush());
  }

  /** The Handler has left: what it has not announced yet is not true any more. */
  forget(from: M): void {
    if (this.#gathered.delete(from) && this.#gathered.size === 0) this.stop();
  }

  stop(): void {
    this.#gathered.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #flush(): void {
    const all = [...this.#gathered.values()];
    this.stop();
    this.#last = this.clock?.mono() ?? 0;
    this.put(all);
  }
}
