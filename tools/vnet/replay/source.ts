/** Logs as `vnet replay` and `vnet log` read them. */
import { sha256 } from '../../../io/journal/digest.ts';
import { readJournal, type SegmentLines } from '../../../io/journal/reader.ts';
import { MACHINES } from '../../../machines/index.ts';
import { type ReplayOptions, replay, type Step, type Verdict } from '../../../machines/log/replay.ts';
import { orFail, UsageError } from '../cli/failures.ts';

/** @throws Failure (2) when there is no log in the directory */
export function openLog(dir: string): SegmentLines {
  return orFail(2, () => readJournal(dir), 'It is the directory that `vnet serve --log` was given.');
}

/** The steps of a log, played by the machines of this program; the generator returns the verdict. */
export function replayLog(
  lines: Iterable<string>,
  options: ReplayOptions = {},
): Generator<Step, Verdict, undefined> {
  return replay(lines, MACHINES, sha256, options);
}

const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?)?Z?$/;

/**
 * `SEQ|TIME` as `ReplayOptions.until` takes it. A time is in UTC; of one that stops at the day, hour, minute or second
 * the whole of it counts.
 * @throws UsageError
 */
export function parseUntil(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  return parseTime(text, '--until', 'end');
}

/** RFC 3339 in UTC with microseconds, as records have it, of a time that may be cut short. @throws UsageError */
export function parseTime(text: string, option: string, edge: 'begin' | 'end'): string {
  const fill = edge === 'begin' ? '0000-00-00T00:00:00.000000' : '0000-00-00T23:59:59.999999';
  const bare = text.replace(' ', 'T').replace(/Z$/, '');
  const whole = bare + fill.slice(bare.length);
  if (TIME.test(text) && !Number.isNaN(Date.parse(`${whole.slice(0, 19)}Z`))) return `${whole}Z`;
  const what = option === '--until' ? 'the number of a record, or ' : '';
  throw new UsageError(
    `${option} takes ${what}a time in UTC such as 2026-01-31T12:00:00; "${text}" is neither`,
  );
}
