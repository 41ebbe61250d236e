const PAUSE_MS = 10_000;

/** Counts what may come in floods, and tells of it at once but then only every 10 s. */
export class RateLimited {
  #count = 0;
  #last = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(readonly tell: (count: number, last: string) => void) {}

  happened(what: string): void {
    this.#count++;
    this.#last = what;
    if (!this.#timer) this.#report();
  }

  #report(): void {
    this.#timer = undefined;
    if (this.#count === 0) return;
    this.tell(this.#count, this.#last);
    this.#count = 0;
    this.#timer = setTimeout(() => this.#report(), PAUSE_MS).unref();
  }
}
