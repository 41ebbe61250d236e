/**
 * `vnet log export`: one actor's records as JSON lines, with what is needed to replay them elsewhere.
 *
 *     {"export":1,"actor":"handler:3f…","from":{…},"records":17}     what it is; `from` is where it was taken from
 *     {"snapshot":{"seq":120,"actor":{…}}}                           the actor as a checkpoint or gap had it, if need be
 *     {"seq":121,…}                                                  its records, byte for byte as they stand in the log
 *
 * A snapshot stands there only when the actor's own beginning does not: its segment was dropped, or records were lost.
 */
import { isJournalRecord, type PersistedActor, readActors } from '../../../machines/log/journal-events.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import { CREATED, type LogRecord } from '../../../machines/log/record.ts';
import { Failure } from '../cli/failures.ts';

export const EXPORT_VERSION = 1;

export interface ExportHeader {
  readonly export: number;
  readonly actor: string;
}

export interface ExportSnapshot {
  readonly snapshot: {
    /** Number of the checkpoint or gap that it was taken from. */
    readonly seq: number;
    /** Null: the actor did not live there. */
    readonly actor: PersistedActor | null;
  };
}

/**
 * The lines of an export, without LF.
 * @throws Failure (2) at a line that is no record, (1) when there is no such actor in the log
 */
export function* exportActor(lines: Iterable<string>, actor: string): Generator<string, void, undefined> {
  yield JSON.stringify({ export: EXPORT_VERSION, actor } satisfies ExportHeader);
  let begun = false;
  let found = 0;
  let last = 0;
  for (const line of lines) {
    const record = parseRecord(line);
    if (typeof record === 'string') throw new Failure(2, `record ${last + 1}: ${record}`);
    last = record.seq;
    const snapshot = snapshotIn(record, actor, begun);
    if (snapshot !== undefined) {
      begun = true;
      yield JSON.stringify(snapshot);
    }
    if (record.actor !== actor || isJournalRecord(record)) continue;
    begun ||= record.event.type === CREATED;
    found++;
    yield line;
  }
  if (found === 0 && !begun) {
    throw new Failure(
      1,
      `there is no actor ${actor} in this log`,
      '`vnet log show DIR` shows the names, e.g. handler:3f….',
    );
  }
}

/** What a checkpoint or gap says of the actor, where that is news: at the log's beginning, and where records were lost. */
function snapshotIn(record: LogRecord, actor: string, begun: boolean): ExportSnapshot | undefined {
  if (!isJournalRecord(record)) return undefined;
  const { type } = record.event;
  if (type !== 'gap' && (type !== 'checkpoint' || begun)) return undefined;
  const actors = readActors(record.event);
  if (typeof actors === 'string') throw new Failure(2, `record ${record.seq}: ${actors}`);
  const own = actors.get(actor);
  if (own === undefined && (type === 'checkpoint' || !begun)) return undefined;
  return { snapshot: { seq: record.seq, actor: own ?? null } };
}
