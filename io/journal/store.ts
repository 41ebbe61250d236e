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
  #old: SegmentFile[];
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
    this.#old = segments.slice(0, -1);
    const last = segments.at(-1);
    this.#open = last === undefined ? this.#create(1) : this.#resume(last);
  }

  get segment(): { number: number; bytes: number; openedAt: number } {
    const { number, bytes, openedAt } = this.#open;
    return { number, bytes, openedAt };
  }

  append(lines: readonly string[]): void {
    if (this.#closed) throw new Error('the log is closed');
    if (lines.length > 0) this.#open.append(encode(lines));
  }

  sync(): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the log is closed'));
    const syncing = this.#syncer.sync(this.#open.fd).then(() => this.#stay());
    this.#syncing.add(syncing);
    const done = () => this.#syncing.delete(syncing);
    syncing.then(done, done);
    return syncing;
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
    this.#old.push({ number: old.number, path: old.path, bytes: old.bytes, changedAt: this.#now() });
    this.#closeLater(old);
  }

  retain(): readonly number[] {
    const { retainBytes = Number.POSITIVE_INFINITY, retainMilliseconds = Number.POSITIVE_INFINITY } =
      this.#options;
    const dropped: number[] = [];
    let total = this.#old.reduce((sum, { bytes }) => sum + bytes, this.#open.bytes);
    for (
      let oldest = this.#old[0];
      oldest !== undefined && oldest.number < this.#base;
      oldest = this.#old[0]
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
    const segment = OpenSegment.create(this.#calls, number, file, this.#now());
    try {
      syncDirectory(this.#dir);
      return segment;
    } catch (error) {
      segment.discard();
      throw error;
    }
  }

  /**
   * Looks whether the open segment still stands where it is looked for. When somebody has deleted or moved it, or the
   * whole directory, it is written there again. @throws Error that tells of it, also when all is well again
   */
  #stay(): void {
    if (this.#closed || !this.#open.displaced) return;
    const old = this.#open;
    makeDirectory(this.#dir);
    if (!fs.existsSync(lockFile(this.#dir))) this.#lockAgain();
    this.#open = old.again();
    this.#closeLater(old);
    syncDirectory(this.#dir);
    throw new Error(`${old.path} was deleted or moved away; what it held was written there again`);
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
