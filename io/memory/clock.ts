import type { Clock, Timer } from '../ports.ts';
import { rfc3339 } from '../rfc3339.ts';

/** 2026-01-01T00:00:00Z, in ms since 1970: a time like any other. */
const EPOCH_MS = Date.UTC(2026, 0, 1);
/** So many timers at one instant, one behind the other, are a loop that never ends. */
const MOST_AT_ONCE = 1_000_000;

interface Entry {
  /** Nanoseconds since the clock was made. */
  readonly due: number;
  /** Timers that are due together fire in the order they were made. */
  readonly order: number;
  readonly fire: () => void;
}

/**
 * A clock that stands still until it is told to go on. Everything in this folder that takes time or happens later
 * does so by a timer of this clock, so that a run depends on nothing but what it was given.
 */
export class VirtualClock implements Clock {
  #now = 0;
  #orders = 0;
  #wallOffset: number;
  /** Sorted, the next one last. */
  readonly #timers: Entry[] = [];

  /** @param epoch what `now()` says at the beginning, in ms since 1970 */
  constructor(epoch: number = EPOCH_MS) {
    this.#wallOffset = epoch;
  }

  wall(): string {
    return rfc3339(this.#wallOffset, Math.floor(this.#now / 1000));
  }

  now(): number {
    return Math.floor(this.#wallOffset + this.#now / 1e6);
  }

  mono(): number {
    return this.#now;
  }

  /** Timers still to come. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next timer; undefined when there is none. */
  get next(): number | undefined {
    const entry = this.#timers.at(-1);
    return entry === undefined ? undefined : (entry.due - this.#now) / 1e6;
  }

  after(milliseconds: number, fire: () => void): Timer {
    if (!Number.isFinite(milliseconds)) throw new Error(`a timer of ${milliseconds} ms never fires`);
    const due = this.#now + Math.max(0, Math.round(milliseconds * 1e6));
    const entry = { due, order: this.#orders++, fire };
    this.#timers.splice(this.#place(due), 0, entry);
    return {
      cancel: () => {
        const at = this.#timers.indexOf(entry);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  /** Steps the wall clock, as an administrator or NTP does. Timers and `mono()` do not notice. */
  stepWall(milliseconds: number): void {
    this.#wallOffset += milliseconds;
  }

  /** Lets time pass and fires what is due, in order, in one go: promises settle only afterwards. */
  advance(milliseconds: number): void {
    const end = this.#end(milliseconds);
    for (let fired = 0; this.#fireNext(end); fired++) this.#guard(fired);
    this.#now = end;
  }

  /** Lets time pass; all promises settle between one timer and the next, as they do in a real event loop. */
  async elapse(milliseconds: number): Promise<void> {
    const end = this.#end(milliseconds);
    await promisesSettled();
    for (let fired = 0; this.#fireNext(end); fired++) {
      this.#guard(fired);
      await promisesSettled();
    }
    this.#now = end;
  }

  /** Lets everything happen that takes no time. */
  settle(): Promise<void> {
    return this.elapse(0);
  }

  #end(milliseconds: number): number {
    if (!(milliseconds >= 0)) throw new Error(`time does not pass by ${milliseconds} ms`);
    return this.#now + Math.round(milliseconds * 1e6);
  }

  #fireNext(end: number): boolean {
    const entry = this.#timers.at(-1);
    if (entry === undefined || entry.due > end) return false;
    this.#timers.pop();
    this.#now = Math.max(this.#now, entry.due);
    entry.fire();
    return true;
  }

  #guard(fired: number): void {
    if (fired > MOST_AT_ONCE) throw new Error(`${MOST_AT_ONCE} timers fired and there are ever more of them`);
  }

  /** Where a new timer belongs: before (that is, after in time) all that are due no later. */
  #place(due: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.due > due) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The event loop comes round only when no promise is left that could settle. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
