/**
 * One record of the event log (PROTOCOL.md section 7): its form on a line, and the chain of hashes it stands in.
 */
import { canonical, type Digest, quote, writeNumber } from './canonical.ts';
import type { Snapshot } from './registry.ts';

/** An event as a machine got it: plain JSON with a `type`. */
export interface LogEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What is said of a transition before it has its place in the chain. */
export interface RecordFields {
  /** Wall clock, RFC 3339 UTC with microseconds. When it happened; the order of records is that of `seq`. */
  readonly time: string;
  /** Monotonic nanoseconds since the server started. */
  readonly mono: number;
  /** Id of this run of the server. */
  readonly boot: string;
  /** `server`, `session:<id>`, `handler:<id>` or `device:<name>`. */
  readonly actor: string;
  readonly machine: string;
  readonly version: number;
  readonly event: LogEvent;
  /** State before; empty in an actor's first record. */
  readonly from: string;
  /** State after. */
  readonly to: string;
  /** First 16 hex digits of the digest of the snapshot after: `stateDigest`. */
  readonly state: string;
}

export interface LogRecord extends RecordFields {
  /** 1, 2, 3 … without gaps over all segments. */
  readonly seq: number;
  /** `hash` of the record before; empty in record 1. */
  readonly prev: string;
  /** Digest of the canonical JSON of this record without this field. */
  readonly hash: string;
}

/** Where a chain ends: the last record's number and hash. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** The head of a log without a record. */
export const NO_RECORD: Head = { seq: 0, hash: '' };

/** Type of the event in an actor's first record; its `input` is what the machine was made with. */
export const CREATED = '@created';

/** The `state` field for a snapshot. @throws TypeError when its context is not JSON */
export function stateDigest(snapshot: Snapshot, digest: Digest): string {
  const { context, status, value } = snapshot;
  return digest(canonical({ context, status, value })).slice(0, 16);
}

/** The fields of a record as they stand in JSON; `event` is so already. Each is needed twice. */
function written(
  { actor, boot, from, machine, mono, state, time, to, version }: RecordFields,
  event: string,
) {
  return {
    actor: quote(actor),
    boot: quote(boot),
    event,
    from: quote(from),
    machine: quote(machine),
    mono: writeNumber(mono),
    state: quote(state),
    time: quote(time),
    to: quote(to),
    version: writeNumber(version),
  };
}
type Written = ReturnType<typeof written>;

/** The text whose digest is the record's `hash`: its canonical JSON without `hash`, put together by hand. */
function sealedText(record: Written, seq: number, prev: string): string {
  const { actor, boot, event, from, machine, mono, state, time, to, version } = record;
  return (
    `{"actor":${actor},"boot":${boot},"event":${event},"from":${from},"machine":${machine},"mono":${mono},` +
    `"prev":${prev},"seq":${writeNumber(seq)},"state":${state},"time":${time},"to":${to},"version":${version}}`
  );
}

/** The record as a line, its fields in the order of section 7. */
function lineText(record: Written, seq: number, prev: string, hash: string): string {
  const { actor, boot, event, from, machine, mono, state, time, to, version } = record;
  return (
    `{"seq":${writeNumber(seq)},"time":${time},"mono":${mono},"boot":${boot},"actor":${actor},` +
    `"machine":${machine},"version":${version},"event":${event},"from":${from},"to":${to},"state":${state},` +
    `"prev":${prev},"hash":"${hash}"}`
  );
}

/** A record in its place, and the line it is in the log. */
export interface Sealed {
  readonly record: LogRecord;
  readonly line: string;
}

/**
 * Gives a record its place behind `prev`.
 * @param eventText canonical JSON of its event, where that is known already
 * @throws TypeError when a field has no JSON form
 */
export function seal(
  fields: RecordFields,
  prev: Head,
  digest: Digest,
  eventText = canonical(fields.event),
): Sealed {
  const seq = prev.seq + 1;
  const text = written(fields, eventText);
  const link = quote(prev.hash);
  const hash = digest(sealedText(text, seq, link));
  const { time, mono, boot, actor, machine, version, event, from, to, state } = fields;
  const record = {
    seq,
    time,
    mono,
    boot,
    actor,
    machine,
    version,
    event,
    from,
    to,
    state,
    prev: prev.hash,
    hash,
  };
  return { record, line: lineText(text, seq, link, hash) };
}

/**
 * What is wrong with a record's place in the chain, or undefined. The hash seals what a line says; that the line says
 * it in the one form in which it was written is looked at beside it: a key that stands twice, of which JSON takes the
 * last one, would be read by people.
 * @param prev the head before it; undefined for the first record that was kept: `seq` and `prev` are then trusted
 */
export function verifyLink(
  { record, line }: Sealed,
  prev: Head | undefined,
  digest: Digest,
): string | undefined {
  if (prev !== undefined && record.seq !== prev.seq + 1) {
    return `its seq is ${record.seq} and should be ${prev.seq + 1}`;
  }
  if (prev !== undefined && record.prev !== prev.hash) {
    return `its prev is not the hash of the record before it (${abbreviate(record.prev)}, should be ${abbreviate(prev.hash)})`;
  }
  if (record.seq === 1 && record.prev !== '') return 'it is the first record, and its prev is not empty';
  try {
    const text = written(record, canonical(record.event));
    const link = quote(record.prev);
    const hash = digest(sealedText(text, record.seq, link));
    if (hash !== record.hash)
      return `its hash does not fit its content (${abbreviate(record.hash)}, should be ${abbreviate(hash)})`;
    if (line !== lineText(text, record.seq, link, hash)) return OTHER_FORM;
  } catch (error) {
    return `it has no canonical form: ${(error as Error).message}`;
  }
  return undefined;
}

const OTHER_FORM =
  'its line has other bytes than those that were written: blanks, a key that stands twice, or another order';

function abbreviate(hash: string): string {
  return hash === '' ? 'empty' : `${hash.slice(0, 12)}…`;
}
