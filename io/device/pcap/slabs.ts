import type { Batch } from '../../ports.ts';

const SLAB_BYTES = 256 * 1024;
/** Free slabs kept for later; more than that go back to the garbage collector. */
const KEPT_FREE = 16;

/** A piece of memory with a count of those who still use it. */
export class Slab {
  readonly buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  references = 1;

  constructor(private readonly free: Slab[]) {}

  retain(): void {
    this.references += 1;
  }

  release(): void {
    this.references -= 1;
    if (this.references < 0) throw new Error('a batch was released more often than it was retained');
    if (this.references === 0 && this.free.length < KEPT_FREE) this.free.push(this);
  }
}

/** Slabs of 256 KiB that are used again when everybody has let go of them. */
export class SlabPool {
  readonly #free: Slab[] = [];

  /** A slab with one reference, the caller's. */
  take(): Slab {
    const slab = this.#free.pop();
    if (slab === undefined) return new Slab(this.#free);
    slab.references = 1;
    return slab;
  }
}

/** Some records in a slab. Holds one reference to it from the beginning. */
export class SlabBatch implements Batch {
  constructor(
    private readonly slab: Slab,
    readonly start: number,
    readonly end: number,
    readonly frames: number,
  ) {
    slab.retain();
  }

  get buffer(): Buffer {
    return this.slab.buffer;
  }

  retain(): void {
    this.slab.retain();
  }

  release(): void {
    this.slab.release();
  }
}
