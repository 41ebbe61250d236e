/**
 * What TAP and packet devices have in common: batches read into pooled slabs when libuv says so, records written
 * at once, and an eye on the interface. Memory of one device: at most `SLABS` times `SLAB_BYTES`; when all of it
 * is held by those who got batches, reading stops and the kernel's own queue fills, then drops.
 */
import { performance } from 'node:perf_hooks';
import { Gathering } from '../gathering.ts';
import type { BpfInstruction, DeviceSink, FrameDevice, WriteOutcome } from '../ports.ts';
import { addon, type NativeLink, type NativePort, OUTCOME } from './addon.ts';
import { type LinkWatcher, watchLink } from './link-monitor.ts';
import { QueueGovernor, type QueuePlan } from './queue-governor.ts';
import { type Room, SlabPool } from './slabs.ts';

/** Room that one longest record needs (kRecordRoom of io/device/native/records.h). */
export const RECORD_ROOM = 65_656;
const SLAB_BYTES = 512 << 10;
const SLABS = 8;
const RECORD_HEADER = 4;
/** Reads that empty the longest queue, with super-frames only; more come from one who sends meanwhile. */
const MOST_DRAINS = 80;
/** `state` of a read that left a part of its last frame in the addon. */
const MORE_OF_FRAME = 2;

/** A native port that is open, with the array for its outcomes; a device takes it over later. */
export class OpenPort<P extends NativePort> {
  readonly outcome = new Int32Array(OUTCOME.length);
  readonly port: P;
  onReadable = () => {};

  /** @throws SystemError */
  constructor(make: (outcome: Int32Array, onReadable: () => void) => P) {
    this.port = make(this.outcome, () => this.onReadable());
  }
}

export abstract class KernelDevice<P extends NativePort> implements FrameDevice {
  abstract readonly backend: 'tap' | 'packet';
  readonly ifname: string;
  readonly ifindex: number;
  readonly takesOffload = true;
  readonly unfinished = false;

  protected readonly port: P;
  /** Frames that the kernel gave and that had no form as a record. */
  protected lost = 0;
  private currentMtu: number;
  private sink: DeviceSink | undefined;
  private wanted = false;
  /** Why it is dead, once it is. */
  private end: string | undefined;
  private readonly raw: Int32Array;
  private readonly outcome: WriteOutcome = {
    written: 0,
    writtenBytes: 0,
    badOffload: 0,
    queueFull: 0,
    refused: 0,
    tooLong: 0,
  };
  private readonly pool = new SlabPool(SLAB_BYTES, SLABS, () => this.poll());
  /** A part of a frame that was read waits in the addon: reading goes on without a call from the kernel. */
  private more = false;
  /** Where frames go that nobody has memory for. */
  private spill: Buffer | undefined;
  private readonly unwatch: () => void;
  /** For a moment, so that more comes together. */
  private held = false;
  private readonly gathering = new Gathering(() => performance.now(), {
    hold: () => {
      this.held = true;
      this.poll();
    },
    release: () => {
      this.held = false;
      this.readable();
      this.poll();
    },
  });
  private readonly governor = new QueueGovernor(
    () => performance.now(),
    (plan) => {
      if (this.end === undefined) this.govern(plan);
    },
  );

  /** Takes the port over. @throws SystemError; the port is the caller's to close then */
  protected constructor(link: NativeLink, open: OpenPort<P>) {
    this.ifname = link.name;
    this.ifindex = link.ifindex;
    this.currentMtu = link.mtu;
    this.port = open.port;
    this.raw = open.outcome;
    open.onReadable = () => this.readable();
    this.unwatch = watchLink(link.ifindex, this.watcher());
    try {
      this.port.setMtu(link.mtu);
      // Deleted before the watch began: nobody will tell.
      if (addon().links(link.ifindex).length === 0) this.die('the interface was deleted');
    } catch (cause) {
      this.unwatch();
      throw cause;
    }
  }

  get mtu(): number {
    return this.currentMtu;
  }

  protected get dead(): boolean {
    return this.end !== undefined;
  }

  start(sink: DeviceSink): void {
    this.sink = sink;
    this.wanted = true;
    if (this.end === undefined) this.poll();
    else setImmediate(() => sink.gone(this.end ?? ''));
  }

  pause(): void {
    this.wanted = false;
    this.governor.paused();
    this.poll();
  }

  resume(): void {
    this.wanted = this.sink !== undefined;
    this.governor.resumed();
    this.poll();
  }

  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    const { outcome, raw } = this;
    if (this.end !== undefined) return this.refuseAll(buffer, start, end);
    this.port.write(buffer, start, end);
    outcome.written = raw[OUTCOME.written]!;
    outcome.writtenBytes = raw[OUTCOME.writtenBytes]!;
    outcome.badOffload = raw[OUTCOME.badOffload]!;
    outcome.queueFull = raw[OUTCOME.queueFull]!;
    outcome.refused = raw[OUTCOME.refused]!;
    outcome.tooLong = raw[OUTCOME.tooLong]!;
    return outcome;
  }

  suit(lengthMicros: number): void {
    this.gathering.lengthMicros = lengthMicros;
  }

  setOffload(_on: boolean): void {}

  setFilter(_program: readonly BpfInstruction[] | null): boolean {
    return true;
  }

  abstract kernelDrops(): number;

  async close(): Promise<void> {
    this.shut('closed');
  }

  /** Makes the kernel's queue in front of this device as it should be. */
  protected abstract govern(plan: QueuePlan): void;

  /** @param _before the MTU that it had until now */
  protected mtuChanged(_before: number): void {}

  /** The last chance to ask the port something before it is closed. */
  protected beforeClose(): void {}

  private watcher(): LinkWatcher {
    return {
      changed: ({ mtu }) => {
        const before = this.currentMtu;
        if (mtu === before) return;
        this.currentMtu = mtu;
        this.port.setMtu(mtu);
        this.sink?.resized?.();
        this.mtuChanged(before);
      },
      gone: () => this.die('the interface was deleted'),
    };
  }

  private poll(): void {
    if (this.end !== undefined) return;
    const wanted = this.wanted && !this.held;
    this.port.poll(wanted);
    if (wanted && this.more) setImmediate(() => this.readable());
  }

  /**
   * Reads all that the kernel holds, also while paused: what finds no place at the wires is counted there, what finds none
   * in our memory as lost. For a queue that is about to be shortened, of which the kernel throws the end away untold.
   */
  protected drain(): void {
    const { pool, raw } = this;
    for (let reads = 0; reads < MOST_DRAINS && this.end === undefined && this.sink !== undefined; reads++) {
      const room = pool.room(RECORD_ROOM, SLAB_BYTES);
      const { buffer, start, limit } = room ?? this.spillRoom();
      this.port.read(buffer, start, limit);
      this.lost += raw[OUTCOME.lost]!;
      const frames = raw[OUTCOME.frames]!;
      const state = raw[OUTCOME.state]!;
      if (room === undefined) this.lost += frames;
      else this.handOn(raw[OUTCOME.end]!, frames);
      this.more = state === MORE_OF_FRAME;
      if (state !== 1 && state !== MORE_OF_FRAME) return;
    }
  }

  private spillRoom(): Room {
    this.spill ??= Buffer.allocUnsafeSlow(SLAB_BYTES);
    return { buffer: this.spill, start: 0, limit: SLAB_BYTES };
  }

  private handOn(end: number, frames: number): void {
    if (frames === 0) return;
    const batch = this.pool.batch(end, frames);
    try {
      this.sink?.frames(batch);
    } finally {
      batch.release();
    }
  }

  private readable(): void {
    const { pool, raw, sink } = this;
    if (sink === undefined || this.end !== undefined || !this.wanted) return;
    const room = pool.room(RECORD_ROOM, this.governor.plan.batchBytes + RECORD_ROOM);
    if (room === undefined) {
      this.port.poll(false);
      return;
    }
    this.port.read(room.buffer, room.start, room.limit);
    this.lost += raw[OUTCOME.lost]!;
    const frames = raw[OUTCOME.frames]!;
    const state = raw[OUTCOME.state]!;
    const end = raw[OUTCOME.end]!;
    this.more = state === MORE_OF_FRAME;
    if (this.more) setImmediate(() => this.readable());
    this.handOn(end, frames);
    this.gathering.read(end - room.start);
    // Behind the frames: what it changes may read again.
    this.governor.read(end - room.start, frames);
    if (state < 0) this.die(`cannot be read any more (errno ${-state})`);
  }

  /** The interface is gone: everything of this process is given back, and the sink is told. */
  private die(reason: string): void {
    if (this.shut(reason)) this.sink?.gone(reason);
  }

  /** @returns false when it was shut before */
  private shut(reason: string): boolean {
    if (this.end !== undefined) return false;
    this.beforeClose();
    this.end = reason;
    this.wanted = false;
    this.unwatch();
    this.port.close();
    return true;
  }

  private refuseAll(buffer: Buffer, start: number, end: number): WriteOutcome {
    const outcome = this.outcome;
    outcome.written = outcome.writtenBytes = outcome.badOffload = outcome.queueFull = outcome.refused = 0;
    outcome.tooLong = 0;
    for (let at = start; at + RECORD_HEADER <= end; at += RECORD_HEADER + buffer.readUIntBE(at + 1, 3)) {
      outcome.refused += 1;
    }
    return outcome;
  }
}
