/** What a segment should hold, to be held against what it does hold: somebody else may have written to it. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';

const CHUNK = 256 * 1024;

/** SHA-256 of what was written to a file in order. */
export class WrittenContent {
  readonly #hash = createHash('sha256');
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(data: Uint8Array): void {
    this.#hash.update(data);
    this.#bytes += data.length;
  }

  /** Takes over what stands at the beginning of a file. @returns false when it is not so long @throws Error */
  addFile(file: string, bytes: number): boolean {
    const fd = fs.openSync(file, 'r');
    try {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, bytes));
      for (let left = bytes; left > 0; ) {
        const length = fs.readSync(fd, chunk, 0, Math.min(chunk.length, left), null);
        if (length === 0) return false;
        this.add(chunk.subarray(0, length));
        left -= length;
      }
      return true;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Whether a file begins with just that. @throws Error when it cannot be read */
  matches(file: string): boolean {
    const found = new WrittenContent();
    return found.addFile(file, this.#bytes) && found.#digest() === this.#digest();
  }

  #digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
