/** Replays what `vnet log export` wrote: the records of one actor, each checked by itself and against its machine. */
import { readFileSync } from 'node:fs';
import { sha256 } from '../../../io/journal/digest.ts';
import { MACHINES } from '../../../machines/index.ts';
import type { Mismatch } from '../../../machines/log/fold.ts';
import type { PersistedActor } from '../../../machines/log/journal-events.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import {
  CREATED,
  type Head,
  type LogRecord,
  NO_RECORD,
  stateDigest,
  verifyLink,
} from '../../../machines/log/record.ts';
import { type Definition, machineKey, type Snapshot } from '../../../machines/log/registry.ts';
import type { ReplayOptions, Step, Verdict } from '../../../machines/log/replay.ts';
import { Failure, orFail } from '../cli/failures.ts';
import { EXPORT_VERSION, type ExportSnapshot } from '../log/export.ts';

export interface ExportedLines extends Iterable<string> {
  readonly tornBytes: 0;
}

/** @throws Failure (2) when the file cannot be read or is no export */
export function openExport(file: string): ExportedLines {
  const text = orFail(2, () => readFileSync(file, 'utf8'));
  const [head = '', ...lines] = text.replace(/\n$/, '').split('\n');
  if (!head.startsWith(`{"export":${EXPORT_VERSION},`)) {
    throw new Failure(
      2,
      `${file} is not what \`vnet log export\` writes`,
      'To replay a log, give its directory.',
    );
  }
  return { tornBytes: 0, [Symbol.iterator]: () => lines[Symbol.iterator]() };
}

interface Live {
  readonly definition: Definition;
  readonly snapshot: Snapshot;
}

/** Records need not follow upon each other, only rise; the chain between them is not there. */
export function* replayExport(
  lines: Iterable<string>,
  { until }: ReplayOptions,
): Generator<Step, Verdict, undefined> {
  let live: Live | undefined;
  let head: Head = NO_RECORD;
  let records = 0;
  let trusted = false;
  let stopped = false;
  for (const line of lines) {
    const snapshot = readSnapshot(line);
    if (snapshot !== undefined) {
      trusted = true;
      live = snapshot === null ? undefined : restore(snapshot);
      continue;
    }
    const record = parseRecord(line);
    if (typeof record === 'string') return { kind: 'damaged', record: head.seq + 1, why: record };
    if (typeof until === 'number' ? record.seq > until : until !== undefined && record.time > until) {
      stopped = true;
      break;
    }
    const wrong =
      verifyLink({ record, line }, undefined, sha256) ??
      (record.seq <= head.seq ? 'its seq does not rise' : undefined);
    if (wrong !== undefined) return { kind: 'damaged', record: record.seq, why: wrong };
    const made = advance(record, live);
    if ('why' in made) return { kind: 'mismatch', record, mismatch: made };
    yield { record, ...made };
    live = made.after.status === 'done' ? undefined : { definition: made.definition, snapshot: made.after };
    head = { seq: record.seq, hash: record.hash };
    records++;
  }
  return { kind: 'ok', records, head, trusted, stopped };
}

/** Null where it says that the actor does not live; undefined when the line is no snapshot. */
function readSnapshot(line: string): PersistedActor | null | undefined {
  if (!line.startsWith('{"snapshot":')) return undefined;
  try {
    return (JSON.parse(line) as ExportSnapshot).snapshot.actor;
  } catch {
    return undefined;
  }
}

function restore(actor: PersistedActor): Live | undefined {
  const definition = MACHINES.get(machineKey(actor.machine, actor.version));
  return definition === undefined ? undefined : { definition, snapshot: definition.restore(actor) };
}

type Made = { readonly definition: Definition; readonly before?: Snapshot; readonly after: Snapshot };

function advance(record: LogRecord, live: Live | undefined): Made | Mismatch {
  const key = machineKey(record.machine, record.version);
  const created = record.from === '' && record.event.type === CREATED;
  const definition = created ? MACHINES.get(key) : live?.definition;
  if (definition === undefined) {
    return disagree(
      record,
      created ? `this program has no machine ${key}` : 'there is no such actor at this point',
    );
  }
  const before = created ? undefined : live?.snapshot;
  let after: Snapshot;
  try {
    after =
      before === undefined ? definition.initial(record.event.input) : definition.next(before, record.event);
  } catch (error) {
    return disagree(record, `machine ${key} fails on it: ${String(error)}`);
  }
  const state = stateDigest(after, sha256);
  if (after.value === record.to && state === record.state) {
    return before === undefined ? { definition, after } : { definition, before, after };
  }
  const why = `it leads to '${record.to}' with state ${record.state}, the machine to '${after.value}' with ${state}`;
  return { ...disagree(record, why), actual: { to: after.value, state } };
}

function disagree(record: LogRecord, why: string): Mismatch {
  return { seq: record.seq, actor: record.actor, why, expected: { to: record.to, state: record.state } };
}
