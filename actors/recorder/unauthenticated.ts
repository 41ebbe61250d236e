/**
 * Keeps sessions that never authenticate from filling the disk (PROTOCOL.md section 7).
 *
 * A session's shell records through `commit` here instead of `Recorder.commit`, from its first entry on, for as long
 * as it likes: once the session has authenticated, this only hands on.
 *
 * - Up to ten new sessions a second are recorded like everything else. What such a session does before it has
 *   authenticated is charged to the same budget, one session for each eight records: three failed HELLOs make eight.
 * - The others are held back: their effects run, their records wait in memory. When the session leaves
 *   `unauthenticated` for anything but `closed`, they are written, with the times at which they happened, before
 *   what follows. When it closes instead, they become a number in a `counted` record, once a second at most.
 * - `delay` says how long the shell is to wait before it reads the session's next line. A held session whose shell
 *   does not wait is written after all, rather than held without bound.
 *
 * A transition of another actor (`server`, say) that a session causes before it has authenticated is recorded as
 * ever; such transitions have to be bounded by other means, or not be there.
 */
import type { Clock } from '../../io/ports.ts';
import type { CountedEvent } from '../../machines/log/journal-events.ts';
import type { Entry } from './entry.ts';
import type { Recorder } from './recorder.ts';

/** Sessions a second that are recorded whole; also how many of them may come at once. */
const WHOLE_PER_SECOND = 10;
const RECORDS_PER_TOKEN = 8;
/** The budget's debt, in sessions, has an end, so that one flood does not hide the sessions of the hour after it. */
const MAX_DEBT = 100;
/** After so many records before authentication a session's lines are read ten a second. */
const FREE_RECORDS = 64;
const DELAY_MS = 100;
/** HELLO's time-out (10 s) ends a session that waits as told long before this. */
const MAX_HELD = 256;
/** How long sessions are counted before the count is written. */
const COUNT_MS = 1000;
const MAX_ADDRESSES = 32;

interface Pre {
  readonly address: string;
  /** Undefined for a session that is recorded as it goes. */
  readonly held: Entry[] | undefined;
  records: number;
}

export class UnauthenticatedSessions {
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Pre>();
  readonly #budget: Budget;
  #counts: Counts | undefined;

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder;
    this.#clock = clock;
    this.#budget = new Budget(clock);
  }

  /**
   * As `Recorder.commit`, for entries of actor `session:<id>` only.
   * @param address of the client, for the counted records
   */
  commit(entry: Entry, effects: () => void, address: string): void {
    const session = this.#sessions.get(entry.actor) ?? (entry.from === '' ? this.#admit(address) : undefined);
    if (session === undefined) {
      this.#recorder.commit(entry, effects);
      return;
    }
    const stays = entry.to === 'unauthenticated';
    session.records++;
    if (stays) this.#sessions.set(entry.actor, session);
    else this.#sessions.delete(entry.actor);
    if (session.held === undefined) this.#charge(session, () => this.#recorder.commit(entry, effects));
    else if (stays && session.held.length < MAX_HELD) this.#hold(session.held, entry, effects);
    else if (entry.to === 'closed') this.#count(session, session.held, entry, effects);
    else this.#writeHeld(session.held, entry, effects);
  }

  /** Milliseconds to wait before the session's next line is read; 0 once it has authenticated. */
  delay(actor: string): number {
    return (this.#sessions.get(actor)?.records ?? 0) > FREE_RECORDS ? DELAY_MS : 0;
  }

  /** Writes the counts so far. To be called before the recorder is closed. */
  flush(): void {
    if (this.#counts === undefined) return;
    this.#recorder.journal(this.#counts.event(this.#recorder.stamp().time));
    this.#counts = undefined;
  }

  #admit(address: string): Pre {
    return { address, held: this.#budget.left >= 1 ? undefined : [], records: 0 };
  }

  #charge(session: Pre, commit: () => void): void {
    if (session.records % RECORDS_PER_TOKEN === 1) this.#budget.charge();
    commit();
  }

  #hold(held: Entry[], entry: Entry, effects: () => void): void {
    held.push({ ...entry, stamp: this.#recorder.stamp() });
    this.#recorder.unrecorded(effects);
  }

  #writeHeld(held: readonly Entry[], entry: Entry, effects: () => void): void {
    for (const earlier of held) this.#recorder.commit(earlier, () => {});
    this.#recorder.commit(entry, effects);
    // Past its bound and still not authenticated: recorded as it goes from now on.
    const session = this.#sessions.get(entry.actor);
    if (session !== undefined) this.#sessions.set(entry.actor, { ...session, held: undefined });
  }

  #count(session: Pre, held: readonly Entry[], last: Entry, effects: () => void): void {
    if (this.#counts === undefined) {
      this.#counts = new Counts((held[0]?.stamp ?? this.#recorder.stamp()).time);
      this.#clock.after(COUNT_MS, () => this.flush());
    }
    this.#counts.add(session.address, [...held, last]);
    this.#recorder.unrecorded(effects);
  }
}

/** So many at once, and as many a second. */
class Budget {
  readonly #clock: Clock;
  #left = WHOLE_PER_SECOND;
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.mono();
  }

  get left(): number {
    const now = this.#clock.mono();
    this.#left = Math.min(WHOLE_PER_SECOND, this.#left + ((now - this.#at) / 1e9) * WHOLE_PER_SECOND);
    this.#at = now;
    return this.#left;
  }

  charge(): void {
    this.#left = Math.max(-MAX_DEBT, this.left - 1);
  }
}

class Counts {
  readonly #since: string;
  readonly #events: Record<string, number> = {};
  readonly #addresses: Record<string, number> = {};
  #sessions = 0;
  #records = 0;

  constructor(since: string) {
    this.#since = since;
  }

  add(address: string, entries: readonly Entry[]): void {
    const known =
      Object.hasOwn(this.#addresses, address) || Object.keys(this.#addresses).length < MAX_ADDRESSES;
    increment(this.#addresses, known ? address : 'other');
    for (const { event } of entries) increment(this.#events, event.type);
    this.#sessions++;
    this.#records += entries.length;
  }

  event(until: string): CountedEvent {
    return {
      type: 'counted',
      since: this.#since,
      until,
      sessions: this.#sessions,
      records: this.#records,
      events: this.#events,
      addresses: this.#addresses,
    };
  }
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
