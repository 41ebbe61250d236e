import type { CommandIo } from './command-io.ts';

const CHUNK = 64 * 1024;

/** Standard output for much text: in large pieces, no faster than it is read. */
export class Printer {
  readonly #around: CommandIo;
  #pieces: string[] = [];
  #length = 0;

  constructor(around: CommandIo) {
    this.#around = around;
  }

  /** Whether `flush` should be awaited now. */
  get full(): boolean {
    return this.#length >= CHUNK;
  }

  print(text: string): void {
    this.#pieces.push(text);
    this.#length += text.length;
  }

  /** Writes what was printed; waits where the reader is slow, and gives the event loop a turn. */
  async flush(): Promise<void> {
    const text = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    if (text !== '') this.#around.out(text);
    await this.#around.drained();
  }
}
