/**
 * Replays a log: every line is read, its place in the chain checked, and its transition made again. No I/O.
 */
import type { Digest } from './canonical.ts';
import { Fold, type Mismatch } from './fold.ts';
import { parseRecord } from './parse.ts';
import { type Head, type LogRecord, NO_RECORD, verifyLink } from './record.ts';
import type { Definition, MachineTable, Snapshot } from './registry.ts';

export interface ReplayOptions {
  /** Only steps of this actor are given out; all records are checked. */
  readonly actor?: string;
  /** The last record to look at: its `seq`, or a time (RFC 3339 UTC) up to which records count. */
  readonly until?: number | string;
}

/** One record, and what it did. */
export interface Step {
  readonly record: LogRecord;
  /** Absent for a record of the journal itself (checkpoint, gap, counted, restored). */
  readonly definition?: Definition;
  /** Absent for an actor's first record. */
  readonly before?: Snapshot;
  readonly after?: Snapshot;
}

export type Verdict =
  | {
      readonly kind: 'ok';
      /** Records looked at. */
      readonly records: number;
      /** The last of them. */
      readonly head: Head;
      /** The log begins behind dropped segments: the `seq` and `prev` of its first record were taken on trust. */
      readonly trusted: boolean;
      /** `until` came before the end. */
      readonly stopped: boolean;
    }
  | { readonly kind: 'mismatch'; readonly record: LogRecord; readonly mismatch: Mismatch }
  | {
      readonly kind: 'damaged';
      /** `seq` that the damaged record has, or should have. */
      readonly record: number;
      /** End of a sentence that begins `record N: `. */
      readonly why: string;
    };

/**
 * Goes through a log from its beginning, or from a checkpoint at the head of a segment.
 * The generator's return value is the verdict; it never throws, unless `lines` or `digest` do.
 */
export function* replay(
  lines: Iterable<string>,
  table: MachineTable,
  digest: Digest,
  options: ReplayOptions = {},
  fold = new Fold(table, digest),
): Generator<Step, Verdict, undefined> {
  let records = 0;
  let head: Head | undefined;
  let trusted = false;
  let stopped = false;
  for (const line of lines) {
    const record = parseRecord(line);
    if (typeof record === 'string') return { kind: 'damaged', record: (head?.seq ?? 0) + 1, why: record };
    if (isPast(record, options.until)) {
      stopped = true;
      break;
    }
    const wrong =
      verifyLink({ record, line }, head, digest) ?? (head === undefined ? verifyStart(record) : undefined);
    if (wrong !== undefined)
      return { kind: 'damaged', record: head === undefined ? record.seq : head.seq + 1, why: wrong };
    trusted ||= head === undefined && record.seq > 1;
    head = { seq: record.seq, hash: record.hash };
    records++;
    const mismatch = fold.apply(record);
    if (mismatch !== undefined) return { kind: 'mismatch', record, mismatch };
    if (options.actor === undefined || options.actor === record.actor) yield { record, ...fold.applied };
  }
  return { kind: 'ok', records, head: head ?? NO_RECORD, trusted, stopped };
}

function isPast(record: LogRecord, until: number | string | undefined): boolean {
  if (until === undefined) return false;
  if (typeof until === 'number') return record.seq > until;
  return comparable(record.time) > comparable(until);
}

/** Times of different precision, as texts that sort by time. */
function comparable(time: string): string {
  const plain = time.replace(/Z$/, '');
  return (plain.includes('.') ? plain : `${plain}.`).padEnd('2026-01-31T12:00:00.000000000'.length, '0');
}

function verifyStart(record: LogRecord): string | undefined {
  if (record.seq === 1 || record.event.type === 'checkpoint') return undefined;
  return `the log begins with it, and it is neither record 1 nor a checkpoint`;
}

/** What a log comes to: its verdict, and the fold with the actors that live at its end. */
export interface Folded {
  readonly verdict: Verdict;
  readonly fold: Fold;
}

/** Folds a whole log, as the server does when it starts. */
export function foldLog(lines: Iterable<string>, table: MachineTable, digest: Digest): Folded {
  const fold = new Fold(table, digest);
  const steps = replay(lines, table, digest, {}, fold);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return { verdict: value, fold };
  }
}
