/** The pairs of records of two logs of which one must have come before the other. */
import type { LogRecord } from '../../../machines/log/record.ts';
import type { Arrival, Attempt } from './causality.ts';
import { TraceCollector } from './causality.ts';
import { pair } from './pairing.ts';

/** Record `after` of one log came behind record `before` of the other. */
export interface CausalLink {
  /** Index of the log of `before`: 0 or 1. `after` is in the other one. */
  readonly from: 0 | 1;
  readonly before: number;
  readonly after: number;
}

export interface Causality {
  readonly links: readonly CausalLink[];
  /** Handlers that both logs know. */
  readonly handlers: readonly string[];
  /** Milliseconds by which the clock of log 1 is ahead of that of log 0; 0 where that cannot be told. */
  readonly offset: number;
}

/** @param logs the records of both logs */
export function findCausality(logs: readonly [Iterable<LogRecord>, Iterable<LogRecord>]): Causality {
  const times = new Map<string, number>();
  const [left, right] = logs.map((records, index) => {
    const collector = new TraceCollector();
    for (const record of records) {
      collector.take(record);
      if (isMilestone(record)) times.set(`${index}/${record.seq}`, Date.parse(record.time));
    }
    return collector;
  }) as [TraceCollector, TraceCollector];
  const links: CausalLink[] = [];
  const handlers: string[] = [];
  for (const [id, mine] of left.handlers) {
    const theirs = right.handlers.get(id);
    if (theirs === undefined) continue;
    handlers.push(id);
    for (const [attempt, arrival] of pair(mine.attempts, theirs.arrivals))
      links.push(...linksOf(attempt, arrival, 0));
    for (const [attempt, arrival] of pair(theirs.attempts, mine.arrivals))
      links.push(...linksOf(attempt, arrival, 1));
  }
  return { links, handlers, offset: clockOffset(links, times) };
}

const MILESTONES = new Set([
  'dialled',
  'hello-taken',
  'begin-taken',
  '@created',
  'HELLO',
  'verified',
  'BEGIN',
  'handler-up',
]);

function isMilestone({ actor, event }: LogRecord): boolean {
  return MILESTONES.has(event.type) && (actor.startsWith('session:') || actor.startsWith('handler:'));
}

/** @param side index of the log that the initiator stands in */
function linksOf(attempt: Attempt, arrival: Arrival, side: 0 | 1): CausalLink[] {
  const other = side === 0 ? 1 : 0;
  const links: CausalLink[] = [];
  const add = (from: 0 | 1, before: number | undefined, after: number | undefined) => {
    if (before !== undefined && after !== undefined) links.push({ from, before, after });
  };
  add(other, arrival.created, attempt.dialled);
  add(side, attempt.dialled, arrival.hello);
  add(other, arrival.verified, attempt.helloTaken);
  add(side, attempt.helloTaken, arrival.begin);
  add(other, arrival.up, attempt.beginTaken);
  add(other, arrival.refused, attempt.refused);
  add(side, attempt.beginTaken, arrival.firstRecord);
  add(side, attempt.saidBye, arrival.gotBye);
  add(other, arrival.saidBye, attempt.gotBye);
  return links;
}

/** Half the way between the least that the links of one direction allow and the least of the other. */
function clockOffset(links: readonly CausalLink[], times: ReadonlyMap<string, number>): number {
  let forth = Number.POSITIVE_INFINITY;
  let back = Number.POSITIVE_INFINITY;
  for (const { from, before, after } of links) {
    const sent = times.get(`${from}/${before}`);
    const taken = times.get(`${from === 0 ? 1 : 0}/${after}`);
    if (sent === undefined || taken === undefined) continue;
    if (from === 0) forth = Math.min(forth, taken - sent);
    else back = Math.min(back, taken - sent);
  }
  return Number.isFinite(forth) && Number.isFinite(back) ? (forth - back) / 2 : 0;
}
