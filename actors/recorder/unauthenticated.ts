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
 * - A session that ends without a word costs two records, and a probe that only looks whether the port is open does so for
 *   ever. From an address that was silent lately a session is held back, too, until it says something; when it ends
 *   instead, it becomes a number in a `counted` record, one in ten minutes.
 * - `delay` says how long the shell is to wait before it reads the session's next line. A held session whose shell
 *   does not wait is written after all, rather than held without bound.
 *
 * A transition of another actor (`server`, say) that a session causes before it has authenticated is recorded as
 * ever; such transitions have to be bounded by other means, or not be there.
 */
import type { Clock } from '../../io/ports.ts';
import type { Entry } from './entry.ts';
import type { Recorder } from './recorder.ts';
import { SilentAddresses } from './silent-addresses.ts';
import { Tally } from './tally.ts';

/** Sessions a second that are recorded whole; also how many of them may come at once. */
const WHOLE_PER_SECOND = 10;
const RECORDS_PER_TOKEN = 8;
/** Of a session that says nothing: that it began and that it ended. */
const SILENT_RECORDS = 2;
/** The budget's debt, in sessions, has an end, so that one flood does not hide the sessions of the hour after it. */
const MAX_DEBT = 100;
/** After so many records before authentication a session's lines are read ten a second. */
const FREE_RECORDS = 64;
const DELAY_MS = 100;
/** HELLO's time-out (10 s) ends a session that waits as told long before this. */
const MAX_HELD = 256;
/** How long sessions are counted before the count is written; those that said nothing. */
const COUNT_MS = 1000;
const COUNT_SILENT_MS = 600_000;

interface Pre {
  readonly address: string;
  /** Held back only because nothing is expected of it. */
  readonly silent: boolean;
  /** Undefined for a session that is recorded as it goes. */
  readonly held: Entry[] | undefined;
  records: number;
}

export class UnauthenticatedSessions {
  readonly #recorder: Recorder;
  readonly #sessions = new Map<string, Pre>();
  readonly #budget: Budget;
  readonly #silent: SilentAddresses;
  readonly #counts: Tally;
  readonly #silentCounts: Tally;

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder;
    this.#budget = new Budget(clock);
    this.#silent = new SilentAddresses(clock);
    this.#counts = new Tally(recorder, clock, COUNT_MS);
    this.#silentCounts = new Tally(recorder, clock, COUNT_SILENT_MS);
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
    if (entry.to === 'closed' && session.records === SILENT_RECORDS) this.#silent.add(address);
    if (stays) this.#sessions.set(entry.actor, session);
    else this.#sessions.delete(entry.actor);
    if (session.held === undefined) this.#charge(session, () => this.#recorder.commit(entry, effects));
    else if (session.silent && stays && session.records > 1)
      this.#speaks(session, session.held, entry, effects);
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
    this.#counts.flush();
    this.#silentCounts.flush();
  }

  #admit(address: string): Pre {
    const silent = this.#silent.expects(address);
    return { address, silent, held: !silent && this.#budget.left >= 1 ? undefined : [], records: 0 };
  }

  #charge(session: Pre, commit: () => void): void {
    if (session.records % RECORDS_PER_TOKEN === 1) this.#budget.charge();
    commit();
  }

  #hold(held: Entry[], entry: Entry, effects: () => void): void {
    held.push({ ...entry, stamp: this.#recorder.stamp() });
    this.#recorder.unrecorded(effects);
  }

  /** One of which nothing was expected: from now on it is one like all others. */
  #speaks(session: Pre, held: Entry[], entry: Entry, effects: () => void): void {
    this.#sessions.set(entry.actor, { ...session, silent: false });
    if (this.#budget.left < 1) {
      this.#hold(held, entry, effects);
      return;
    }
    this.#budget.charge();
    this.#writeHeld(held, entry, effects);
  }

  #writeHeld(held: readonly Entry[], entry: Entry, effects: () => void): void {
    for (const earlier of held) this.#recorder.commit(earlier, () => {});
    this.#recorder.commit(entry, effects);
    // Past its bound and still not authenticated: recorded as it goes from now on.
    const session = this.#sessions.get(entry.actor);
    if (session !== undefined) this.#sessions.set(entry.actor, { ...session, held: undefined });
  }

  #count(session: Pre, held: readonly Entry[], last: Entry, effects: () => void): void {
    const tally = session.records === SILENT_RECORDS ? this.#silentCounts : this.#counts;
    tally.add(session.address, [...held, last]);
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
