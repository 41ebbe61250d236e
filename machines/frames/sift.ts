/**
 * Puts a predicate to every frame of a run of records.
 */

import { PASS, type Predicate, VERDICTS } from './predicates.ts';
import { frameOffset, recordEnd } from './records.ts';

/** Frames and bytes by verdict; the index is the verdict's number. Bytes are those of Ethernet frames. */
export interface Tally {
  readonly frames: Float64Array;
  readonly bytes: Float64Array;
}

export function newTally(): Tally {
  return { frames: new Float64Array(VERDICTS.length), bytes: new Float64Array(VERDICTS.length) };
}

/** Called with `count` records, one behind the other, that all passed. */
export type TakeRun = (buffer: Buffer, start: number, end: number, count: number) => void;

/**
 * Judges each record in `buffer[start, end)` (whole FRAME and OFFLOAD records), counts the verdicts and hands over
 * what passed in runs as long as can be, in order.
 */
export function sift(
  buffer: Buffer,
  start: number,
  end: number,
  predicate: Predicate,
  tally: Tally,
  take: TakeRun,
): void {
  let runStart = start;
  let count = 0;
  for (let at = start; at < end; ) {
    const frame = frameOffset(buffer, at);
    const next = recordEnd(buffer, at);
    const verdict = predicate(buffer, frame);
    tally.frames[verdict]!++;
    tally.bytes[verdict]! += next - frame;
    if (verdict === PASS) {
      count++;
    } else {
      if (count > 0) take(buffer, runStart, at, count);
      count = 0;
      runStart = next;
    }
    at = next;
  }
  if (count > 0) take(buffer, runStart, end, count);
}
