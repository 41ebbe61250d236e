import type { LogEvent } from '../../machines/log/record.ts';
import type { Snapshot } from '../../machines/log/registry.ts';

/** A transition that was made and is to be recorded. */
export interface Entry {
  /** `server`, `session:<id>`, `handler:<id>` or `device:<name>`; of one name only one lives at a time. */
  readonly actor: string;
  readonly machine: string;
  readonly version: number;
  /** As the machine got it; in an actor's first entry `{ type: '@created', input }`. Plain JSON without secrets. */
  readonly event: LogEvent;
  /** State before; empty in an actor's first entry. */
  readonly from: string;
  /** State after: `snapshot.value`. */
  readonly to: string;
  /** Snapshot after. With status `done` the actor is at its end and no further entry of it may follow. */
  readonly snapshot: Snapshot;
  /** When it happened, where that is not now. */
  readonly stamp?: Stamp;
}

/** A moment on both clocks. */
export interface Stamp {
  readonly time: string;
  readonly mono: number;
}
