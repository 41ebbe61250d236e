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
    if (this.#behind || pieces.count > MAX_PIECES) return this.#sendCopies(batch.buffer, pieces);
    batch.retain();
    this.#write(slices(batch.buffer, pieces), () => {
      batch.release();
      this.#finished();
    });
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
    this.#write(slabs.map(contents), () => {
      slabs.forEach(giveSlab);
      this.#finished();
    });
  }

  /** Sends a control record ahead of everything that is held. */
  control(records: Uint8Array, done: () => void): void {
    if (!this.#open) return;
    this.#write([records], () => {
      this.#finished();
      done();
    });
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
    else this.link.writeAll([...slabs.map(contents), last], done);
  }

  /** Tail drop: stops at the first record that finds no room. @returns how many were taken */
  #sendCopies(buffer: Buffer, pieces: Pieces): number {
    let taken = 0;
    copying: for (let piece = 0; piece < pieces.count; piece++) {
      const end = pieces.endOf(piece);
      for (let at = pieces.startOf(piece); at < end; taken++) {
        const next = recordEnd(buffer, at);
        if (!this.append(buffer, at, next)) break copying;
        at = next;
      }
    }
    this.flush();
    return taken;
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

  #write(chunks: readonly Uint8Array[], done: () => void): void {
    const [only] = chunks;
    const { link } = this;
    const keepsUp = only && chunks.length === 1 ? link.write(only, done) : link.writeAll(chunks, done);
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

function slices(buffer: Buffer, pieces: Pieces): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let piece = 0; piece < pieces.count; piece++) {
    chunks.push(buffer.subarray(pieces.startOf(piece), pieces.endOf(piece)));
  }
  return chunks;
}

function contents(slab: Slab): Uint8Array {
  return slab.buffer.subarray(0, slab.used);
}
