/**
 * Mends a damaged log by moving the smaller part aside: what stands behind the damage, or, where a later segment
 * begins with a checkpoint and is whole from there on, what stands before it. Nothing is ever deleted.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileProblem } from '../../../io/file-problem.ts';
import { segmentName } from '../../../io/journal/damage.ts';
import { lockDirectory } from '../../../io/journal/lock.ts';
import { listSegments, type SegmentFile, SegmentLines } from '../../../io/journal/reader.ts';
import { syncDirectory } from '../../../io/journal/sync-directory.ts';
import { rfc3339Millis } from '../../../io/rfc3339.ts';
import { Failure } from '../cli/failures.ts';
import { replayLog } from '../replay/source.ts';
import { type Damage, type Verified, verifyLog } from './verify.ts';

/** What could be done about a damage. */
export interface Plan {
  readonly damage: Damage;
  /** The records before the damage, always to be had. */
  readonly before: { readonly records: number; readonly last?: number };
  /** The records from a later checkpoint on, where they are whole. They hold the present state. */
  readonly after?: {
    readonly segment: number;
    readonly records: number;
    readonly first: number;
    readonly last: number;
  };
}

export type Keep = 'before' | 'after';

/**
 * Looks for damage and for what could be kept; changes nothing.
 * @returns undefined when the log is whole
 * @throws Failure (2) when there is no log
 */
export function planRepair(dir: string, tell: (seq: number) => void = () => {}): Plan | undefined {
  const whole = verifyLog(dir, 1, tell);
  const damage = whole.damage ?? disagreement(dir, tell);
  if (damage === undefined) return undefined;
  const records = whole.damage === undefined ? damage.record - (whole.first?.seq ?? 1) : whole.records;
  const last = damage.record - 1;
  const after = wholeAfter(dir, damage, tell);
  return {
    damage,
    before: { records, ...(records > 0 ? { last } : {}) },
    ...(after === undefined ? {} : { after }),
  };
}

/** The chain is whole; but a record may say another state than the machines. */
function disagreement(dir: string, tell: (seq: number) => void): Damage | undefined {
  const lines = new SegmentLines(listSegments(dir));
  const steps = replayLog(lines);
  for (;;) {
    const { done, value } = steps.next();
    if (!done) {
      tell(value.record.seq);
      continue;
    }
    if (value.kind !== 'mismatch') return undefined;
    const { segment, line } = lines;
    return { segment, line, record: value.record.seq, why: value.mismatch.why };
  }
}

/** The first segment behind the damage from which on all is whole, and what it holds. */
function wholeAfter(dir: string, damage: Damage, tell: (seq: number) => void): Plan['after'] {
  for (const { number } of listSegments(dir).filter((each) => each.number > damage.segment)) {
    const verified: Verified = verifyLog(dir, number, tell);
    const { first, last, records } = verified;
    if (verified.damage === undefined && first !== undefined && last !== undefined) {
      return { segment: number, records, first: first.seq, last: last.seq };
    }
  }
  return undefined;
}

/** Lines with LF. */
export function planText(dir: string, { damage, before, after }: Plan): string {
  const lines = [`${segmentName(damage.segment)}, record ${damage.record}: ${damage.why}`, ''];
  const upTo =
    before.last === undefined ? 'no record at all' : `the ${before.records} records up to #${before.last}`;
  lines.push(`--keep before   keeps ${upTo}, and moves aside the damaged one and all behind it`);
  if (after !== undefined) {
    lines.push(
      `--keep after    keeps the ${after.records} records #${after.first} to #${after.last}: ${segmentName(after.segment)} begins with a`,
      '                checkpoint, so the present state is whole; what is before it is moved aside',
    );
  }
  const choice = after === undefined ? 'before' : 'after';
  lines.push(
    '',
    `Nothing was changed. With the server stopped: vnet log repair ${dir} --keep ${choice} --yes`,
    after === undefined
      ? 'Handlers that were opened behind the damage will be unknown to this server, and TAP interfaces it made stay.'
      : 'That is the better one here: it is what the server goes on from.',
  );
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * Carries a plan out. @returns the folder that what was cut off was moved to
 * @throws Failure (1) while a server holds the directory, or when it cannot be written to
 */
export function repair(dir: string, plan: Plan, keep: Keep, now: Date): string {
  if (keep === 'after' && plan.after === undefined) {
    throw new Failure(
      1,
      'there is no whole segment with a checkpoint behind the damage: only --keep before is to be had',
    );
  }
  try {
    const unlock = lockDirectory(dir);
    try {
      const aside = path.join(dir, `damaged-${rfc3339Millis(now.getTime()).replace(/[-:]|\.\d+/g, '')}`);
      fs.mkdirSync(aside, { mode: 0o700 });
      if (keep === 'after') moveSegments(dir, aside, ({ number }) => number < plan.after!.segment);
      else cutOff(dir, aside, plan.damage);
      syncDirectory(dir);
      return aside;
    } finally {
      unlock();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      1,
      fileProblem(error) ?? (error as Error).message,
      'Nothing may write to the log meanwhile: stop the server first.',
    );
  }
}

function moveSegments(dir: string, aside: string, which: (segment: SegmentFile) => boolean): void {
  // The newest first: broken off in the middle, what is left is a log that ends early.
  for (const segment of listSegments(dir).filter(which).toReversed()) {
    fs.renameSync(segment.path, path.join(aside, path.basename(segment.path)));
  }
}

/** Moves the damaged segment and all behind it aside, and puts the good part of the damaged one back. */
function cutOff(dir: string, aside: string, damage: Damage): void {
  moveSegments(dir, aside, ({ number }) => number >= damage.segment);
  const lines = (damage.line ?? 1) - 1;
  if (lines === 0) return;
  const name = segmentName(damage.segment);
  const whole = fs.readFileSync(path.join(aside, name));
  const fresh = path.join(dir, `${name}.repairing`);
  const fd = fs.openSync(fresh, 'wx', 0o600);
  try {
    // All of it, unlike writeSync, also where the disk has room for a part only.
    fs.writeFileSync(fd, whole.subarray(0, endOfLine(whole, lines)));
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(fresh, path.join(dir, name));
}

/** Offset behind the LF of line number `line`. */
function endOfLine(data: Buffer, line: number): number {
  let end = 0;
  for (let count = 0; count < line; count++) end = data.indexOf(0x0a, end) + 1;
  return end;
}
