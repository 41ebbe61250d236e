/** EVENT lines of WATCH. */
import type { LogEvent } from '../../../machines/log/record.ts';
import type { Shown } from '../replay/line.ts';
import type { DataAnswer } from './conversation.ts';

/** A record as it was written, or the news that so many were not shown because we read too slowly. */
export type Watched =
  | { readonly kind: 'record'; readonly shown: Shown }
  | { readonly kind: 'missed'; readonly count: number };

/** Undefined for a line that is no EVENT. */
export function readEvent({ word, fields }: DataAnswer): Watched | undefined {
  if (word !== 'EVENT') return undefined;
  if (fields.missed !== undefined) return { kind: 'missed', count: Number(fields.missed) };
  const { seq, time = '', actor = '', event: type = '', from = '', to = '', detail } = fields;
  const event: LogEvent = { type, ...parseDetail(detail) };
  return { kind: 'record', shown: { seq: Number(seq), time, actor, event, from, to } };
}

function parseDetail(detail: string | undefined): Readonly<Record<string, unknown>> {
  if (detail === undefined) return {};
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { detail };
  } catch {
    return { detail };
  }
}
