import type { Batch } from '../../ports.ts';
import { TURN_BYTES } from '../../read-turns.ts';
import { HEADER_BYTES, LONGEST_RECORD, payloadLength } from './records.ts';
import { type Slab, SlabBatch, type SlabPool } from './slabs.ts';

/**
 * Cuts a stream of records into batches without copying them: it says where the next bytes are to be read to, and
 * takes whole records from there. Small batches share a slab; what is left of a cut record moves to the next one.
 */
export class Inbound {
  #slab: Slab;
  /** Records from here on were not handed out yet; the last one may be incomplete. */
  #start = 0;
  #filled = 0;

  constructor(private readonly pool: SlabPool) {
    this.#slab = pool.take();
  }

  /**
   * Where the next read is to put its bytes. Node asks for it as soon as the read before was taken; until `took` is
   * called again it stays the right one, because nothing else moves the end.
   */
  space(): Buffer {
    if (this.#slab.buffer.length - this.#filled < LONGEST_RECORD) this.#turnOver();
    return this.#slab.buffer.subarray(this.#filled, this.#filled + TURN_BYTES);
  }

  /** Takes note of `bytes` more in `space()`. */
  took(bytes: number): void {
    this.#filled += bytes;
  }

  /** All records that are complete and were not given out yet, or undefined. Its one reference is the caller's. */
  next(): Batch | undefined {
    const { buffer } = this.#slab;
    const start = this.#start;
    let offset = start;
    let frames = 0;
    while (this.#filled - offset >= HEADER_BYTES) {
      const next = offset + HEADER_BYTES + payloadLength(buffer, offset);
      if (next > this.#filled) break;
      offset = next;
      frames += 1;
    }
    if (frames === 0) return undefined;
    this.#start = offset;
    return new SlabBatch(this.#slab, start, offset, frames);
  }

  #turnOver(): void {
    const next = this.pool.take();
    const left = this.#slab.buffer.copy(next.buffer, 0, this.#start, this.#filled);
    this.#slab.release();
    this.#slab = next;
    this.#start = 0;
    this.#filled = left;
  }
}
