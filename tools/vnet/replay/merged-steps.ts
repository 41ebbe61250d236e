/** A log, or two of them, as one row of steps to be shown. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { SegmentLines } from '../../../io/journal/reader.ts';
import type { Step, Verdict } from '../../../machines/log/replay.ts';
import { type ExportedLines, openExport, replayExport } from './exported.ts';
import { openLog, replayLog } from './source.ts';

/** A step of the log that has this label; one log alone has none. */
export interface MergedStep extends Step {
  readonly label?: string;
}

/** The verdict on one log. */
export interface LogVerdict {
  readonly place: string;
  readonly label?: string;
  readonly verdict: Verdict;
  /** Bytes behind the last whole record. */
  readonly tornBytes: number;
}

export type MergedSteps = Generator<MergedStep, readonly LogVerdict[], undefined>;

export interface StepFilter {
  readonly actor?: string;
  readonly until?: number | string;
}

/** Where steps come from: the directory of a log, or a file that `vnet log export` wrote. */
export interface Source {
  readonly place: string;
  readonly lines: SegmentLines | ExportedLines;
  steps(options: StepFilter): Generator<Step, Verdict, undefined>;
}

/** @throws Failure (2) when there is neither a log nor an export */
export function openSource(place: string): Source {
  if (isFile(place)) {
    const lines = openExport(place);
    return { place, lines, steps: (options) => replayExport(lines, options) };
  }
  const lines = openLog(place);
  return { place, lines, steps: (options) => replayLog(lines, options) };
}

function isFile(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.isFile() === true;
}

/** The steps of one log. */
export function* single(source: Source, options: StepFilter): MergedSteps {
  const verdict = yield* source.steps(options);
  return [{ place: source.place, verdict, tornBytes: source.lines.tornBytes }];
}

/** A short name for a log that has not told its server's name. */
export function placeName(place: string): string {
  return basename(place) || place;
}
