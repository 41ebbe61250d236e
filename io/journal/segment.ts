/** The one segment that is written to. All calls are synchronous, in the calling thread. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WrittenContent } from './content.ts';

/** The calls that can fail when a disk is full or a right is lost; given from outside by tests. */
export type SegmentCalls = Pick<
  typeof fs,
  'openSync' | 'writeSync' | 'ftruncateSync' | 'fdatasyncSync' | 'closeSync'
>;

/**
 * Content is read again when somebody has written to the file since we did, but not more often than this: there are file
 * systems that change the time of a file by themselves.
 */
const VERIFY_MS = 1000;

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = fs.constants;

export class OpenSegment {
  readonly fd: number;
  readonly #calls: SegmentCalls;
  readonly #content = new WrittenContent();
  /** When the file was changed last, as of our own last write; milliseconds since 1970. */
  #changedAt = Number.NaN;
  /** Somebody else has written to it, as it seems. */
  #suspect = false;
  #verifiedAt = Number.NEGATIVE_INFINITY;
  #spoilt: string | undefined;
  /** Part of a failed write stands behind `#bytes` and could not be taken away yet. */
  #dirty = false;

  private constructor(
    calls: SegmentCalls,
    readonly number: number,
    readonly path: string,
    /** Milliseconds since 1970. */
    readonly openedAt: number,
    flags: number,
    bytes: number,
  ) {
    this.#calls = calls;
    if (bytes > 0) this.#content.addFile(path, bytes);
    this.fd = calls.openSync(path, O_WRONLY | O_APPEND | flags, 0o600);
    this.#remember();
  }

  /** Goes on with a segment that stands; it has to be `bytes` long. */
  static resume(
    calls: SegmentCalls,
    number: number,
    path: string,
    openedAt: number,
    bytes: number,
  ): OpenSegment {
    return new OpenSegment(calls, number, path, openedAt, 0, bytes);
  }

  /** Makes a new, empty one (mode 0600). @throws Error when the file stands already or cannot be made */
  static create(calls: SegmentCalls, number: number, path: string, openedAt: number): OpenSegment {
    return new OpenSegment(calls, number, path, openedAt, O_CREAT | O_EXCL, 0);
  }

  get bytes(): number {
    return this.#content.bytes;
  }

  /** What somebody else did to its content, as far as was seen: `00000001.ndjson is 0 bytes long, not 1234`. */
  get spoilt(): string | undefined {
    return this.#spoilt;
  }

  /** Whether its file was deleted or moved away: nobody will look for what is written to it. */
  get displaced(): boolean {
    const own = fs.fstatSync(this.fd);
    const there = fs.statSync(this.path, { throwIfNoEntry: false });
    return there?.ino !== own.ino || there.dev !== own.dev;
  }

  /** Looks whether the file holds what was written to it. @throws Error when it cannot be read */
  examine(): void {
    this.#compare();
    if (!this.#suspect || this.#spoilt !== undefined || this.#dirty) return;
    const now = performance.now();
    if (now - this.#verifiedAt < VERIFY_MS) return;
    this.#verifiedAt = now;
    this.#suspect = false;
    if (!this.#content.matches(this.#held)) this.#spoil('does not hold what was written to it');
  }

  /** All of it once more, at its place and on the disk. @throws Error when that cannot be; nothing is left of it then */
  again(): OpenSegment {
    const held = fs.readFileSync(this.#held).subarray(0, this.bytes);
    const next = OpenSegment.create(this.#calls, this.number, this.path, this.openedAt);
    try {
      next.append(held);
      next.sync();
      return next;
    } catch (error) {
      next.discard();
      throw error;
    }
  }

  discard(): void {
    this.close();
    fs.unlinkSync(this.path);
  }

  /** Appends all of it or, when it throws, nothing. */
  append(data: Buffer): void {
    this.#clean();
    this.#compare();
    try {
      for (let done = 0; done < data.length; )
        done += this.#calls.writeSync(this.fd, data, done, data.length - done);
    } catch (error) {
      this.#dirty = true;
      this.#tryClean();
      throw error;
    }
    this.#content.add(data);
    this.#remember();
  }

  /** @throws Error what fdatasync says */
  sync(): void {
    this.#clean();
    this.#calls.fdatasyncSync(this.fd);
  }

  close(): void {
    this.#tryClean();
    this.#calls.closeSync(this.fd);
  }

  /** A file that has no name any more is read through its descriptor, which is open for writing only. */
  get #held(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  #clean(): void {
    if (!this.#dirty) return;
    this.#calls.ftruncateSync(this.fd, this.bytes);
    this.#dirty = false;
    this.#remember();
  }

  /** Behind a write of our own. */
  #remember(): void {
    const { size, mtimeMs } = fs.fstatSync(this.fd);
    this.#changedAt = mtimeMs;
    this.#measure(size);
  }

  /** Whether somebody has written since. */
  #compare(): void {
    if (this.#dirty) return;
    const { size, mtimeMs } = fs.fstatSync(this.fd);
    this.#measure(size);
    if (mtimeMs === this.#changedAt) return;
    this.#changedAt = mtimeMs;
    this.#suspect = true;
  }

  #measure(size: number): void {
    if (size !== this.bytes) this.#spoil(`is ${size} bytes long, not ${this.bytes}`);
  }

  #spoil(what: string): void {
    this.#spoilt ??= `${path.basename(this.path)} ${what}`;
  }

  #tryClean(): void {
    try {
      this.#clean();
    } catch {
      // It stays dirty: the next append begins with this again. After a crash in between, the start cuts it off.
    }
  }
}
