/** What follows from records: let go in order, in mode `always` not before the records are on the disk. */
import type { Sealed } from '../../machines/log/record.ts';

/** What one turn of the event loop left. */
export interface Group {
  readonly written: readonly Sealed[];
  readonly effects: readonly (() => void)[];
}

export class Release {
  readonly #sync: (() => Promise<void>) | undefined;
  readonly #run: (group: Group) => void;
  readonly #failed: (error: unknown) => void;
  #waiting: Group[] = [];
  #syncing: Promise<void> | undefined;

  /**
   * @param sync brings everything written so far to the disk; without it groups are let go at once
   * @param run lets a group go; must not throw
   * @param failed told of a sync that failed. Its groups are let go all the same: Handlers are to go on
   */
  constructor(
    sync: (() => Promise<void>) | undefined,
    run: (group: Group) => void,
    failed: (error: unknown) => void,
  ) {
    this.#sync = sync;
    this.#run = run;
    this.#failed = failed;
  }

  push(group: Group): void {
    if (group.effects.length === 0 && group.written.length === 0) return;
    if (this.#sync === undefined) {
      this.#run(group);
      return;
    }
    this.#waiting.push(group);
    this.#pump();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing;
  }

  /** One sync at a time; groups that come meanwhile share the next one. */
  #pump(): void {
    if (this.#syncing !== undefined || this.#waiting.length === 0 || this.#sync === undefined) return;
    const groups = this.#waiting;
    this.#waiting = [];
    this.#syncing = this.#sync()
      .catch(this.#failed)
      .then(() => {
        this.#syncing = undefined;
        for (const group of groups) this.#run(group);
        this.#pump();
      });
  }
}
