/** Sessions that are not recorded one by one, gathered for a while into one `counted` record of the server's. */
import type { Clock, Timer } from '../../io/ports.ts';
import type { CountedEvent } from '../../machines/log/journal-events.ts';
import type { Entry } from './entry.ts';
import type { Recorder } from './recorder.ts';

const MAX_ADDRESSES = 32;
/** So many sessions are not to be waited with: a flood is to be seen while it lasts. */
const MANY = 1000;

export class Tally {
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #milliseconds: number;
  #counts: Counts | undefined;
  #timer: Timer | undefined;

  /** @param milliseconds from the first session of a count until its record */
  constructor(recorder: Recorder, clock: Clock, milliseconds: number) {
    this.#recorder = recorder;
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  /** @param entries all of one session */
  add(address: string, entries: readonly Entry[]): void {
    if (this.#counts === undefined) {
      this.#counts = new Counts((entries[0]?.stamp ?? this.#recorder.stamp()).time);
      this.#timer = this.#clock.after(this.#milliseconds, () => this.flush());
    }
    this.#counts.add(address, entries);
    if (this.#counts.sessions >= MANY) this.flush();
  }

  /** Writes the counts so far. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#counts === undefined) return;
    this.#recorder.journal(this.#counts.event(this.#recorder.stamp().time));
    this.#counts = undefined;
  }
}

class Counts {
  readonly #since: string;
  readonly #events: Record<string, number> = {};
  readonly #addresses: Record<string, number> = {};
  sessions = 0;
  #records = 0;

  constructor(since: string) {
    this.#since = since;
  }

  add(address: string, entries: readonly Entry[]): void {
    const known =
      Object.hasOwn(this.#addresses, address) || Object.keys(this.#addresses).length < MAX_ADDRESSES;
    increment(this.#addresses, known ? address : 'other');
    for (const { event } of entries) increment(this.#events, event.type);
    this.sessions++;
    this.#records += entries.length;
  }

  event(until: string): CountedEvent {
    return {
      type: 'counted',
      since: this.#since,
      until,
      sessions: this.sessions,
      records: this.#records,
      events: this.#events,
      addresses: this.#addresses,
    };
  }
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
