/** Ways to forge a log, as one does who knows how it is made. */
import { sha256 } from '../../../io/journal/digest.ts';
import { type Head, type LogRecord, NO_RECORD, seal } from '../../../machines/log/record.ts';

export const readLines = (lines: readonly string[]): LogRecord[] =>
  lines.map((line) => JSON.parse(line) as LogRecord);

/** The records as they stand, hashes and all. */
export const asTheyAre = (records: readonly LogRecord[]): string[] =>
  records.map((record) => JSON.stringify(record));

/** Numbers and hashes made anew: the chain is whole again, and only the machines can tell. */
export function resealed(records: readonly LogRecord[]): string[] {
  const [first] = records;
  let head: Head =
    first === undefined || first.seq === 1 ? NO_RECORD : { seq: first.seq - 1, hash: first.prev };
  return records.map(({ seq: _, prev: __, hash: ___, ...fields }) => {
    const { record, line } = seal(fields, head, sha256);
    head = record;
    return line;
  });
}

export interface Forgery {
  readonly name: string;
  readonly records: readonly LogRecord[];
  /** Index of the first record that is wrong when the chain was left as it was, and when it was made anew. */
  readonly broken: number;
  /** Undefined where the machines may take it, and only the chain tells: an event that is ignored the second time, say. */
  readonly wrong: number | undefined;
}

/** What can be done to record `at`, which changed its actor's state. `records` are those of a whole log. */
export function* forgeries(records: readonly LogRecord[], at: number): Iterable<Forgery> {
  const record = records[at]!;
  const next = nextOf(records, at);
  const change = (name: string, changed: Partial<LogRecord>): Forgery => ({
    name,
    records: records.with(at, { ...record, ...changed }),
    broken: at,
    wrong: at,
  });
  yield change('another `to`', { to: `${record.to}x` });
  yield change('another `from`', { from: `${record.from}x` });
  yield change('another `state`', { state: [...record.state].reverse().join('').replace(/^./, 'f') });
  yield change('another event', { event: { ...record.event, type: 'no-such-event' } });
  yield change('another machine', { machine: 'no-such-machine' });
  yield change('another version', { version: 99 });
  yield change('another actor', { actor: 'session:nobody', from: 'authenticated' });
  if (next === undefined) return;
  // One that leaves its actor in the same state may leave no trace but in the chain.
  const moves = record.from !== record.to;
  const gap = moves ? next - 1 : undefined;
  yield { name: 'left out', records: records.toSpliced(at, 1), broken: at, wrong: gap };
  yield { name: 'told twice', records: records.toSpliced(at, 0, record), broken: at + 1, wrong: undefined };
  const later = records[next]!;
  const swapped = records.with(at, later).with(next, record);
  yield { name: 'out of order', records: swapped, broken: at, wrong: moves ? at : undefined };
}

/** Index of the next record that depends on this one: of the same actor, or a checkpoint, which holds all actors. */
function nextOf(records: readonly LogRecord[], at: number): number | undefined {
  const { actor } = records[at]!;
  const index = records.findIndex(
    (record, index) => index > at && (record.actor === actor || record.event.type === 'checkpoint'),
  );
  return index < 0 ? undefined : index;
}
