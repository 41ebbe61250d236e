/**
 * Memory for frames that were read: a bounded number of large buffers, each filled from its start and used again
 * when nobody holds a batch in it. No allocation per frame, one small object per batch.
 */
import type { Batch } from '../ports.ts';

interface Slab {
  readonly buffer: Buffer;
  /** First byte that no batch holds. */
  used: number;
  /** Batches that are held. */
  held: number;
}

class SlabBatch implements Batch {
  private references = 1;

  constructor(
    private readonly pool: SlabPool,
    private readonly slab: Slab,
    readonly buffer: Buffer,
    readonly start: number,
    readonly end: number,
    readonly frames: number,
  ) {}

  retain(): void {
    if (this.references === 0) throw new Error('a batch was retained after its last release');
    this.references += 1;
  }

  release(): void {
    if (this.references === 0) throw new Error('a batch was released once too often');
    this.references -= 1;
    if (this.references === 0) this.pool.drop(this.slab);
  }
}

/** Where the next read may go: `buffer[start, limit)`. */
export interface Room {
  readonly buffer: Buffer;
  readonly start: number;
  readonly limit: number;
}

/** At most `most` slabs of `size` bytes; they are made when first needed and kept. */
export class SlabPool {
  private readonly slabs: Slab[] = [];
  private current: Slab | undefined;
  private starved = false;

  /** `freed` is called when a slab became free after `room` had found none. */
  constructor(
    private readonly size: number,
    private readonly most: number,
    private readonly freed: () => void,
  ) {}

  /** Room for at least `least` bytes and at most `wanted`, or undefined when all slabs are held. */
  room(least: number, wanted: number): Room | undefined {
    const slab = this.pick(least);
    if (slab === undefined) {
      this.starved = true;
      return undefined;
    }
    this.current = slab;
    return { buffer: slab.buffer, start: slab.used, limit: Math.min(slab.used + wanted, slab.buffer.length) };
  }

  /** The batch that was read into the room last given, up to `end`. It comes with one reference. */
  batch(end: number, frames: number): Batch {
    const slab = this.current;
    if (slab === undefined) throw new Error('no room was given');
    const batch = new SlabBatch(this, slab, slab.buffer, slab.used, end, frames);
    slab.used = end;
    slab.held += 1;
    return batch;
  }

  /** A batch in this slab is not held any more. */
  drop(slab: Slab): void {
    slab.held -= 1;
    if (slab.held > 0) return;
    slab.used = 0;
    if (this.starved) {
      this.starved = false;
      this.freed();
    }
  }

  private pick(least: number): Slab | undefined {
    const current = this.current;
    if (current !== undefined && current.buffer.length - current.used >= least) return current;
    const free = this.slabs.find((slab) => slab.held === 0);
    if (free !== undefined || this.slabs.length >= this.most) return free;
    const made: Slab = { buffer: Buffer.allocUnsafeSlow(this.size), used: 0, held: 0 };
    this.slabs.push(made);
    return made;
  }
}
