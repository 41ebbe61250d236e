/** Brings the log to the disk a fixed time after something was written, and not at all while nothing is. */
import type { Clock, Timer } from '../../io/ports.ts';

export class IntervalSync {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #sync: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #timer: Timer | undefined;
  #syncing = false;
  #dirty = false;

  constructor(
    clock: Clock,
    milliseconds: number,
    sync: () => Promise<void>,
    failed: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
    this.#sync = sync;
    this.#failed = failed;
  }

  /** Something was written. */
  touch(): void {
    if (this.#timer !== undefined) return;
    if (this.#syncing) this.#dirty = true;
    else this.#timer = this.#clock.after(this.#milliseconds, () => this.#fire());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dirty = false;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#syncing = true;
    this.#sync()
      .catch(this.#failed)
      .then(() => {
        this.#syncing = false;
        const again = this.#dirty;
        this.#dirty = false;
        if (again) this.touch();
      });
  }
}
