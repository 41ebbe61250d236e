/**
 * Writes every transition down before anything that follows from it happens.
 *
 *     commit(entry, effects) ─► pending ─┐ end of this turn of the event loop: one append for all of them
 *                                        ├─► store.append ─► (mode always: sync) ─► watchers, effects, in order
 *
 * While the log cannot be written, entries are held in memory in order and their effects run all the same; it is tried
 * again every second. Held entries are then written first. Those past the bound are lost, and a `gap` record with
 * all live actors stands for them. HANDLE, BEGIN and CLOSE are to be refused meanwhile (`available`, `tryCommit`).
 */
import type { Clock, JournalStore } from '../../io/ports.ts';
import { canonical } from '../../machines/log/canonical.ts';
import type { LiveActor } from '../../machines/log/fold.ts';
import { type JournalEvent, persist } from '../../machines/log/journal-events.ts';
import { type Head, NO_RECORD, type RecordFields, type Sealed, seal } from '../../machines/log/record.ts';
import type { Entry, Stamp } from './entry.ts';
import { IntervalSync } from './interval.ts';
import { LiveActors } from './live.ts';
import type { RecorderOptions } from './options.ts';
import { type Pending, PendingRecords } from './queue.ts';
import { type Group, Release } from './release.ts';
import { Rotation } from './rotation.ts';

export type { Entry, Stamp } from './entry.ts';
export type { RecorderOptions, SyncMode } from './options.ts';

/** Told of each record when it is written (in mode `always`: on the disk). Must not block; to be called off again. */
export type RecordListener = (written: Sealed) => void;

const RETRY_MS = 1000;
const INTERVAL_MS = 100;
/** Most records and bytes in one append. */
const BATCH_RECORDS = 1000;
const BATCH_BYTES = 1024 * 1024;
const MIB = 1024 * 1024;
/** What was done to the log again and again, by a logrotate say, is told of the last times only: the status is one line. */
const MOST_TOLD = 4;

interface Failure {
  readonly cause: string;
  readonly since: string;
  /** Records that had been held and were written since. */
  written: number;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #store: JournalStore;
  readonly #clock: Clock;
  readonly #schedule: (flush: () => void) => void;
  readonly #live: LiveActors;
  readonly #queue: PendingRecords;
  readonly #release: Release;
  readonly #rotation: Rotation;
  readonly #interval: IntervalSync | undefined;
  readonly #listeners = new Set<RecordListener>();
  #head: Head;
  /** State of the server's actor after the last entry that was not lost. */
  #serverValue: string;
  #effects: (() => void)[] = [];
  #written: Sealed[] = [];
  #scheduled = false;
  #closed = false;
  #failure: Failure | undefined;
  /** What somebody else did to segments that were open then: how often, and what the last times. */
  #spoilings = 0;
  readonly #spoilt: string[] = [];
  /** What is known to be wrong with older segments. */
  #problems: readonly string[] = [];

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#schedule = options.schedule ?? setImmediate;
    this.#head = options.head ?? NO_RECORD;
    this.#live = new LiveActors(options.digest, restored(options.live ?? []));
    this.#serverValue = this.#live.server.value;
    this.#queue = new PendingRecords(options.heldRecords ?? 10_000, options.heldBytes ?? 16 * MIB);
    this.#rotation = new Rotation(options, () => this.#wake());
    const sync = async () => {
      await this.#store.sync();
      this.#noteFindings();
    };
    const failed = (error: unknown) => this.#fail(error);
    this.#release = new Release(
      options.sync === 'always' ? sync : undefined,
      (group) => this.#run(group),
      failed,
    );
    this.#interval =
      options.sync === 'interval' ? new IntervalSync(this.#clock, INTERVAL_MS, sync, failed) : undefined;
  }

  /** `seq` of the last record written; 0 when there is none. */
  get position(): number {
    return this.#head.seq;
  }

  /** Whether the log can be written, as far as is known. HANDLE, BEGIN and CLOSE get 507 while it cannot. */
  get available(): boolean {
    return this.#failure === undefined && !this.#closed;
  }

  /**
   * For STATUS?: `ok`; `ok, but …` when all that comes is written while files of the log were changed by somebody else;
   * or `failing: <error>, held=<n>` with `, lost=<n>` behind it when the
   * bound was passed.
   */
  get status(): string {
    if (this.#failure === undefined) {
      const untold = this.#spoilings - this.#spoilt.length;
      const before = untold === 0 ? [] : [`${untold} times before`];
      const wrong = [...this.#spoilt, ...before, ...this.#problems];
      return wrong.length === 0 ? 'ok' : `ok, but ${wrong.join('; ')}`;
    }
    const lost = this.#queue.lost === undefined ? '' : `, lost=${this.#queue.lost.count}`;
    return `failing: ${this.#failure.cause}, held=${this.#queue.length}${lost}`;
  }

  /** This moment, for `Entry.stamp`. */
  stamp(): Stamp {
    return { time: this.#clock.wall(), mono: this.#clock.mono() };
  }

  /**
   * Records a transition and runs its effects after that, in the order of the calls and never within this one.
   * After `close` it does nothing.
   * @throws Error when the entry does not go on from where its actor stands, or is not JSON; nothing is recorded then
   */
  commit(entry: Entry, effects: () => void): void {
    if (this.#closed) return;
    this.#enqueue(entry);
    this.#effects.push(effects);
    this.#wake();
  }

  /**
   * Records a transition that must not be made without its record: HANDLE, BEGIN and CLOSE. Writes at once.
   * @returns false when it could not be written: then nothing of it is kept, the effects will not run, and the caller
   * stays with the snapshot it had and answers 507
   */
  tryCommit(entry: Entry, effects: () => void): boolean {
    if (!this.available) return false;
    const state = this.#live.stateAfter(entry);
    this.#queue.push(this.#pending(entry, state), false);
    if (!this.#writeQueue()) {
      this.#queue.pop();
      return false;
    }
    this.#apply(entry, state);
    this.#effects.push(effects);
    this.#wake();
    return true;
  }

  /** Runs effects in their turn that need no record of their own. */
  unrecorded(effects: () => void): void {
    if (this.#closed) return;
    this.#effects.push(effects);
    this.#wake();
  }

  /** Records an event of the journal itself. */
  journal(event: JournalEvent): void {
    if (this.#closed) return;
    this.#queue.push(this.#journalRecord(event), this.#failure !== undefined);
    this.#wake();
  }

  /** Tells of every record from now on. @returns what ends it */
  onRecord(listener: RecordListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Begins a new segment with a checkpoint when the open one is long or old enough. Looked at after every append;
   * to be called now and then (every minute will do) for a server where nothing happens.
   */
  rotateIfDue(): void {
    if (this.available) this.#rotation.prepareIfDue();
  }

  /**
   * Looks whether the files are as they were left, which a sync does as well: to be called now and then, since nothing is
   * synced while nothing happens.
   */
  look(): void {
    if (!this.available) return;
    try {
      this.#store.look();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#noteFindings();
  }

  /** Writes and syncs what is pending, lets its effects run (and what they record), and closes the store. */
  async close(): Promise<void> {
    if (this.#options.sync === 'never') this.look();
    do {
      while (this.#scheduled) this.#flush();
      await this.#release.idle();
    } while (this.#scheduled);
    if (this.#failure !== undefined) this.#writeQueue();
    this.#closed = true;
    this.#interval?.stop();
    const unwritten = this.#queue.length + (this.#queue.lost?.count ?? 0);
    if (unwritten > 0) this.#options.diagnostics.error({ records: unwritten }, 'records of the log are lost');
    if (this.#options.sync !== 'never') await this.#syncLast();
    try {
      this.#replaceSpoilt();
    } catch (error) {
      this.#options.diagnostics.error(
        { err: error },
        'no new segment of the log in place of the one that was changed',
      );
    }
    await this.#store.close();
  }

  /**
   * There is no later for it: tried twice, as a store that finds itself deleted is whole again the second time. A disk
   * that still does not take it is told of; the end is an orderly one all the same, and the store is closed.
   */
  async #syncLast(): Promise<void> {
    const { diagnostics } = this.#options;
    try {
      await this.#store.sync();
    } catch (error) {
      diagnostics.error({ err: error }, 'the log could not be synced at its end; once more');
      await this.#store
        .sync()
        .catch((again) =>
          diagnostics.error({ err: again }, 'the log is not on the disk: its end may be lost'),
        );
    }
  }

  #enqueue(entry: Entry): void {
    const state = this.#live.stateAfter(entry);
    this.#queue.push(this.#pending(entry, state), this.#failure !== undefined);
    this.#apply(entry, state);
  }

  #apply(entry: Entry, state: string): void {
    this.#live.apply(entry, state);
    if (entry.actor === 'server' && this.#queue.lost === undefined)
      this.#serverValue = this.#live.server.value;
  }

  #pending(entry: Entry, state: string): Pending {
    const { time, mono } = entry.stamp ?? this.stamp();
    const { actor, machine, version, event, from, to } = entry;
    const fields = { time, mono, boot: this.#options.boot, actor, machine, version, event, from, to, state };
    return { fields, event: canonical(event) };
  }

  #journalRecord(event: JournalEvent): Pending {
    const { machine, version, value, state } = this.#live.server;
    const from = event.type === 'gap' ? this.#serverValue : value;
    const at = { ...this.stamp(), boot: this.#options.boot };
    const fields: RecordFields = { ...at, actor: 'server', machine, version, event, from, to: value, state };
    return { fields, event: canonical(event) };
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    if (this.#failure === undefined && this.#writeQueue()) {
      this.#tryReplaceSpoilt();
      if (this.#rotation.ready) this.#rotate();
      this.#rotation.prepareIfDue();
    }
    const group = { written: this.#written, effects: this.#effects };
    this.#written = [];
    this.#effects = [];
    this.#release.push(group);
  }

  /** Writes all that is pending. @returns whether it could */
  #writeQueue(): boolean {
    while (this.#queue.length > 0) {
      const batch = this.#queue.peek(BATCH_RECORDS, BATCH_BYTES);
      try {
        this.#write(batch, (lines) => this.#store.append(lines));
      } catch (error) {
        this.#fail(error);
        return false;
      }
      this.#queue.shift(batch.length);
      if (this.#failure !== undefined) this.#failure.written += batch.length;
    }
    return true;
  }

  /** Seals records and hands their lines on. @throws what `append` throws; nothing has changed then */
  #write(batch: readonly Pending[], append: (lines: readonly string[]) => void): void {
    let head = this.#head;
    const sealed = batch.map(({ fields, event }) => {
      const next = seal(fields, head, this.#options.digest, event);
      head = next.record;
      return next;
    });
    append(sealed.map(({ line }) => line));
    this.#head = { seq: head.seq, hash: head.hash };
    if (this.#listeners.size > 0) this.#written.push(...sealed);
    this.#interval?.touch();
  }

  #run({ written, effects }: Group): void {
    for (const sealed of written) {
      for (const listener of this.#listeners)
        this.#attempt(() => listener(sealed), 'a watcher of the log failed');
    }
    for (const effect of effects) this.#attempt(effect, 'an effect failed');
  }

  #attempt(action: () => void, message: string): void {
    try {
      action();
    } catch (error) {
      this.#options.diagnostics.error({ err: error }, message);
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closed) return;
    const cause = error instanceof Error ? error.message : String(error);
    this.#failure = { cause, since: this.#clock.wall(), written: 0 };
    this.#options.diagnostics.error(
      { err: error },
      'the log cannot be written; HANDLE, BEGIN and CLOSE are refused',
    );
    this.#retryLater();
  }

  #retryLater(): void {
    this.#clock.after(RETRY_MS, () => {
      this.#recover().then((recovered) => {
        if (!recovered && !this.#closed) this.#retryLater();
      });
    });
  }

  /** What was held, then proof that the disk takes it, then the record that tells of it. */
  async #recover(): Promise<boolean> {
    if (this.#isClosed() || !this.#writeQueue()) return false;
    try {
      if (this.#options.sync !== 'never') await this.#store.sync();
      if (this.#isClosed() || !this.#writeQueue() || this.#failure === undefined) return false;
      this.#replaceSpoilt();
      const story = this.#journalRecord(this.#story(this.#failure));
      this.#write([story], (lines) => this.#store.append(lines));
    } catch {
      // Not a new failure: the one that is known goes on.
      return false;
    }
    const { since, written } = this.#failure;
    const lost = this.#queue.lost?.count ?? 0;
    this.#options.diagnostics.info({ since, held: written, lost }, 'the log is written again');
    this.#failure = undefined;
    this.#queue.forgetLost();
    this.#serverValue = this.#live.server.value;
    this.#wake();
    return true;
  }

  /** A method, because TypeScript does not see that it can change during an await. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #story({ cause, since, written }: Failure): JournalEvent {
    const { lost } = this.#queue;
    if (lost === undefined) return { type: 'restored', since, held: written, cause };
    const { count, since: first, until } = lost;
    return { type: 'gap', lost: count, since: first, until, cause, actors: this.#live.persisted() };
  }

  #noteFindings(): void {
    const { problems } = this.#store;
    const { diagnostics } = this.#options;
    for (const reason of problems.filter((each) => !this.#problems.includes(each)))
      diagnostics.error({ reason }, 'an old segment of the log was changed by somebody else');
    for (const reason of this.#problems.filter((each) => !problems.includes(each)))
      diagnostics.info({ reason }, 'an old segment of the log is as it was: this is no longer so');
    this.#problems = problems;
    if (this.#store.spoilt === undefined) return;
    if (this.#queue.length === 0) this.#tryReplaceSpoilt();
    else this.#wake();
  }

  #tryReplaceSpoilt(): void {
    try {
      this.#replaceSpoilt();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Goes on in a new segment where somebody else has changed the open one, of which no start could make sense. Nothing is
   * pending: the checkpoint is what the records so far come to. @throws Error when there is no new segment to be had
   */
  #replaceSpoilt(): void {
    const cause = this.#store.spoilt;
    if (cause === undefined || this.#queue.length > 0) return;
    const checkpoint = this.#journalRecord({ type: 'checkpoint', actors: this.#live.persisted() });
    this.#write([checkpoint], ([line]) => this.#store.rotate(line!));
    this.#rotation.begun();
    this.#serverValue = this.#live.server.value;
    this.#spoilings++;
    this.#spoilt.push(cause);
    if (this.#spoilt.length > MOST_TOLD) this.#spoilt.shift();
    this.#options.diagnostics.error(
      { reason: cause },
      'the log was changed by somebody else; it goes on in a new segment, with a checkpoint',
    );
    this.journal({ type: 'restored', since: this.#clock.wall(), held: 0, cause });
  }

  /** Nothing is pending: the live actors are what the records so far come to. */
  #rotate(): void {
    const checkpoint = this.#journalRecord({ type: 'checkpoint', actors: this.#live.persisted() });
    this.#rotation.perform((rotate) => this.#write([checkpoint], ([line]) => rotate(line!)));
  }
}

function* restored(live: Iterable<readonly [string, LiveActor]>) {
  for (const [name, { definition, snapshot }] of live) {
    yield [name, persist(definition.name, definition.version, snapshot)] as const;
  }
}
