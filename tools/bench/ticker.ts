import type { Progress } from '../vnet/cli/progress.ts';
import { duration } from '../vnet/cli/units.ts';

/** Shows what is being done, and for how long in all. */
export class Ticker {
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #text = '';

  constructor(progress: Progress) {
    this.#timer = setInterval(() => {
      const seconds = Math.round((performance.now() - this.#began) / 1000);
      progress.tell(() => `${duration(seconds)}  ${this.#text}`);
    }, 250);
    this.#timer.unref();
  }

  say(text: string): void {
    this.#text = text;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
