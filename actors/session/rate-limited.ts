import type { Clock } from '../../io/ports.ts';

const PAUSE_MS = 10_000;

/** Counts what may come in floods; tells of the first at once and of further ones every 10 s at most. */
export class RateLimited {
  #count = 0;
  #last = '';
  #resting = false;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (count: number, last: string) => void,
  ) {}

  happened(what: string): void {
    this.#count++;
    this.#last = what;
    if (!this.#resting) this.#report();
  }

  #report(): void {
    this.tell(this.#count, this.#last);
    this.#count = 0;
    this.#resting = true;
    this.clock.after(PAUSE_MS, () => {
      this.#resting = false;
      if (this.#count > 0) this.#report();
    });
  }
}
