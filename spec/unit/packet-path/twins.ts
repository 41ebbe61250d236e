/**
 * Links and devices for the tests of the packet path that are worked by hand: nothing moves by itself, a test pumps the
 * links as far as it likes and hands the device its batches, so every order of things can be made.
 */
import type {
  Batch,
  BpfInstruction,
  DeviceSink,
  FrameDevice,
  Link,
  LinkSink,
  WriteOutcome,
} from '../../../io/ports.ts';
import { FRAME, frameOffset, OFFLOAD, recordEnd, writeHeader } from '../../../machines/frames/records.ts';

const HIGH = 65_536;
const LOW = 32_768;

/** One end; what it writes waits until `pump` moves it to the other one. */
export class HandLink implements Link {
  readonly scheme = 'memory';
  readonly peer = 'memory';
  readonly address = 'memory';
  readonly loopback = true;
  other!: HandLink;
  sink: LinkSink | undefined;
  unsent = 0;
  /** The most that was ever unsent. */
  mostUnsent = 0;
  writes = 0;
  ended = false;
  destroyed = false;
  #queue: { bytes: Uint8Array; done: () => void }[] = [];
  #behind = false;
  #endTold = false;
  #closeTold = false;

  attach(sink: LinkSink): void {
    this.sink = sink;
  }

  write(chunk: Uint8Array, done: () => void = () => {}): boolean {
    return this.writeAll([chunk], done);
  }

  writeAll(chunks: readonly Uint8Array[], done: () => void = () => {}): boolean {
    this.writes++;
    if (this.destroyed || this.ended) {
      queueMicrotask(done);
      return true;
    }
    chunks.forEach((bytes, index) => {
      this.#queue.push({ bytes, done: index === chunks.length - 1 ? done : () => {} });
      this.unsent += bytes.length;
    });
    this.mostUnsent = Math.max(this.mostUnsent, this.unsent);
    if (this.unsent > HIGH) this.#behind = true;
    return !this.#behind;
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    for (const { done } of this.#queue.splice(0)) done();
    this.unsent = 0;
  }

  /** Moves at most so many bytes to the other end, in chunks of at most `chunk`. @returns whether anything happened */
  pump(most = Number.POSITIVE_INFINITY, chunk = 65_536): boolean {
    let moved = false;
    let left = most;
    while (this.#queue.length > 0 && left > 0) {
      moved = true;
      left -= this.#move(Math.min(chunk, left));
    }
    if (this.#behind && this.unsent < LOW && !this.destroyed) {
      this.#behind = false;
      moved = true;
      this.sink?.drain();
    }
    if (this.ended && this.#queue.length === 0 && !this.#endTold && !this.other.destroyed) {
      this.#endTold = true;
      moved = true;
      this.other.sink?.end();
    }
    return this.#close() || moved;
  }

  /** Bytes are copied into a buffer that is overwritten afterwards, as a socket's read buffer is. */
  #move(most: number): number {
    const read = Buffer.alloc(most < 65_536 ? most : 65_536);
    let bytes = 0;
    const finished: (() => void)[] = [];
    while (this.#queue.length > 0 && bytes < read.length) {
      const head = this.#queue[0]!;
      const take = Math.min(head.bytes.length, read.length - bytes);
      read.set(head.bytes.subarray(0, take), bytes);
      head.bytes = head.bytes.subarray(take);
      bytes += take;
      if (head.bytes.length > 0) break;
      this.#queue.shift();
      finished.push(head.done);
    }
    this.unsent -= bytes;
    if (!this.other.destroyed) this.other.sink?.data(read.subarray(0, bytes));
    read.fill(0xee);
    for (const done of finished) done();
    return bytes;
  }

  #close(): boolean {
    const over = this.destroyed || this.other.destroyed || (this.#endTold && this.other.#endTold);
    if (!over || this.#closeTold) return false;
    this.#closeTold = true;
    const cut = !this.destroyed && this.other.destroyed && !(this.#endTold && this.other.#endTold);
    this.destroy();
    this.sink?.closed(cut ? new Error('cut') : undefined);
    return true;
  }
}

export function linkPair(): [HandLink, HandLink] {
  const [a, b] = [new HandLink(), new HandLink()];
  a.other = b;
  b.other = a;
  return [a, b];
}

/** Pumps until nothing moves. */
export function settle(...links: HandLink[]): void {
  for (let round = 0; links.map((link) => link.pump()).includes(true); round++) {
    if (round > 10_000) throw new Error('the links never come to rest');
  }
}

/** A device whose other side is the test. */
export class HandDevice implements FrameDevice {
  readonly backend = 'memory';
  readonly ifname = 'mem0';
  readonly ifindex = 1;
  /** Records that were written to it, copied. */
  readonly wrote: Buffer[] = [];
  filter: readonly BpfInstruction[] | null | undefined;
  offload: boolean | undefined;
  paused = false;
  closed = false;
  started = false;
  /** Batches that are still held by somebody. */
  held = 0;
  /** What the device says to each record written. */
  verdict: (record: Buffer, index: number) => 'written' | 'queueFull' | 'refused' | 'tooLong' | 'badOffload' =
    () => 'written';
  #sink: DeviceSink | undefined;
  #index = 0;

  constructor(
    public mtu = 1500,
    readonly takesOffload = true,
    readonly unfinished = false,
  ) {}

  start(sink: DeviceSink): void {
    if (this.started) throw new Error('started twice');
    this.started = true;
    this.#sink = sink;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    const outcome = { written: 0, writtenBytes: 0, badOffload: 0, queueFull: 0, refused: 0, tooLong: 0 };
    for (let at = start; at < end; at = recordEnd(buffer, at)) {
      const record = Buffer.from(buffer.subarray(at, recordEnd(buffer, at)));
      const foreign = record[0] === OFFLOAD && !this.takesOffload;
      const verdict = foreign ? 'badOffload' : this.verdict(record, this.#index++);
      outcome[verdict]++;
      if (verdict === 'tooLong') outcome.refused++;
      if (verdict !== 'written') continue;
      outcome.writtenBytes += record.length - frameOffset(record, 0);
      this.wrote.push(record);
    }
    return outcome;
  }

  setOffload(on: boolean): void {
    this.offload = on;
  }

  setFilter(program: readonly BpfInstruction[] | null): boolean {
    this.filter = program;
    return true;
  }

  kernelDrops(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  gone(reason: string): void {
    this.#sink?.gone(reason);
  }

  /** Hands these records over as one batch whose buffer is overwritten once nobody holds it. */
  read(...records: Uint8Array[]): void {
    const buffer = Buffer.concat(records);
    let references = 1;
    this.held++;
    const release = () => {
      references--;
      if (references > 0) return;
      buffer.fill(0xdd);
      this.held--;
    };
    const batch: Batch = {
      buffer,
      start: 0,
      end: buffer.length,
      frames: records.length,
      retain: () => void references++,
      release,
    };
    this.#sink?.frames(batch);
    release();
  }
}

/** A FRAME record. */
export function frameRecord(to: string, from: string, bytes = 60, fill = 0): Buffer {
  const record = Buffer.alloc(4 + bytes, fill);
  writeHeader(record, 0, FRAME, bytes);
  record.write(to.replaceAll(':', ''), 4, 'hex');
  record.write(from.replaceAll(':', ''), 10, 'hex');
  record.writeUInt16BE(0x88b5, 16);
  return record;
}
