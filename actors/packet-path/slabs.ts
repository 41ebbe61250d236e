/**
 * Buffers for what has to be copied: frames cut in software, and frames held while a wire is behind. They are used
 * over and over, because a new one for each frame costs more than the frame.
 */

/** Bytes of a slab: a whole number of pages that takes the longest record (4 + 12 + 65,575 bytes). */
export const SLAB_BYTES = 128 * 1024;
/** Slabs kept for the next user; more than that go back to the process (2 MiB in all). */
const SPARE_SLABS = 16;

const spare: Slab[] = [];

/** A buffer that is filled from its beginning. */
export class Slab {
  readonly buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  used = 0;

  get room(): number {
    return SLAB_BYTES - this.used;
  }

  append(source: Uint8Array, start: number, end: number): void {
    this.buffer.set(source.subarray(start, end), this.used);
    this.used += end - start;
  }
}

export function takeSlab(): Slab {
  const slab = spare.pop() ?? new Slab();
  slab.used = 0;
  return slab;
}

/** Gives a slab back that nobody looks at any more. */
export function giveSlab(slab: Slab): void {
  if (spare.length < SPARE_SLABS) spare.push(slab);
}
