/**
 * Events that the journal itself writes as actor `server`. They move no machine: `from`, `to` and `state` are those
 * of the server's own actor (empty, and the digest of `NO_SERVER`, before there is one).
 */
import type { LogEvent, LogRecord } from './record.ts';
import type { Snapshot } from './registry.ts';

/** A live actor as a checkpoint holds it: enough to go on from. */
export interface PersistedActor extends Snapshot {
  readonly machine: string;
  readonly version: number;
}
export type PersistedActors = Readonly<Record<string, PersistedActor>>;

/** At the head of a segment: every live actor. */
export interface CheckpointEvent extends LogEvent {
  readonly type: 'checkpoint';
  readonly actors: PersistedActors;
}

/** Stands for records that could not be kept while the log could not be written: what was live after them. */
export interface GapEvent extends LogEvent {
  readonly type: 'gap';
  /** How many records were lost. */
  readonly lost: number;
  /** `time` of the first and of the last of them. */
  readonly since: string;
  readonly until: string;
  /** Why the log could not be written. */
  readonly cause: string;
  readonly actors: PersistedActors;
}

/** The log could not be written for a while, and nothing was lost. */
export interface RestoredEvent extends LogEvent {
  readonly type: 'restored';
  readonly since: string;
  /** How many records were held in memory. They stand before this one. */
  readonly held: number;
  readonly cause: string;
}

/** Stands for whole sessions that never authenticated. */
export interface CountedEvent extends LogEvent {
  readonly type: 'counted';
  readonly since: string;
  readonly until: string;
  readonly sessions: number;
  /** How many records they would have been. */
  readonly records: number;
  /** How many of those had an event of that type. */
  readonly events: Readonly<Record<string, number>>;
  /** Sessions by address; `other` for the addresses past the first 32. */
  readonly addresses: Readonly<Record<string, number>>;
}

export type JournalEvent = CheckpointEvent | GapEvent | RestoredEvent | CountedEvent;

const TYPES: ReadonlySet<string> = new Set<JournalEvent['type']>([
  'checkpoint',
  'gap',
  'restored',
  'counted',
]);

/** Whether a record is the journal's own. A server machine must not use these four event types. */
export function isJournalRecord(record: Pick<LogRecord, 'actor' | 'event'>): boolean {
  return record.actor === 'server' && TYPES.has(record.event.type);
}

/** What `state` is the digest of, and `machine` and `version` name, in a journal record before the server's actor is. */
export const NO_SERVER: PersistedActor = {
  machine: 'none',
  version: 1,
  value: '',
  context: null,
  status: 'active',
};

/** The persisted form of a snapshot (an XState snapshot has more than it). */
export function persist(
  machine: string,
  version: number,
  { value, context, status }: Snapshot,
): PersistedActor {
  return { machine, version, value, context, status };
}

/** Reads `event.actors` of a record; text when it is not what it has to be. */
export function readActors(event: LogEvent): ReadonlyMap<string, PersistedActor> | string {
  const { actors } = event;
  if (!isObject(actors)) return `its ${event.type} has no actors`;
  const result = new Map<string, PersistedActor>();
  for (const [name, actor] of Object.entries(actors)) {
    if (!isPersistedActor(actor)) return `its ${event.type} has no whole snapshot of ${name}`;
    result.set(name, actor);
  }
  return result;
}

function isPersistedActor(value: unknown): value is PersistedActor {
  if (!isObject(value)) return false;
  const { machine, version, value: state, status } = value;
  return (
    typeof machine === 'string' &&
    typeof version === 'number' &&
    typeof state === 'string' &&
    typeof status === 'string'
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
