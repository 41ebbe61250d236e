import { MemoryJournal } from '../../io/memory/journal.ts';
import type { Clock } from '../../io/ports.ts';

/** A crash in the middle of an append. */
interface Trap {
  /** Appends that still go well. */
  left: number;
  /** So many of the lines of the one that does not are on the disk afterwards. */
  readonly keep: number;
  readonly crash: () => void;
}

/** The log on a disk that can be slow, refuse, and take its machine down in the middle of a write. */
export class SimulatedDisk extends MemoryJournal {
  /** Milliseconds that a sync takes. */
  syncDelay = 0;
  /** Syncs that took time. */
  slowSyncs = 0;
  /** Set while the next append but so many is to be the last thing that the process does. */
  trap: Trap | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super(() => clock.now());
    this.#clock = clock;
  }

  override append(lines: readonly string[]): void {
    const { trap } = this;
    if (trap === undefined || this.appendFault !== undefined) return super.append(lines);
    if (trap.left-- > 0) return super.append(lines);
    this.trap = undefined;
    super.append(lines.slice(0, trap.keep));
    trap.crash();
    throw new Error('the process ended within the write');
  }

  /** All or nothing: a segment that was only begun is taken away when the log is opened. */
  override rotate(firstLine: string): void {
    const { trap } = this;
    this.trap = undefined;
    super.rotate(firstLine);
    this.trap = trap;
  }

  override async sync(): Promise<void> {
    if (this.syncDelay > 0) this.slowSyncs++;
    await new Promise<void>((resolve) => this.#clock.after(this.syncDelay, resolve));
    await super.sync();
  }
}
