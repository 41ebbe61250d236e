/**
 * The sending side of one wire, and the rule by which its frames are dropped.
 *
 * While the link keeps up, a batch goes out as slices of its own buffer, without a copy. The link is *behind* while it
 * has more than its high-water mark unsent (64 KiB), more than MAX_WRITES writes unfinished, or anything is held here.
 * In that time frames are copied into at most HELD_SLABS slabs and held here. **The frame that does not fit is the one
 * that is dropped** (tail drop), and counted `queue-full` by the caller.
 *
 * **On a slow wire**, one that is known to take less than SLOW bytes a millisecond, frames wait in a fair queue (fair-queue.ts) of
 * QUEUE_MS, and go to the link in pieces of PIECE_MS, so that who comes last and has little to send goes first. It is behind when
 * that queue has turned much away: the interface is read on until then, so that nobody stands in line there.
 *
 * So there is never more of one wire in this process, whatever its other end does, than the high-water mark and one
 * batch in the socket, HELD_SLABS slabs (256 KiB; 1 MiB where there are several wires or the one is slow) here and as many on their way; and of one device's read buffers
 * never more than MAX_LOANS batches wait for the slow wires of all its Handlers.
 *
 * PING, PONG and BYE are handed to the link at once and so overtake what is held (BYE brings it along).
 */
import type { Batch, Link } from '../../io/ports.ts';
import { flowOf } from '../../machines/frames/flows.ts';
import { frameOffset, recordEnd } from '../../machines/frames/records.ts';
import { FairQueue } from './fair-queue.ts';
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
/** Bytes a millisecond: 250 Mbit/s. A faster wire takes in so short a time what waits that a fair queue is not worth its work. */
const SLOW = 31_250;
/**
 * Of a flow's own: others do not wait for it. It is long, and has a least, since a sender that is slowed down by losses
 * here keeps the wire slow, which then looks as if that were all it takes.
 */
const QUEUE_MS = 100;
const LEAST_QUEUED_BYTES = 128 << 10;
/** Half of what may wait in it: beyond its limit it takes of those only who have less than their share. */
const MOST_QUEUED_BYTES = 512 << 10;
const PIECE_MS = 2;
/** The interface is read on until so much of what came did not find room: a sender that is told of a loss stops soon. */
const MOST_TURNED_AWAY_BYTES = 64 << 10;
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
  readonly #fair = new FairQueue();
  /** Bytes a millisecond when that was known last. */
  #rate = SLOW;
  /** Bytes that found no room in the fair queue since a piece of it went out. */
  #turnedAway = 0;

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
    return this.#held.length > 0 || this.#fair.bytes > 0;
  }

  /** Whether flows take turns: `append` is to be asked for each frame then, and not `send`. */
  get slow(): boolean {
    const rate = this.link.bytesPerMs;
    if (rate !== undefined && rate < SLOW) {
      this.#rate = rate;
      this.#fair.limit = Math.min(Math.max(rate * QUEUE_MS, LEAST_QUEUED_BYTES), MOST_QUEUED_BYTES);
      return true;
    }
    // What waits there still goes before what comes.
    return this.#fair.bytes > 0;
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
  append(buffer: Buffer, start: number, end: number): boolean {
    if (!this.#open) return false;
    if (this.slow) return this.#queue(buffer, start, end);
    const slab = this.#slabFor(end - start);
    slab?.append(buffer, start, end);
    return slab !== undefined;
  }

  /**
   * Whether `append` would take so many bytes now, in records of at most `longest` bytes.
   * @param buffer with a record of their flow between `at` and `next`
   */
  fits(buffer: Buffer, at: number, next: number, bytes: number, longest: number): boolean {
    if (!this.#open) return false;
    this.flush();
    if (this.slow) return this.#admits(flowOf(buffer, frameOffset(buffer, at), next), bytes);
    const last = this.#held.at(-1);
    const slabs = this.#mostHeld - this.#held.length;
    // What is left at the end of a slab may be too short for the next record.
    const room = (last ? Math.max(0, last.room - longest) : 0) + slabs * (SLAB_BYTES - longest);
    return bytes <= room;
  }

  /** Whether so many bytes would be taken now, of the flow that the record between `at` and `next` is of. */
  takes(buffer: Buffer, at: number, next: number, bytes: number): boolean {
    if (!this.#open) return false;
    if (this.slow) return this.#fair.admits(flowOf(buffer, frameOffset(buffer, at), next), bytes);
    if (!this.#behind) return true;
    const room = this.#held.at(-1)?.room ?? 0;
    return bytes <= room + (this.#mostHeld - this.#held.length) * SLAB_BYTES;
  }

  /** Hands on what was appended, unless the link is behind: then it stays until that has caught up. */
  flush(): void {
    if (this.holds) this.#judge();
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
    else this.link.writeAll([...slabs.map(contents), ...this.#fair.all(), last], done);
    this.#fair.clear();
  }

  #queue(buffer: Buffer, start: number, end: number): boolean {
    const flow = flowOf(buffer, frameOffset(buffer, start), end);
    if (!this.#admits(flow, end - start)) return false;
    this.#fair.push(flow, buffer.subarray(start, end));
    return true;
  }

  #admits(flow: number, bytes: number): boolean {
    const admitted = this.#fair.admits(flow, bytes);
    if (!admitted) this.#turnedAway += bytes;
    return admitted;
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
    const slabs = this.#held.length > 0 ? this.#held : [this.#piece()];
    this.#held = [];
    this.#shipping = true;
    this.#write(slabs.map(contents), () => {
      this.#shipping = false;
      slabs.forEach(giveSlab);
    });
  }

  /** Of the fair queue, what leaves in PIECE_MS, and one record at least. */
  #piece(): Slab {
    const slab = takeSlab();
    const most = Math.min(this.#rate * PIECE_MS, SLAB_BYTES);
    this.#turnedAway = 0;
    for (let record = this.#fair.first; record !== undefined; record = this.#fair.first) {
      if (slab.used > 0 && slab.used + record.length > most) break;
      slab.append(record, 0, record.length);
      this.#fair.shift();
    }
    return slab;
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
    if (this.holds && !this.#shipping && !this.#choked()) this.#ship();
    const behind = this.slow
      ? this.#turnedAway > MOST_TURNED_AWAY_BYTES
      : this.#choked() || this.#held.length > 0;
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
