/** Opening the event log on a file system: a directory of segments `NNNNNNNN.ndjson`, of which the last is written to. */
import * as fs from 'node:fs';
import { makeDirectory } from '../make-directory.ts';
import { DamagedLog } from './damage.ts';
import { lockDirectory } from './lock.ts';
import { firstLine, listSegments, readHead, type SegmentFile, SegmentLines } from './reader.ts';
import { FileJournal, type JournalOptions } from './store.ts';
import { findTail } from './tail.ts';

export interface JournalReport {
  /** Bytes of a torn last line that were cut off; 0 when it ended well. */
  readonly tornBytes: number;
  /** The segment they were cut from. */
  readonly tornSegment: number | undefined;
  /** Numbers of the first and the last segment. */
  readonly first: number;
  readonly last: number;
  /** The segment that `records()` begins with. */
  readonly base: number;
}

export interface OpenJournal {
  readonly store: FileJournal;
  readonly report: JournalReport;
  /** The lines from the last checkpoint that stood at the head of a segment then, or from record 1, to the end of the log. */
  records(): SegmentLines;
}

/**
 * Opens the log in a directory for writing, and makes both (0700) when there is none. A torn last line is cut off.
 * @throws LogInUse when another server has it open
 * @throws DamagedLog for damage that is seen without reading it all: a missing segment, a broken head of the last one.
 * What is wrong further on shows when `records()` are folded
 */
export function openJournal(dir: string, options: JournalOptions = {}): OpenJournal {
  makeDirectory(dir);
  const unlock = (options.lock ?? lockDirectory)(dir);
  try {
    const found = listSegments(dir);
    checkSequence(dir, found);
    const { kept, tornBytes, tornSegment } = cutTornEnd(dir, found);
    const base = findBase(dir, kept);
    const store = new FileJournal(dir, kept, base, unlock, options);
    const first = kept[0]?.number ?? 1;
    const report = { tornBytes, tornSegment, first, last: kept.at(-1)?.number ?? 1, base };
    return {
      store,
      report,
      records: () => new SegmentLines(listSegments(dir).filter(({ number }) => number >= base)),
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function checkSequence(dir: string, segments: readonly SegmentFile[]): void {
  for (let index = 1; index < segments.length; index++) {
    const wanted = segments[index - 1]!.number + 1;
    if (segments[index]!.number !== wanted)
      throw new DamagedLog(dir, wanted, undefined, 'the segment is missing');
  }
}

/** Cuts a torn last line off. A last segment that has nothing else (a crash while it was begun) goes altogether. */
function cutTornEnd(dir: string, segments: SegmentFile[]) {
  const last = segments.at(-1);
  if (last === undefined) return { kept: [], tornBytes: 0, tornSegment: undefined };
  const { bytes, tornBytes } = findTail(last);
  const tornSegment = tornBytes > 0 ? last.number : undefined;
  if (bytes === 0 && segments.length === 1 && last.number > 1) {
    throw new DamagedLog(
      dir,
      last.number,
      undefined,
      'it has no complete record, and the segments before it are gone',
    );
  }
  if (bytes === 0 && segments.length > 1) {
    fs.unlinkSync(last.path);
    return { kept: segments.slice(0, -1), tornBytes, tornSegment };
  }
  if (tornBytes > 0) fs.truncateSync(last.path, bytes);
  return { kept: [...segments.slice(0, -1), { ...last, bytes }], tornBytes, tornSegment };
}

/** The last segment that one can begin with: it has a checkpoint at its head, or record 1. */
function findBase(dir: string, segments: readonly SegmentFile[]): number {
  const last = segments.at(-1);
  if (last === undefined || (segments.length === 1 && last.bytes === 0)) return 1;
  for (const segment of segments.toReversed()) {
    const line = firstLine(segment);
    const head = line === undefined ? undefined : readHead(line);
    if (head === undefined)
      throw new DamagedLog(dir, segment.number, firstRecord(segment), 'it is not a JSON object');
    if (head.checkpoint || head.seq === 1) return segment.number;
  }
  throw new DamagedLog(
    dir,
    segments[0]!.number,
    undefined,
    'the log begins with neither record 1 nor a checkpoint',
  );
}

/** Number of a segment's first record, told by the first later line that can be read. */
function firstRecord(segment: SegmentFile): number | undefined {
  const lines = new SegmentLines([segment]);
  for (const line of lines) {
    const seq = readHead(line)?.seq;
    if (typeof seq === 'number') return seq - lines.line + 1;
  }
  return undefined;
}
