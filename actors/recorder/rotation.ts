/**
 * When a new segment of the log is begun, and what happens to the old ones. A start reads one segment: it is kept so
 * short that this takes well under a second.
 */
import type { RecorderOptions } from './options.ts';

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3600 * 1000;
/** After one that failed, in nanoseconds. */
const RETRY = 60e9;

export class Rotation {
  readonly #options: RecorderOptions;
  readonly #wake: () => void;
  #phase: 'none' | 'syncing' | 'ready' = 'none';
  /** Length of the checkpoint at the head of the open segment; 0 while it is not known. */
  #checkpointBytes = 0;
  /** Not before this time, as `clock.mono()` has it: the other clock may be set back. */
  #notBefore = 0;

  /** @param wake has `perform` called soon, at a moment when nothing is pending */
  constructor(options: RecorderOptions, wake: () => void) {
    this.#options = options;
    this.#wake = wake;
  }

  /** Whether it is time for `perform`. */
  get ready(): boolean {
    return this.#phase === 'ready';
  }

  /** When it is due, brings the open segment to the disk first: what is left for `rotate` to wait for is then little. */
  prepareIfDue(): void {
    if (this.#phase !== 'none' || !this.#isDue()) return;
    this.#phase = 'syncing';
    const ready = () => {
      this.#phase = 'ready';
      this.#wake();
    };
    this.#options.store.sync().then(ready, (error) => this.#postpone(error));
  }

  /** @param write seals the checkpoint and hands its line to what it is given */
  perform(write: (rotate: (firstLine: string) => void) => void): void {
    this.#phase = 'none';
    const { store, diagnostics } = this.#options;
    try {
      write((firstLine) => store.rotate(firstLine));
      this.#checkpointBytes = store.segment.bytes;
    } catch (error) {
      this.#postpone(error);
      return;
    }
    try {
      const dropped = store.retain();
      if (dropped.length > 0) diagnostics.info({ segments: dropped }, 'old segments of the log were dropped');
    } catch (error) {
      diagnostics.warn({ err: error }, 'old segments of the log could not be dropped');
    }
  }

  /** A new segment was begun for another reason. */
  begun(): void {
    this.#checkpointBytes = this.#options.store.segment.bytes;
  }

  /** The old segment goes on: that no new one can be begun does not mean that nothing can be written. */
  #postpone(error: unknown): void {
    const { clock, diagnostics } = this.#options;
    this.#phase = 'none';
    this.#notBefore = clock.mono() + RETRY;
    diagnostics.warn({ err: error }, 'no new segment of the log could be begun');
  }

  #isDue(): boolean {
    const { store, clock, segmentBytes = 2 * MIB, segmentMilliseconds = DAY_MS } = this.#options;
    const { bytes, openedAt } = store.segment;
    if (clock.mono() < this.#notBefore || bytes <= this.#checkpointBytes) return false;
    // With many actors a checkpoint is long: at least as much has to follow it.
    const grown = bytes - this.#checkpointBytes >= Math.max(segmentBytes, this.#checkpointBytes);
    return grown || clock.now() - openedAt >= segmentMilliseconds;
  }
}
