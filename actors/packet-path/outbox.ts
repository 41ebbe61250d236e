/**
 * The sending side of one wire, and the rule by which its frames are dropped.
 *
 * While the link keeps up, a batch goes out as slices of its own buffer, without a copy. The link is *behind* while it
 * has more than its high-water mark unsent (64 KiB), more than MAX_WRITES writes unfinished, or anything is held here.
 * In that time frames are copied into at most HELD_SLABS slabs and held here. **The frame that does not fit is the one
 * that is dropped** (tail drop), and counted `queue-full` by the caller.
 *
 * So there is never more of one wire in this process, whatever its other end does, than the high-water mark and one
 * batch in the socket, HELD_SLABS slabs (256 KiB; 1 MiB where there are several wires) here and as many on their way; and of one device's read buffers
 * never more than MAX_LOANS batches wait for the slow wires of all its Handlers.
 *
 * PING, PONG and BYE are handed to the link at once and so overtake what is held (BYE brings it along).
 */
import type { Batch, Link } from '../../io/ports.ts';
import { recordEnd } from '../../machines/frames/records.ts';
import type { RecordRuns } from './record-runs.ts';
import { giveSlab, SLAB_BYTES, type Slab, takeSlab } from './slabs.ts';

const MAX_WRITES = 8;
const HELD_SLABS = 2;
/**
 * With several wires: only flows that have a lot to send wait here, each behind itself, and a sender that is told of a
 * loss whenever a quarter of a megabyte waits gets no more than half of a long way.
 */
const HELD_SLABS_OF_SEVERAL = 8;
const MAX_HELD_BATCHES = 4;
/** Above this many pieces a copy is cheaper than a vector. */
const MAX_PIECES = 16;

/** How many batches of one device are retained by its Handlers' wires. */
export class HeldBatches {
  count = 0;

  get exhausted(): boolean {
    return this.count >= MAX_HELD_BATCHES;
  }
}

export class Outbox {
  /** Told when the link falls behind and when it has caught up. */
  onBehind: () => void = () => {};

  #unfinished = 0;
  /** `write` has returned false, and the link has not drained since. */
  #full = false;
  /** Slabs are on their way. */
  #shipping = false;
  #behind = false;
  #open = true;
  #held: Slab[] = [];
  #mostHeld = HELD_SLABS;

  constructor(private readonly link: Link) {}

  get behind(): boolean {
    return this.#behind;
  }

  /** Whether this is one of several wires, over which flows are shared out. */
  set several(several: boolean) {
    this.#mostHeld = several ? HELD_SLABS_OF_SEVERAL : HELD_SLABS;
  }

  /** Whether frames wait here, and not at the link. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** False once the wire ends: nothing is taken any more. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends parts of a batch. @returns how many of the frames, counted from the first, were taken */
  send(batch: Batch, pieces: RecordRuns, heldBatches: HeldBatches): number {
    if (!this.#open) return 0;
    if (this.#held.length > 0) this.flush();
    if (this.#behind || heldBatches.exhausted || pieces.count > MAX_PIECES) {
      return this.#sendCopies(batch.buffer, pieces);
    }
    batch.retain();
    heldBatches.count++;
    this.#write(slices(batch.buffer, pieces), () => {
      heldBatches.count--;
      batch.release();
    });
    this.#judge();
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
    this.flush();
    const last = this.#held.at(-1);
    const slabs = this.#mostHeld - this.#held.length;
    // What is left at the end of a slab may be too short for the next record.
    const room = (last ? Math.max(0, last.room - longest) : 0) + slabs * (SLAB_BYTES - longest);
    return bytes <= room;
  }

  /** Whether so many bytes would be taken now. */
  takes(bytes: number): boolean {
    if (!this.#open) return false;
    if (!this.#behind) return true;
    const room = this.#held.at(-1)?.room ?? 0;
    return bytes <= room + (this.#mostHeld - this.#held.length) * SLAB_BYTES;
  }

  /** Hands on what was appended, unless the link is behind: then it stays until that has caught up. */
  flush(): void {
    if (this.#held.length > 0) this.#judge();
  }

  /** Sends control records ahead of everything that is held. `done` when the link is finished with them. */
  control(records: Uint8Array, done: () => void): void {
    if (!this.#open) return;
    this.#write([records], done);
    this.#judge();
  }

  /** The link has drained. */
  drained(): void {
    this.#full = false;
    this.#judge();
  }

  /** Ends it. With `last`, what is held goes to the link and that record behind it; else it is thrown away. */
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
  #sendCopies(buffer: Buffer, pieces: RecordRuns): number {
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
    if (this.#held.length >= this.#mostHeld) {
      this.flush();
      if (this.#held.length > 0) return undefined;
    }
    const slab = takeSlab();
    this.#held.push(slab);
    return slab;
  }

  #ship(): void {
    const slabs = this.#held;
    this.#held = [];
    this.#shipping = true;
    this.#write(slabs.map(contents), () => {
      this.#shipping = false;
      slabs.forEach(giveSlab);
    });
  }

  #write(chunks: readonly Uint8Array[], done: () => void): void {
    const [only] = chunks;
    const { link } = this;
    const finished = () => {
      done();
      this.#unfinished--;
      this.#judge();
    };
    this.#unfinished++;
    const keepsUp =
      only && chunks.length === 1 ? link.write(only, finished) : link.writeAll(chunks, finished);
    if (!keepsUp) this.#full = true;
  }

  #choked(): boolean {
    return this.#full || this.#unfinished > (this.#behind ? MAX_WRITES / 2 : MAX_WRITES);
  }

  /** Sends what is held when that can be, and finds out whether the link is behind. */
  #judge(): void {
    if (!this.#open) return;
    if (this.#held.length > 0 && !this.#shipping && !this.#choked()) this.#ship();
    const behind = this.#choked() || this.#held.length > 0;
    if (behind === this.#behind) return;
    this.#behind = behind;
    this.onBehind();
  }
}

function slices(buffer: Buffer, pieces: RecordRuns): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let piece = 0; piece < pieces.count; piece++) {
    chunks.push(buffer.subarray(pieces.startOf(piece), pieces.endOf(piece)));
  }
  return chunks;
}

function contents(slab: Slab): Uint8Array {
  return slab.buffer.subarray(0, slab.used);
}
