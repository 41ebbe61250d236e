import type { Clock, Diagnostics, JournalStore } from '../../io/ports.ts';
import type { Digest } from '../../machines/log/canonical.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import type { Head } from '../../machines/log/record.ts';

/** `always`: effects wait for the disk. `interval`: the disk follows within 100 ms. `never`: when the kernel likes. */
export type SyncMode = 'always' | 'interval' | 'never';

export interface RecorderOptions {
  readonly store: JournalStore;
  readonly clock: Clock;
  readonly digest: Digest;
  /** Id of this run of the server. */
  readonly boot: string;
  readonly sync: SyncMode;
  readonly diagnostics: Diagnostics;
  /** Where the log that stands ends (`verdict.head` of the fold at start). Default: an empty log. */
  readonly head?: Head;
  /** The actors that live there (`fold.live()`). */
  readonly live?: Iterable<readonly [string, LiveActor]>;
  /** Calls `flush` soon, once; by default at the end of this turn of the event loop (setImmediate). */
  readonly schedule?: (flush: () => void) => void;
  /** Bounds of what is held while the log cannot be written. Default 10,000 records and 16 MiB. */
  readonly heldRecords?: number;
  readonly heldBytes?: number;
  /** A new segment is begun when the open one is longer (default 2 MiB) or older (default 24 h) than this. */
  readonly segmentBytes?: number;
  readonly segmentMilliseconds?: number;
}
