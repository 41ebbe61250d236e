/** Reads segments line by line, in constant memory. Knows nothing of what a record means. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { segmentName } from './damage.ts';

const CHUNK = 256 * 1024;
const LF = 10;

export interface SegmentFile {
  readonly number: number;
  readonly path: string;
  readonly bytes: number;
  /** When it was last written to, milliseconds since 1970. */
  readonly changedAt: number;
}

/** The segments of a directory by rising number; other files in it are no concern of ours. */
export function listSegments(dir: string): SegmentFile[] {
  const segments: SegmentFile[] = [];
  for (const name of fs.readdirSync(dir)) {
    const number = Number(/^(\d{8,})\.ndjson$/.exec(name)?.[1]);
    if (!(number >= 1) || name !== segmentName(number)) continue;
    const file = path.join(dir, name);
    const { size, mtimeMs } = fs.statSync(file);
    segments.push({ number, path: file, bytes: size, changedAt: mtimeMs });
  }
  return segments.sort((a, b) => a.number - b.number);
}

/**
 * The complete lines of some segments, one after the other, without their LF. While it is iterated `segment` and
 * `line` say where the line given out last stands; after the end `tornBytes` says how much was left without an LF
 * at the end of the last segment. To be iterated once.
 */
export class SegmentLines implements Iterable<string> {
  readonly #segments: readonly SegmentFile[];
  /** Number of the segment of the last line given out; that of the first segment before. */
  segment: number;
  /** Number of that line in its segment, from 1. */
  line = 0;
  /** Bytes after the last LF of the last segment: a record that was never completed, or is just being written. */
  tornBytes = 0;

  constructor(segments: readonly SegmentFile[]) {
    this.#segments = segments;
    this.segment = segments[0]?.number ?? 1;
  }

  *[Symbol.iterator](): Generator<string, void, undefined> {
    const last = this.#segments.at(-1);
    for (const segment of this.#segments) {
      this.segment = segment.number;
      this.line = 0;
      const rest = yield* this.#readSegment(segment);
      if (segment === last) this.tornBytes = rest.length;
      // In the middle of a log there is nothing that could complete it: it is given out, and is no record.
      else if (rest.length > 0) yield this.#next(rest.toString('utf8'));
    }
  }

  #next(line: string): string {
    this.line++;
    return line;
  }

  *#readSegment(segment: SegmentFile): Generator<string, Buffer, undefined> {
    const fd = fs.openSync(segment.path, 'r');
    try {
      const chunk = Buffer.allocUnsafe(CHUNK);
      let rest: Buffer[] = [];
      for (;;) {
        const length = fs.readSync(fd, chunk, 0, CHUNK, null);
        if (length === 0) return Buffer.concat(rest);
        const end = chunk.lastIndexOf(LF, length - 1);
        if (end >= 0) {
          rest.push(chunk.subarray(0, end));
          const text =
            rest.length === 1 ? chunk.toString('utf8', 0, end) : Buffer.concat(rest).toString('utf8');
          for (const line of text.split('\n')) yield this.#next(line);
          rest = [];
        }
        if (end + 1 < length) rest.push(Buffer.from(chunk.subarray(end + 1, length)));
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}

/**
 * A log directory for tools that only read it: no lock, nothing is changed, and a server may be writing to it.
 * @throws Error when there is no such directory, or no log in it
 */
export function readJournal(dir: string): SegmentLines {
  const segments = listSegments(dir);
  if (segments.length === 0)
    throw new Error(`there is no log in ${dir}: it has no file such as ${segmentName(1)}`);
  return new SegmentLines(segments);
}

/** The first line of a segment, without LF; undefined when it has no complete line. */
export function firstLine(segment: SegmentFile): string | undefined {
  for (const line of new SegmentLines([segment])) return line;
  return undefined;
}

/** Of a first line, what tells where a segment begins. */
interface Head {
  readonly seq: unknown;
  readonly time: unknown;
  readonly checkpoint: boolean;
}

/** Undefined when the line is no record. */
export function readHead(line: string): Head | undefined {
  try {
    const { seq, time, actor, event } = JSON.parse(line) as Record<string, unknown>;
    const type = typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined;
    return { seq, time, checkpoint: actor === 'server' && type === 'checkpoint' };
  } catch {
    return undefined;
  }
}
