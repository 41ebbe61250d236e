import type { CommandIo } from './command-io.ts';

/** Milliseconds before the first word, and between two. */
const PATIENCE = 2000;
const EVERY = 250;

/** One line on standard error that says how far a long work is; nothing in a pipe, nor when it is done quickly. */
export class Progress {
  readonly #around: CommandIo;
  readonly #now: () => number;
  #next: number;
  #shown = false;

  /** @param wanted false where the output itself shows that it goes on */
  constructor(around: CommandIo, wanted = true, now: () => number = () => performance.now()) {
    this.#around = around;
    this.#now = now;
    this.#next = wanted && around.attended ? now() + PATIENCE : Number.POSITIVE_INFINITY;
  }

  tell(text: () => string): void {
    if (this.#now() < this.#next) return;
    this.#next = this.#now() + EVERY;
    this.#shown = true;
    this.#around.err(`\r${text()}\u001b[K`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) this.#around.err('\r\u001b[K');
    this.#shown = false;
  }
}
