import type {
  BpfInstruction,
  Clock,
  DeviceSink,
  FrameDevice,
  TapState,
  Timer,
  WriteOutcome,
} from '../ports.ts';
import {
  FRAME,
  MemoryBatch,
  OFFLOAD,
  RECORD_HEADER_BYTES,
  type SegmentFrame,
  toRecords,
  VIRTIO_HEADER_BYTES,
} from './batch.ts';

const ETHERNET_HEADER_BYTES = 14;
const TAG_BYTES = 4;
/** Frames that wait unread, as in a kernel's queue; more are dropped and counted. */
const MOST_WAITING = 1000;
/** Frames in one batch at most. */
const MOST_IN_BATCH = 64;

export interface MemoryDeviceOptions {
  readonly backend?: FrameDevice['backend'];
  readonly ifname?: string;
  readonly ifindex?: number;
  readonly mtu?: number;
  readonly takesOffload?: boolean;
  readonly unfinished?: boolean;
}

/** What a device needs of the segment that it is on. */
export interface MemorySegment {
  readonly clock: Clock;
  send(frames: readonly SegmentFrame[]): void;
  left(): void;
}

/** A frame device without a kernel. It keeps all promises of `FrameDevice`, and fails on demand. */
export class MemoryDevice implements FrameDevice {
  readonly backend: FrameDevice['backend'];
  readonly ifname: string;
  readonly ifindex: number;
  mtu: number;
  readonly takesOffload: boolean;
  readonly unfinished: boolean;
  found: TapState | undefined;
  /** Down: writes are refused, nothing is heard. */
  up = true;
  /** The device's own queue is full: writes are counted `queueFull`. */
  full = false;
  /** What `setOffload` and `setFilter` were last given. */
  offload = false;
  filter: readonly BpfInstruction[] | null = null;

  #sink: DeviceSink | undefined;
  #paused = false;
  #dead = false;
  /** Why it is gone, until somebody was told. */
  #untold: string | undefined;
  #drops = 0;
  #reading: Timer | undefined;
  readonly #waiting: SegmentFrame[] = [];
  readonly #outcome: WriteOutcome = {
    written: 0,
    writtenBytes: 0,
    badOffload: 0,
    queueFull: 0,
    refused: 0,
    tooLong: 0,
  };

  constructor(
    options: MemoryDeviceOptions,
    private readonly segment: MemorySegment,
  ) {
    this.backend = options.backend ?? 'memory';
    this.ifname = options.ifname ?? 'mem0';
    this.ifindex = options.ifindex ?? 1;
    this.mtu = options.mtu ?? 1500;
    this.takesOffload = options.takesOffload ?? false;
    this.unfinished = options.unfinished ?? false;
  }

  start(sink: DeviceSink): void {
    if (this.#sink !== undefined) throw new Error(`the device ${this.ifname} was started already`);
    this.#sink = sink;
    this.#schedule();
    this.#tellGone();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    const outcome = this.#outcome;
    Object.assign(outcome, {
      written: 0,
      writtenBytes: 0,
      badOffload: 0,
      queueFull: 0,
      refused: 0,
      tooLong: 0,
    });
    if (this.#dead) return outcome;
    const frames: SegmentFrame[] = [];
    let offset = start;
    while (offset < end) {
      const head = end - offset < RECORD_HEADER_BYTES ? undefined : buffer.readUInt32BE(offset);
      const next = offset + RECORD_HEADER_BYTES + ((head ?? 0) & 0xffffff);
      if (head === undefined || next > end) {
        outcome.refused += 1; // cut off: where another record would begin nobody knows
        break;
      }
      const frame = this.#judge(head >>> 24, buffer.subarray(offset + RECORD_HEADER_BYTES, next));
      if (frame !== undefined) frames.push(frame);
      offset = next;
    }
    if (frames.length > 0) this.segment.send(frames);
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
    return this.#drops;
  }

  async close(): Promise<void> {
    this.#end();
  }

  /** Nothing goes in or out until it `recover`s. */
  interrupt(why: string): void {
    if (this.#dead) return;
    this.up = false;
    this.#sink?.interrupted?.(why);
  }

  recover(): void {
    if (this.#dead) return;
    this.up = true;
    this.#sink?.recovered?.();
  }

  /** The interface has another MTU. */
  resize(mtu: number): void {
    if (mtu === this.mtu) return;
    this.mtu = mtu;
    this.segment.clock.after(0, () => {
      if (!this.#dead) this.#sink?.resized?.();
    });
  }

  /** Whether it was closed or is gone. */
  get dead(): boolean {
    return this.#dead;
  }

  /** The interface is deleted, or cannot be read any more. */
  vanish(reason = `the interface ${this.ifname} was deleted`): void {
    if (this.#dead) return;
    this.#end();
    this.#untold = reason;
    this.#tellGone();
  }

  /** A frame comes in from the segment. */
  arrive(frame: SegmentFrame): void {
    if (this.#dead || !this.up) return;
    const readable = this.#readable(frame);
    if (readable === undefined || this.#waiting.length >= MOST_WAITING) {
      this.#drops += 1;
      return;
    }
    this.#waiting.push(readable);
    this.#schedule();
  }

  /** Puts frames on the segment that are no records yet: for tests that play a station. */
  send(frames: readonly Uint8Array[]): void {
    const records = toRecords(frames.map((frame) => ({ type: FRAME, payload: Buffer.from(frame) })));
    this.write(records, 0, records.length);
  }

  /** Counts one record, and copies it if it can go out. */
  #judge(type: number, payload: Buffer): SegmentFrame | undefined {
    const outcome = this.#outcome;
    const header = type === OFFLOAD ? VIRTIO_HEADER_BYTES : 0;
    const length = payload.length - header;
    if (type === OFFLOAD && (!this.takesOffload || length < ETHERNET_HEADER_BYTES)) outcome.badOffload += 1;
    else if (!this.up || (type !== FRAME && type !== OFFLOAD)) outcome.refused += 1;
    else if (length < ETHERNET_HEADER_BYTES || (type === FRAME && length > this.#longest(payload)))
      outcome.refused += 1;
    else if (this.full) outcome.queueFull += 1;
    else {
      outcome.written += 1;
      outcome.writtenBytes += length;
      return { type, payload: Buffer.from(payload) };
    }
    return undefined;
  }

  #longest(frame: Buffer): number {
    const tagged = frame[12] === 0x81 && frame[13] === 0x00;
    return this.mtu + ETHERNET_HEADER_BYTES + (tagged ? TAG_BYTES : 0);
  }

  /** The form in which this device hands a frame over: who takes no OFFLOAD may get it unfinished. */
  #readable(frame: SegmentFrame): SegmentFrame | undefined {
    if (frame.type === FRAME || (this.takesOffload && this.offload)) return frame;
    if (!this.unfinished) return undefined;
    return { type: FRAME, payload: frame.payload.subarray(VIRTIO_HEADER_BYTES) };
  }

  #schedule(): void {
    if (this.#reading !== undefined || this.#waiting.length === 0 || !this.#reads()) return;
    this.#reading = this.segment.clock.after(0, () => {
      this.#reading = undefined;
      this.#read();
    });
  }

  #reads(): boolean {
    return this.#sink !== undefined && !this.#paused && !this.#dead;
  }

  #read(): void {
    if (!this.#reads() || this.#waiting.length === 0) return;
    const batch = new MemoryBatch(this.#waiting.splice(0, MOST_IN_BATCH));
    try {
      this.#sink?.frames(batch);
    } finally {
      batch.release();
      this.#schedule();
    }
  }

  /** Whoever starts it later is told then. */
  #tellGone(): void {
    if (this.#untold === undefined) return;
    this.segment.clock.after(0, () => {
      const reason = this.#untold;
      if (reason === undefined || this.#sink === undefined) return;
      this.#untold = undefined;
      this.#sink.gone(reason);
    });
  }

  #end(): void {
    this.#dead = true;
    this.#waiting.length = 0;
    this.#reading?.cancel();
    this.#reading = undefined;
    this.segment.left();
  }
}
