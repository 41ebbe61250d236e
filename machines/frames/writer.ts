/**
 * A place to put records, one behind the other in wire form, that is used again and again.
 */
import { FRAME, HEADER_BYTES, writeHeader } from './records.ts';

/** Gives a buffer of at least that many bytes. */
export type Allocate = (bytes: number) => Buffer;

const FIRST_CAPACITY = 65_536;

/** Records from offset 0 to `length` of `buffer`. Grows by doubling; `reset()` keeps the buffer. */
export class RecordWriter {
  buffer: Buffer;
  /** Bytes written so far. */
  length = 0;
  /** Records written so far. */
  records = 0;

  constructor(
    capacity = FIRST_CAPACITY,
    private readonly allocate: Allocate = (bytes) => Buffer.allocUnsafeSlow(bytes),
  ) {
    this.buffer = allocate(capacity);
  }

  /** Forgets what was written. */
  reset(): void {
    this.length = 0;
    this.records = 0;
  }

  /** Hands the buffer over to the caller and goes on, empty, in another one. */
  swap(next: Buffer): Buffer {
    const full = this.buffer;
    this.buffer = next;
    this.reset();
    return full;
  }

  /** Makes room for that many more bytes, which may move `buffer`. @returns offset at which to write: `length` */
  reserve(bytes: number): number {
    const need = this.length + bytes;
    if (need > this.buffer.length) {
      const grown = this.allocate(Math.max(need, 2 * this.buffer.length));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    return this.length;
  }

  /** Counts what was written behind `reserve`. */
  commit(bytes: number, records = 1): void {
    this.length += bytes;
    this.records += records;
  }

  /** Appends whole records as they are. */
  copy(source: Buffer, start: number, end: number, records = 1): void {
    const at = this.reserve(end - start);
    source.copy(this.buffer, at, start, end);
    this.commit(end - start, records);
  }

  /** Appends a FRAME record with a copy of these bytes. @returns offset of the frame's first byte */
  frame(source: Buffer, start: number, end: number): number {
    const bytes = end - start;
    const at = this.reserve(HEADER_BYTES + bytes);
    writeHeader(this.buffer, at, FRAME, bytes);
    source.copy(this.buffer, at + HEADER_BYTES, start, end);
    this.commit(HEADER_BYTES + bytes);
    return at + HEADER_BYTES;
  }
}
