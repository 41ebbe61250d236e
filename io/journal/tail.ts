/** Where the good part of a segment ends. */
import * as fs from 'node:fs';
import type { SegmentFile } from './reader.ts';

const CHUNK = 64 * 1024;
const LF = 10;

export interface Tail {
  /** Length of what is to be kept. */
  readonly bytes: number;
  /** Bytes behind it that are torn. */
  readonly tornBytes: number;
  /** The last line of what is kept, without its LF; undefined when nothing is kept. */
  readonly lastLine: string | undefined;
}

/** Looks at the end of a segment. Changes nothing. */
export function findTail(segment: SegmentFile): Tail {
  const fd = fs.openSync(segment.path, 'r');
  try {
    const size = fs.fstatSync(fd).size;
    // What has no LF was never completed, whatever it is: an append counts when its LF is there.
    let bytes = lineStart(fd, size);
    let lastLine = bytes === 0 ? undefined : lineBefore(fd, bytes);
    if (lastLine !== undefined && looksTorn(lastLine)) {
      bytes = lineStart(fd, bytes - 1);
      lastLine = bytes === 0 ? undefined : lineBefore(fd, bytes);
    }
    return { bytes, tornBytes: size - bytes, lastLine };
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Whether a line that has its LF was torn all the same: by a file system that lost a block of it in a power cut
 * (it reads as NUL bytes), or by someone who ended the line of a torn log. A whole record that was changed is not.
 */
function looksTorn(line: string): boolean {
  try {
    JSON.parse(line);
    return false;
  } catch {
    return line.includes('\0') || !line.endsWith('}');
  }
}

/** Offset behind the last LF before `end`; 0 when there is none. */
function lineStart(fd: number, end: number): number {
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let from = end; from > 0; ) {
    const length = Math.min(CHUNK, from);
    from -= length;
    readFully(fd, chunk, length, from);
    const found = chunk.lastIndexOf(LF, length - 1);
    if (found >= 0) return from + found + 1;
  }
  return 0;
}

/** The line whose LF stands just before `end`. */
function lineBefore(fd: number, end: number): string {
  const start = lineStart(fd, end - 1);
  const buffer = Buffer.allocUnsafe(end - 1 - start);
  readFully(fd, buffer, buffer.length, start);
  return buffer.toString('utf8');
}

function readFully(fd: number, buffer: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) {
    const count = fs.readSync(fd, buffer, done, length - done, position + done);
    if (count === 0) throw new Error('the segment became shorter while it was read');
    done += count;
  }
}
