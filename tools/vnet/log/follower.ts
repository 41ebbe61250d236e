/** Reads a log that may be growing: all complete lines there are, and later on those that came since. */
import * as fs from 'node:fs';
import { listSegments, type SegmentFile } from '../../../io/journal/reader.ts';

const CHUNK = 256 * 1024;
const LF = 10;

export class Follower {
  readonly #dir: string;
  #segment: number;
  /** Bytes of that segment that were read, and how many of them (the last) are no complete line yet. */
  #offset = 0;
  #rest: Buffer[] = [];

  /** @param from number of the segment to begin with */
  constructor(dir: string, from: number) {
    this.#dir = dir;
    this.#segment = from;
  }

  /** Bytes at the end that are no complete line. */
  get tornBytes(): number {
    return this.#rest.reduce((sum, { length }) => sum + length, 0);
  }

  /** What is complete and was not given out yet. May be called again later. */
  *lines(): Generator<string, void, undefined> {
    for (;;) {
      const segments = listSegments(this.#dir).filter(({ number }) => number >= this.#segment);
      const [current, next] = segments;
      if (current === undefined) return;
      // The one we stood in may have been dropped as too old.
      if (current.number !== this.#segment) this.#begin(current.number);
      yield* this.#read(current);
      // Nothing is written any more to a segment that has a successor; what is left of it is a line of its own.
      if (next === undefined) return;
      yield* this.#read(current);
      if (this.#rest.length > 0) yield Buffer.concat(this.#rest).toString('utf8');
      this.#begin(next.number);
    }
  }

  #begin(segment: number): void {
    this.#segment = segment;
    this.#offset = 0;
    this.#rest = [];
  }

  *#read(segment: SegmentFile): Generator<string, void, undefined> {
    let fd: number;
    try {
      fd = fs.openSync(segment.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      const chunk = Buffer.allocUnsafe(CHUNK);
      for (;;) {
        const length = fs.readSync(fd, chunk, 0, CHUNK, this.#offset);
        if (length === 0) return;
        this.#offset += length;
        const end = chunk.lastIndexOf(LF, length - 1);
        if (end < 0) {
          this.#rest.push(Buffer.from(chunk.subarray(0, length)));
          continue;
        }
        const text = Buffer.concat([...this.#rest, chunk.subarray(0, end)]).toString('utf8');
        this.#rest = end + 1 < length ? [Buffer.from(chunk.subarray(end + 1, length))] : [];
        yield* text.split('\n');
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}
