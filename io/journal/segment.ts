/** The one segment that is written to. All calls are synchronous, in the calling thread. */
import * as fs from 'node:fs';

/** The calls that can fail when a disk is full or a right is lost; given from outside by tests. */
export type SegmentCalls = Pick<
  typeof fs,
  'openSync' | 'writeSync' | 'ftruncateSync' | 'fdatasyncSync' | 'closeSync'
>;

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = fs.constants;

export class OpenSegment {
  readonly fd: number;
  readonly #calls: SegmentCalls;
  #bytes: number;
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
    this.#bytes = bytes;
    this.fd = calls.openSync(path, O_WRONLY | O_APPEND | flags, 0o600);
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
    return this.#bytes;
  }

  /** Whether its file was deleted or moved away: nobody will look for what is written to it. */
  get displaced(): boolean {
    const own = fs.fstatSync(this.fd);
    const there = fs.statSync(this.path, { throwIfNoEntry: false });
    return there?.ino !== own.ino || there.dev !== own.dev;
  }

  /** All of it once more, at its place and on the disk. @throws Error when that cannot be; nothing is left of it then */
  again(): OpenSegment {
    // A file without a name is read through its descriptor, which is open for writing only.
    const held = fs.readFileSync(`/proc/self/fd/${this.fd}`).subarray(0, this.#bytes);
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
    try {
      for (let done = 0; done < data.length; )
        done += this.#calls.writeSync(this.fd, data, done, data.length - done);
    } catch (error) {
      this.#dirty = true;
      this.#tryClean();
      throw error;
    }
    this.#bytes += data.length;
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

  #clean(): void {
    if (!this.#dirty) return;
    this.#calls.ftruncateSync(this.fd, this.#bytes);
    this.#dirty = false;
  }

  #tryClean(): void {
    try {
      this.#clean();
    } catch {
      // It stays dirty: the next append begins with this again. After a crash in between, the start cuts it off.
    }
  }
}
