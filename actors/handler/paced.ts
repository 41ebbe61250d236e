/** A value that is handed on when it changes, at most once in a while: the first at once, of later ones the last. */
import type { Clock, Timer } from '../../io/ports.ts';

export class Paced<T> {
  #pause: Timer | undefined;
  #next: { readonly value: T } | undefined;

  /** @param ms that lie between two of them, in milliseconds */
  constructor(
    private readonly clock: Clock,
    private readonly ms: number,
    private readonly tell: (value: T) => void,
  ) {}

  /** Whether one that is pushed now would wait. */
  get pauses(): boolean {
    return this.#pause !== undefined;
  }

  push(value: T): void {
    if (this.#pause !== undefined) {
      this.#next = { value };
      return;
    }
    this.#pause = this.clock.after(this.ms, () => this.#goOn());
    this.tell(value);
  }

  stop(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#next = undefined;
  }

  #goOn(): void {
    this.#pause = undefined;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.push(next.value);
  }
}
