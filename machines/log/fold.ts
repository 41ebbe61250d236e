/**
 * State is a fold over the log: this is the fold. Start-up and replay use it alike. It compares every `from`, `to`
 * and `state` with what the machines say, and every checkpoint on the way with what it has.
 */
import { canonical, type Digest } from './canonical.ts';
import { firstDifference } from './difference.ts';
import { isJournalRecord, NO_SERVER, type PersistedActor, persist, readActors } from './journal-events.ts';
import { CREATED, type LogRecord, stateDigest } from './record.ts';
import { type Definition, type MachineTable, machineKey, type Snapshot } from './registry.ts';

/** An actor that lives at this point of the log. */
export interface LiveActor {
  readonly definition: Definition;
  readonly snapshot: Snapshot;
}

/** The first thing on which the log and the machines do not agree. */
export interface Mismatch {
  readonly seq: number;
  readonly actor: string;
  /** One sentence for people. */
  readonly why: string;
  /** What the record says. */
  readonly expected: { readonly to: string; readonly state: string };
  /** What the machine says; absent when it could not be asked. */
  readonly actual?: { readonly to: string; readonly state: string };
  /** Where the first difference in a snapshot is, as far as that can be known (`context.macs.0`). */
  readonly path?: string;
}

/** What the record just applied did. */
export interface Applied {
  readonly definition?: Definition;
  readonly before?: Snapshot;
  readonly after?: Snapshot;
}

interface Entry extends LiveActor {
  /** `stateDigest` of the snapshot. */
  readonly state: string;
}

export class Fold {
  readonly #table: MachineTable;
  readonly #digest: Digest;
  #live = new Map<string, Entry>();
  #begun = false;
  #applied: Applied = {};

  constructor(table: MachineTable, digest: Digest) {
    this.#table = table;
    this.#digest = digest;
  }

  /** The actors that live now, by name. A view: it changes with the next `apply`. */
  live(): ReadonlyMap<string, LiveActor> {
    return this.#live;
  }

  /** The step that the last `apply` made; empty for a record of the journal itself, or after a mismatch. */
  get applied(): Applied {
    return this.#applied;
  }

  /** Applies the next record. After a mismatch the fold is as it was before, and must not be used further. */
  apply(record: LogRecord): Mismatch | undefined {
    this.#applied = {};
    const mismatch = isJournalRecord(record) ? this.#applyJournal(record) : this.#applyTransition(record);
    this.#begun = true;
    return mismatch;
  }

  #applyTransition(record: LogRecord): Mismatch | undefined {
    const { actor, event, from } = record;
    const entry = this.#live.get(actor);
    if (from === '' && event.type === CREATED) {
      // The server's own actor is made anew by each run; every other one has to end first.
      if (entry !== undefined && actor !== 'server')
        return disagree(record, 'it creates an actor that lives already');
      return this.#create(record);
    }
    if (entry === undefined) return disagree(record, 'there is no such actor at this point');
    const { definition, snapshot } = entry;
    if (definition.name !== record.machine || definition.version !== record.version) {
      const key = machineKey(definition.name, definition.version);
      return disagree(
        record,
        `its actor is of machine ${key}, not ${machineKey(record.machine, record.version)}`,
      );
    }
    if (snapshot.value !== from)
      return disagree(record, `it goes from '${from}' where the actor is in '${snapshot.value}'`);
    return this.#settle(record, definition, snapshot, entry.state, () => definition.next(snapshot, event));
  }

  #create(record: LogRecord): Mismatch | undefined {
    const definition = this.#table.get(machineKey(record.machine, record.version));
    if (definition === undefined) return disagree(record, unknownMachine(record));
    return this.#settle(record, definition, undefined, '', () => definition.initial(record.event.input));
  }

  /** Makes the step, compares, and keeps its result. */
  #settle(
    record: LogRecord,
    definition: Definition,
    before: Snapshot | undefined,
    stateBefore: string,
    step: () => Snapshot,
  ): Mismatch | undefined {
    let after: Snapshot;
    let state: string;
    try {
      after = step();
      state = after === before ? stateBefore : stateDigest(after, this.#digest);
    } catch (error) {
      return disagree(
        record,
        `machine ${machineKey(definition.name, definition.version)} fails on it: ${String(error)}`,
      );
    }
    if (after.value !== record.to || state !== record.state) return differs(record, after, state);
    if (after.status === 'done') this.#live.delete(record.actor);
    else if (after !== before) this.#live.set(record.actor, { definition, snapshot: after, state });
    this.#applied = before === undefined ? { definition, after } : { definition, before, after };
    return undefined;
  }

  #applyJournal(record: LogRecord): Mismatch | undefined {
    const { type } = record.event;
    const before = this.#server().value;
    const load = type === 'gap' || (type === 'checkpoint' && !this.#begun);
    let mismatch: Mismatch | undefined;
    if (load) mismatch = this.#load(record);
    else if (type === 'checkpoint') mismatch = this.#compare(record);
    if (mismatch !== undefined) return mismatch;
    const server = this.#server();
    const from = this.#begun ? before : server.value;
    if (record.from !== from)
      return disagree(record, `it goes from '${record.from}' where the server is in '${from}'`);
    const state = this.#live.get('server')?.state ?? stateDigest(server, this.#digest);
    return server.value === record.to && state === record.state ? undefined : differs(record, server, state);
  }

  #server(): Snapshot {
    return this.#live.get('server')?.snapshot ?? NO_SERVER;
  }

  /** Takes over what a checkpoint or gap says. */
  #load(record: LogRecord): Mismatch | undefined {
    const actors = readActors(record.event);
    if (typeof actors === 'string') return disagree(record, actors);
    const live = new Map<string, Entry>();
    for (const [name, actor] of actors) {
      const definition = this.#table.get(machineKey(actor.machine, actor.version));
      if (definition === undefined) return disagree(record, `${unknownMachine(actor)}, which ${name} is of`);
      try {
        const snapshot = definition.restore(actor);
        live.set(name, { definition, snapshot, state: stateDigest(snapshot, this.#digest) });
      } catch (error) {
        return disagree(record, `its snapshot of ${name} cannot be restored: ${(error as Error).message}`);
      }
    }
    this.#live = live;
    return undefined;
  }

  /** Compares a checkpoint on the way with what is live. */
  #compare(record: LogRecord): Mismatch | undefined {
    const mine: Record<string, PersistedActor> = {};
    for (const [name, { definition, snapshot }] of this.#live) {
      mine[name] = persist(definition.name, definition.version, snapshot);
    }
    const theirs = record.event.actors;
    try {
      if (theirs !== undefined && canonical(theirs) === canonical(mine)) return undefined;
    } catch (error) {
      return disagree(record, `its checkpoint has no canonical form: ${(error as Error).message}`);
    }
    const path = firstDifference(theirs, mine);
    return { ...disagree(record, `its checkpoint differs from the records before it at ${path}`), path };
  }
}

function disagree(record: LogRecord, why: string): Mismatch {
  return { seq: record.seq, actor: record.actor, why, expected: { to: record.to, state: record.state } };
}

function differs(record: LogRecord, { value }: Snapshot, state: string): Mismatch {
  const why =
    value === record.to
      ? `it leaves the actor in '${value}' with state ${record.state}, the machine with state ${state}`
      : `it goes to '${record.to}', the machine to '${value}'`;
  return { ...disagree(record, why), actual: { to: value, state } };
}

function unknownMachine({ machine, version }: { machine: string; version: number }): string {
  return `this program has no machine ${machineKey(machine, version)}`;
}
