/**
 * The open log on a file system. Appends are plain writes in the calling thread: what was appended is in the kernel and
 * survives the end of this process, however it ends. `sync` brings it to the disk, in a thread of its own.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { makeDirectory } from '../make-directory.ts';
import type { JournalStore } from '../ports.ts';
import { segmentName } from './damage.ts';
import { lockDirectory, lockFile } from './lock.ts';
import { OldSegments } from './old-segments.ts';
import { firstLine, readHead, type SegmentFile } from './reader.ts';
import { OpenSegment, type SegmentCalls } from './segment.ts';
import { syncDirectory } from './sync-directory.ts';
import { Syncer } from './syncer.ts';

export interface JournalOptions {
  /** Old segments are dropped while all together are longer than this. Default: no bound. */
  readonly retainBytes?: number;
  /** Old segments are dropped when they were last written to longer ago than this. Default: never. */
  readonly retainMilliseconds?: number;
  /** Wall clock, milliseconds since 1970. */
  readonly now?: () => number;
  /** For tests: calls that fail. */
  readonly calls?: Partial<SegmentCalls>;
  /** Takes the directory for this process, and returns what gives it back. Default: `lockDirectory`. */
  readonly lock?: (dir: string) => () => void;
}

export class FileJournal implements JournalStore {
  readonly #dir: string;
  readonly #calls: SegmentCalls;
  readonly #now: () => number;
  readonly #options: JournalOptions;
  readonly #lock: (dir: string) => () => void;
  #unlock: () => void;
  readonly #syncer = new Syncer();
  /** Syncs under way, so that no descriptor is closed under one of them. */
  readonly #syncing = new Set<Promise<void>>();
  /** Segments before the open one. */
  readonly #old: OldSegments;
  /** The last segment that has a checkpoint at its head; none from it on is ever dropped. */
  #base: number;
  #open: OpenSegment;
  #closed = false;

  constructor(
    dir: string,
    segments: readonly SegmentFile[],
    base: number,
    unlock: () => void,
    options: JournalOptions,
  ) {
    this.#dir = dir;
    this.#options = options;
    this.#calls = { ...fs, ...options.calls };
    this.#now = options.now ?? Date.now;
    this.#lock = options.lock ?? lockDirectory;
    this.#unlock = unlock;
    this.#base = base;
    this.#old = new OldSegments(dir, segments.slice(0, -1), this.#now);
    const last = segments.at(-1);
    this.#open = last === undefined ? this.#create(1) : this.#resume(last);
  }

  get segment(): { number: number; bytes: number; openedAt: number } {
    const { number, bytes, openedAt } = this.#open;
    return { number, bytes, openedAt };
  }

  get spoilt(): string | undefined {
    return this.#open.spoilt;
  }

  get problems(): readonly string[] {
    return this.#old.problems;
  }

  append(lines: readonly string[]): void {
    if (this.#closed) throw new Error('the log is closed');
    if (lines.length > 0) this.#open.append(encode(lines));
  }

  sync(): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the log is closed'));
    const syncing = this.#syncer.sync(this.#open.fd).then(() => this.look());
    this.#syncing.add(syncing);
    const done = () => this.#syncing.delete(syncing);
    syncing.then(done, done);
    return syncing;
  }

  /**
   * Looks whether the files are as we left them. When somebody has deleted the open segment or moved it away, alone or
   * with its directory, what was written to it is written there again.
   * @throws Error that tells of it, also when all is well again
   */
  look(): void {
    if (this.#closed) return;
    this.#open.examine();
    if (this.#open.displaced) this.#placeAgain();
    this.#old.look();
  }

  /**
   * Begins a new segment with a checkpoint. What was written to the old one is brought to the disk first, so that no
   * power cut leaves a hole between the two, and then the new one: sync before, and this is short. When it throws, the
   * old segment goes on.
   */
  rotate(firstLine: string): void {
    if (this.#closed) throw new Error('the log is closed');
    const old = this.#open;
    old.sync();
    const next = this.#create(old.number + 1);
    try {
      next.append(encode([firstLine]));
      // Before any older segment is dropped.
      next.sync();
    } catch (error) {
      next.discard();
      throw error;
    }
    this.#open = next;
    this.#base = next.number;
    const bytes = old.spoilt === undefined ? old.bytes : fs.statSync(old.path).size;
    this.#old.push({ number: old.number, path: old.path, bytes, changedAt: this.#now() });
    this.#closeLater(old);
  }

  retain(): readonly number[] {
    const { retainBytes = Number.POSITIVE_INFINITY, retainMilliseconds = Number.POSITIVE_INFINITY } =
      this.#options;
    const dropped: number[] = [];
    let total = this.#old.bytes + this.#open.bytes;
    for (
      let { oldest } = this.#old;
      oldest !== undefined && oldest.number < this.#base;
      oldest = this.#old.oldest
    ) {
      if (total <= retainBytes && this.#now() - oldest.changedAt <= retainMilliseconds) break;
      // Perhaps somebody has deleted it already.
      fs.rmSync(oldest.path, { force: true });
      this.#old.shift();
      dropped.push(oldest.number);
      total -= oldest.bytes;
    }
    return dropped;
  }

  /** Waits for syncs under way and lets go of the directory. Does not sync by itself. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([...this.#syncing]);
    await this.#syncer.close();
    this.#open.close();
    this.#unlock();
  }

  #create(number: number): OpenSegment {
    const file = path.join(this.#dir, segmentName(number));
    this.#putAside(file);
    const segment = OpenSegment.create(this.#calls, number, file, this.#now());
    try {
      syncDirectory(this.#dir);
      return segment;
    } catch (error) {
      segment.discard();
      throw error;
    }
  }

  /** Puts the open segment where a start looks for it. @throws Error that tells of it, unless it is spoilt as well */
  #placeAgain(): void {
    const old = this.#open;
    makeDirectory(this.#dir);
    if (!fs.existsSync(lockFile(this.#dir))) this.#lockAgain();
    if (old.spoilt !== undefined) {
      // Not worth more than what stands there; but without any, the next start would miss a segment.
      if (!fs.existsSync(old.path)) old.again().close();
      return;
    }
    const aside = this.#putAside(old.path);
    this.#open = old.again();
    this.#closeLater(old);
    syncDirectory(this.#dir);
    const instead = aside === undefined ? '' : ` (what stood in its place is ${aside} now)`;
    throw new Error(`${old.path} was deleted or moved away${instead}; what it held was written there again`);
  }

  /**
   * Makes room for a segment. An empty file goes; anything else keeps its content under another name.
   * @returns that name; undefined where nothing was, or nothing worth keeping
   */
  #putAside(file: string): string | undefined {
    const found = fs.lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (found.isFile() && found.size === 0) {
      fs.unlinkSync(file);
      return undefined;
    }
    const aside = `${file}.found-${new Date(this.#now()).toISOString().replace(/[-:.]/g, '')}`;
    fs.renameSync(file, aside);
    return aside;
  }

  #lockAgain(): void {
    const unlock = this.#lock(this.#dir);
    this.#unlock();
    this.#unlock = unlock;
  }

  /** When no sync is under way on it. */
  #closeLater(segment: OpenSegment): void {
    void Promise.allSettled([...this.#syncing]).then(() => segment.close());
  }

  #resume({ number, path: file, bytes, changedAt }: SegmentFile): OpenSegment {
    const line = bytes > 0 ? firstLine({ number, path: file, bytes, changedAt }) : undefined;
    const openedAt = line === undefined ? Number.NaN : Date.parse(String(readHead(line)?.time));
    return OpenSegment.resume(
      this.#calls,
      number,
      file,
      Number.isNaN(openedAt) ? this.#now() : openedAt,
      bytes,
    );
  }
}

function encode(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`, 'utf8');
}
