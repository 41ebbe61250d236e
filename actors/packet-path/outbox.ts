/**
 * The sending side of one wire, and the rule by which its frames are dropped.
 *
 * While the link keeps up, a batch goes out as slices of its own buffer, without a copy. The link is *behind* from the
 * moment it has more than its high-water mark unsent (64 KiB), or more than MAX_WRITES writes unfinished, until it has
 * drained. In that time frames are copied into at most HELD_SLABS slabs and held here. **The frame that does not fit
 * is the one that is dropped** (tail drop), and counted `queue-full` by the caller. So at most one batch over the
 * high-water mark stands in the socket and HELD_SLABS * SLAB_BYTES = 256 KiB here, whatever the other end does.
 *
 * PING, PONG and BYE are handed to the link at once and so overtake what is held.
 */
import type { Batch, Link } from '../../io/ports.ts';
import { recordEnd } from '../../machines/frames/records.ts';
import type { Pieces } from './pieces.ts';
import { giveSlab, SLAB_BYTES, type Slab, takeSlab } from './slabs.ts';

/** Each unfinished write may keep a whole read buffer of a device from being used again. */
const MAX_WRITES = 8;
const HELD_SLABS = 2;
/** Above this many pieces a copy is cheaper than a vector. */
const MAX_PIECES = 16;

export class Outbox {
  /** Told when the link falls behind and when it has caught up. */
  onBehind: (behind: boolean) => void = () => {};

  #unfinished = 0;
  #full = false;
  #behind = false;
  #open = true;
  #held: Slab[] = [];

  constructor(private readonly link: Link) {}

  get behind(): boolean {
    return this.#behind;
  }

  /** False once the wire ends: nothing is taken any more. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends parts of a batch. @returns how many of the frames, counted from the first, were taken */
  send(batch: Batch, pieces: Pieces): number {
    if (!this.#open) return 0;
    if (!this.#behind && this.#held.length > 0) this.flush();
    const { offsets } = pieces;
    if (this.#behind || offsets.length > 2 * MAX_PIECES) return this.#sendCopies(batch.buffer, offsets);
    batch.retain();
    const done = () => {
      batch.release();
      this.#finished();
    };
    if (offsets.length === 2) this.#written(this.link.write(slice(batch, offsets, 0), done));
    else this.#written(this.link.writeAll(slices(batch, offsets), done));
    return pieces.frames;
  }

  /**
   * Copies one record to be sent with the next `flush`.
   * @returns false when there is no room for it: it is to be dropped
   */
  append(buffer: Uint8Array, start: number, end: number): boolean {
    if (!this.#open) return false;
    const slab = this.#slabFor(end - start);
    slab?.append(buffer, start, end);
    return slab !== undefined;
  }

  /** Whether `append` would take so many bytes now, in records of at most `longest` bytes. */
  fits(bytes: number, longest: number): boolean {
    if (!this.#open) return false;
    if (!this.#behind) this.flush();
    const last = this.#held.at(-1);
    const slabs = HELD_SLABS - this.#held.length;
    // What is left at the end of a slab may be too short for the next record.
    const room = (last ? Math.max(0, last.room - longest) : 0) + slabs * (SLAB_BYTES - longest);
    return bytes <= room;
  }

  /** Hands on what was appended, unless the link is behind: then it stays until the link has drained. */
  flush(): void {
    if (this.#behind || this.#held.length === 0) return;
    const slabs = this.#held;
    this.#held = [];
    const done = () => {
      slabs.forEach(giveSlab);
      this.#finished();
    };
    const chunks = slabs.map((slab) => slab.buffer.subarray(0, slab.used));
    this.#written(this.link.writeAll(chunks, done));
  }

  /** Sends a control record ahead of everything that is held. */
  control(records: Uint8Array, done: () => void): void {
    if (!this.#open) return;
    const finished = () => {
      this.#finished();
      done();
    };
    this.#written(this.link.write(records, finished));
  }

  /** The link has drained. */
  drained(): void {
    this.#full = false;
    this.#judge();
  }

  /** Ends it: what is held goes to the link all the same when `last` is given, followed by that record. */
  close(last?: Uint8Array): void {
    if (!this.#open) return;
    this.#open = false;
    const slabs = this.#held;
    this.#held = [];
    const done = () => slabs.forEach(giveSlab);
    if (last === undefined) done();
    else this.link.writeAll([...slabs.map((slab) => slab.buffer.subarray(0, slab.used)), last], done);
  }

  #sendCopies(buffer: Buffer, offsets: readonly number[]): number {
    let taken = 0;
    for (let i = 0; i < offsets.length; i += 2) {
      const end = offsets[i + 1]!;
      for (let at = offsets[i]!; at < end; ) {
        const next = recordEnd(buffer, at);
        if (!this.append(buffer, at, next)) return taken + this.#flushed();
        taken++;
        at = next;
      }
    }
    this.flush();
    return taken;
  }

  #flushed(): 0 {
    this.flush();
    return 0;
  }

  #slabFor(bytes: number): Slab | undefined {
    const last = this.#held.at(-1);
    if (last !== undefined && last.room >= bytes) return last;
    if (bytes > SLAB_BYTES) return undefined;
    if (this.#held.length >= HELD_SLABS) {
      this.flush();
      if (this.#held.length > 0) return undefined;
    }
    const slab = takeSlab();
    this.#held.push(slab);
    return slab;
  }

  #written(keepsUp: boolean): void {
    this.#unfinished++;
    if (!keepsUp) this.#full = true;
    this.#judge();
  }

  #finished(): void {
    this.#unfinished--;
    this.#judge();
  }

  /** Finds out whether the link is behind, and goes on sending when it is not any more. */
  #judge(): void {
    if (!this.#open) return;
    const was = this.#behind;
    this.#behind = this.#full || this.#unfinished > (was ? MAX_WRITES / 2 : MAX_WRITES);
    if (was && !this.#behind) this.flush();
    if (this.#behind !== was) this.onBehind(this.#behind);
  }
}

function slice(batch: Batch, offsets: readonly number[], i: number): Uint8Array {
  return batch.buffer.subarray(offsets[i]!, offsets[i + 1]!);
}

function slices(batch: Batch, offsets: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < offsets.length; i += 2) chunks.push(slice(batch, offsets, i));
  return chunks;
}
