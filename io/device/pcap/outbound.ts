import type { Socket } from 'node:net';
import type { WriteOutcome } from '../../ports.ts';
import type { Counters } from './messages.ts';
import {
  HEADER_BYTES,
  LEAST_FRAME,
  LONGEST_FRAME,
  LONGEST_RECORD,
  payloadLength,
  TYPE_FRAME,
  TYPE_OFFLOAD,
} from './records.ts';
import type { Slab, SlabPool } from './slabs.ts';

/** Most bytes that wait in this process for the child to read them, beyond what the pipe holds. */
const MOST_UNSENT = 2 * 1024 * 1024;

/** What becomes of so many frames that nobody takes. */
export function refusedAll(refused: number): WriteOutcome {
  return { written: 0, writtenBytes: 0, badOffload: 0, queueFull: 0, refused, tooLong: 0 };
}

/** The way of frames to the child: what it cannot take now is not queued without limit but counted. */
export class Outbound {
  readonly #outcome: WriteOutcome = {
    written: 0,
    writtenBytes: 0,
    badOffload: 0,
    queueFull: 0,
    refused: 0,
    tooLong: 0,
  };
  #slab: Slab;
  #filled = 0;
  /** Refusals that the child has told of since it began, and those that no outcome has told of yet. */
  #refused = 0;
  #refusedBytes = 0;
  #tooLong = 0;
  #owed = 0;
  #owedBytes = 0;
  #owedTooLong = 0;

  constructor(
    private readonly socket: Socket,
    private readonly pool: SlabPool,
  ) {
    this.#slab = pool.take();
  }

  /** Takes the child's totals of frames that the kernel refused. */
  charge({ refused, refusedBytes, tooLong }: Counters): void {
    this.#owedTooLong += tooLong - this.#tooLong;
    this.#tooLong = tooLong;
    this.#owed += refused - this.#refused;
    this.#owedBytes += refusedBytes - this.#refusedBytes;
    this.#refused = refused;
    this.#refusedBytes = refusedBytes;
  }

  #nothing(): WriteOutcome {
    return Object.assign(this.#outcome, refusedAll(0));
  }

  /** See `FrameDevice.write`. Runs of good records are copied and go out together. */
  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    const outcome = this.#nothing();
    let runStart = start;
    let runFrames = 0;
    let offset = start;
    while (offset < end) {
      const whole = end - offset >= HEADER_BYTES;
      const length = whole ? payloadLength(buffer, offset) : 0;
      const next = offset + HEADER_BYTES + length;
      if (!whole || next > end) {
        outcome.refused += 1; // cut off: where another one would begin nobody knows
        break;
      }
      if (buffer[offset] === TYPE_FRAME && length >= LEAST_FRAME && length <= LONGEST_FRAME) {
        runFrames += 1;
      } else {
        this.#run(buffer, runStart, runFrames);
        runStart = next;
        runFrames = 0;
        if (buffer[offset] === TYPE_OFFLOAD) outcome.badOffload += 1;
        else outcome.refused += 1;
      }
      offset = next;
    }
    this.#run(buffer, runStart, runFrames);
    this.#settleDebt();
    return outcome;
  }

  /** Sends `frames` records from `start` on, as far as the bound lets it. Small ones share a slab. */
  #run(buffer: Buffer, start: number, frames: number): void {
    let left = frames;
    let offset = start;
    while (left > 0) {
      if (this.socket.writableLength >= MOST_UNSENT) {
        this.#outcome.queueFull += left;
        return;
      }
      if (this.#slab.buffer.length - this.#filled < LONGEST_RECORD) this.#turnOver();
      const room = this.#slab.buffer.length - this.#filled;
      const pieceStart = offset;
      let pieceFrames = 0;
      while (pieceFrames < left) {
        const next = offset + HEADER_BYTES + payloadLength(buffer, offset);
        if (next - pieceStart > room) break;
        offset = next;
        pieceFrames += 1;
      }
      this.#send(buffer, pieceStart, offset);
      this.#outcome.written += pieceFrames;
      this.#outcome.writtenBytes += offset - pieceStart - pieceFrames * HEADER_BYTES;
      left -= pieceFrames;
    }
  }

  #send(buffer: Buffer, start: number, end: number): void {
    const slab = this.#slab;
    const at = this.#filled;
    buffer.copy(slab.buffer, at, start, end);
    this.#filled = at + end - start;
    slab.retain();
    this.socket.write(slab.buffer.subarray(at, this.#filled), () => slab.release());
  }

  #turnOver(): void {
    this.#slab.release();
    this.#slab = this.pool.take();
    this.#filled = 0;
  }

  #settleDebt(): void {
    const frames = Math.min(this.#owed, this.#outcome.written);
    const bytes = Math.min(this.#owedBytes, this.#outcome.writtenBytes);
    this.#outcome.written -= frames;
    this.#outcome.refused += frames;
    this.#outcome.tooLong = Math.min(this.#owedTooLong, frames);
    this.#owedTooLong -= this.#outcome.tooLong;
    this.#outcome.writtenBytes -= bytes;
    this.#owed -= frames;
    this.#owedBytes -= bytes;
  }
}
