import type { Batch } from '../ports.ts';

/** What a buffer holds when nobody may look at it any more. */
export const POISON = 0xdb;

export const RECORD_HEADER_BYTES = 4;
export const FRAME = 0x00;
export const OFFLOAD = 0x01;
export const VIRTIO_HEADER_BYTES = 12;

/** A frame on a memory segment. */
export interface SegmentFrame {
  readonly type: typeof FRAME | typeof OFFLOAD;
  /** With its virtio header in front, for OFFLOAD. */
  readonly payload: Buffer;
}

/** Puts frames behind one another in wire form. */
export function toRecords(frames: readonly SegmentFrame[]): Buffer {
  const pieces: Buffer[] = [];
  for (const { type, payload } of frames) {
    const header = Buffer.alloc(RECORD_HEADER_BYTES);
    header.writeUInt32BE(type * 0x1000000 + payload.length);
    pieces.push(header, payload);
  }
  return Buffer.concat(pieces);
}

/** A batch that poisons its bytes when the last reference goes, so that who looks too late sees it. */
export class MemoryBatch implements Batch {
  readonly buffer: Buffer;
  readonly start = 0;
  readonly end: number;
  readonly frames: number;
  #references = 1;

  constructor(frames: readonly SegmentFrame[]) {
    this.buffer = toRecords(frames);
    this.end = this.buffer.length;
    this.frames = frames.length;
  }

  retain(): void {
    if (this.#references === 0) throw new Error('a batch was retained after its last release');
    this.#references += 1;
  }

  release(): void {
    if (this.#references === 0) throw new Error('a batch was released once too often');
    this.#references -= 1;
    if (this.#references === 0) this.buffer.fill(POISON);
  }
}
