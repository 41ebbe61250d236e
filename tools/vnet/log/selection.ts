/** Which records `vnet log show` shows. */

import { firstLine, type SegmentFile } from '../../../io/journal/reader.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import type { LogRecord } from '../../../machines/log/record.ts';
import { parseTime } from '../replay/source.ts';

/** The number of a record, or a time (RFC 3339 UTC). */
export type Edge = number | string;

export interface Selection {
  /** A whole name, or its kind alone: `handler`. */
  readonly actor?: string | undefined;
  readonly event?: string | undefined;
  readonly since?: Edge | undefined;
  readonly until?: Edge | undefined;
}

/** `SEQ|TIME`. @throws UsageError */
export function parseEdge(text: string | undefined, option: '--since' | '--until'): Edge | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  return parseTime(text, option, option === '--since' ? 'begin' : 'end');
}

export function selects({ actor, event, since, until }: Selection, record: LogRecord): boolean {
  if (actor !== undefined && record.actor !== actor && !record.actor.startsWith(`${actor}:`)) return false;
  if (event !== undefined && record.event.type !== event) return false;
  if (since !== undefined && comesBefore(record, since)) return false;
  return !isBehind(record, until);
}

/** Whether neither it nor what follows is to be shown. Times may run backwards where the clock was set. */
export function isBehind(record: LogRecord, until: Edge | undefined): boolean {
  if (until === undefined) return false;
  return typeof until === 'number' ? record.seq > until : bare(record.time) > bare(until);
}

function comesBefore(record: LogRecord, since: Edge): boolean {
  return typeof since === 'number' ? record.seq < since : bare(record.time) < bare(since);
}

/** Without the Z, so that 12:00:00 comes before 12:00:00.5 as text too. */
function bare(time: string): string {
  return time.replace(/Z$/, '');
}

/** Number of the last segment that begins before `since`: the ones before it need not be read. */
export function firstNeeded(segments: readonly SegmentFile[], since: Edge | undefined): number {
  const first = segments[0]?.number ?? 1;
  if (since === undefined) return first;
  for (const segment of segments.toReversed()) {
    const line = firstLine(segment);
    const record = line === undefined ? undefined : parseRecord(line);
    if (typeof record === 'object' && comesBefore(record, since)) return segment.number;
  }
  return first;
}
