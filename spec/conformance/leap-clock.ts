/** A clock that goes like any other, and can be told to leap ahead. */
import type { Clock, Timer } from '../../io/ports.ts';

interface Entry {
  /** Milliseconds of this clock at which it is due. */
  readonly due: number;
  readonly fire: () => void;
  handle: NodeJS.Timeout | undefined;
}

/** Turns of the event loop that what a timer did gets to be seen at the other end of a socket. */
const TURNS = 4;

export class LeapClock implements Clock {
  readonly #began = performance.now();
  readonly #epoch = Date.now();
  #leapt = 0;
  readonly #entries = new Set<Entry>();
  #stopped = false;

  wall(): string {
    const micros = Math.floor(this.#now() * 1000) % 1000;
    return new Date(this.now()).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
  }

  now(): number {
    return Math.floor(this.#epoch + this.#now());
  }

  mono(): number {
    return Math.round(this.#now() * 1e6);
  }

  after(milliseconds: number, fire: () => void): Timer {
    const entry: Entry = { due: this.#now() + Math.max(0, milliseconds), fire, handle: undefined };
    if (!this.#stopped) {
      this.#entries.add(entry);
      this.#arm(entry);
    }
    return {
      cancel: () => {
        clearTimeout(entry.handle);
        this.#entries.delete(entry);
      },
    };
  }

  /** Goes ahead; what is due on the way fires in order, and gets some turns of the event loop each time. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now() + milliseconds;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#leapt += Math.max(0, next.due - this.#now());
      this.#fire(next);
      await turns();
    }
    this.#leapt += Math.max(0, until - this.#now());
    for (const entry of this.#entries) this.#arm(entry);
    await turns();
  }

  /** No timer fires any more. */
  stop(): void {
    this.#stopped = true;
    for (const { handle } of this.#entries) clearTimeout(handle);
    this.#entries.clear();
  }

  #now(): number {
    return performance.now() - this.#began + this.#leapt;
  }

  #next(until: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.due <= until && (first === undefined || entry.due < first.due)) first = entry;
    }
    return first;
  }

  #arm(entry: Entry): void {
    clearTimeout(entry.handle);
    entry.handle = setTimeout(() => this.#fire(entry), Math.max(0, entry.due - this.#now()));
  }

  #fire(entry: Entry): void {
    clearTimeout(entry.handle);
    if (this.#entries.delete(entry)) entry.fire();
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}
