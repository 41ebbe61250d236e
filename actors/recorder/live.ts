/** The actors that live as far as the log knows: what the next checkpoint holds. */
import type { Digest } from '../../machines/log/canonical.ts';
import {
  NO_SERVER,
  type PersistedActor,
  type PersistedActors,
  persist,
} from '../../machines/log/journal-events.ts';
import { CREATED, stateDigest } from '../../machines/log/record.ts';
import type { Snapshot } from '../../machines/log/registry.ts';
import type { Entry } from './entry.ts';

interface Known {
  readonly machine: string;
  readonly version: number;
  readonly snapshot: Snapshot;
  readonly state: string;
}

export class LiveActors {
  readonly #digest: Digest;
  readonly #known = new Map<string, Known>();

  constructor(digest: Digest, actors: Iterable<readonly [string, PersistedActor]>) {
    this.#digest = digest;
    for (const [name, actor] of actors) {
      const { machine, version } = actor;
      this.#known.set(name, { machine, version, snapshot: actor, state: stateDigest(actor, digest) });
    }
  }

  /**
   * The `state` of an entry's record. Changes nothing.
   * @throws Error when the entry does not go on from where its actor stands: a log with it could not be replayed
   */
  stateAfter(entry: Entry): string {
    const known = this.#known.get(entry.actor);
    const begins = entry.from === '' && entry.event.type === CREATED;
    if (begins ? known !== undefined && entry.actor !== 'server' : known?.snapshot.value !== entry.from) {
      const stands = known === undefined ? 'does not live' : `is in '${known.snapshot.value}'`;
      throw new Error(`a record of ${entry.actor} cannot go from '${entry.from}': the actor ${stands}`);
    }
    if (entry.to !== entry.snapshot.value) {
      throw new Error(
        `a record of ${entry.actor} goes to '${entry.to}' with a snapshot in '${entry.snapshot.value}'`,
      );
    }
    return known?.snapshot === entry.snapshot ? known.state : stateDigest(entry.snapshot, this.#digest);
  }

  apply({ actor, machine, version, snapshot }: Entry, state: string): void {
    if (snapshot.status === 'done') this.#known.delete(actor);
    else this.#known.set(actor, { machine, version, snapshot, state });
  }

  get server(): {
    readonly machine: string;
    readonly version: number;
    readonly value: string;
    readonly state: string;
  } {
    const known = this.#known.get('server');
    if (known === undefined) return { ...NO_SERVER, state: stateDigest(NO_SERVER, this.#digest) };
    return {
      machine: known.machine,
      version: known.version,
      value: known.snapshot.value,
      state: known.state,
    };
  }

  persisted(): PersistedActors {
    const actors: Record<string, PersistedActor> = {};
    for (const [name, { machine, version, snapshot }] of this.#known)
      actors[name] = persist(machine, version, snapshot);
    return actors;
  }
}
