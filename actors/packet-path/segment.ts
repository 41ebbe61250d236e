/**
 * One open device: an Ethernet segment that all Handlers on it share.
 *
 * - What the device reads goes to every Handler, one emission a batch. What a Handler puts on the device is offered to
 *   the others, once, and not to itself.
 * - **Backpressure.** When its Handlers are behind the device is not read any more (pacing.ts): the kernel's queue
 *   fills, and drops as the interface's queueing discipline says. When only some are behind for long it is read on,
 *   and those lose what their outbox cannot hold (outbox.ts), so that a slow Handler stalls nobody.
 * - The kernel's filter lets through what at least one Handler wants; super-frames are asked for when at least one
 *   Handler can send them.
 */
import { Subject } from 'rxjs';
import type { Batch, Clock, FrameDevice, WriteOutcome } from '../../io/ports.ts';
import { compileFilter, type FilterRole, MOST_INSTRUCTIONS } from '../../machines/frames/bpf.ts';
import { MacTable } from '../../machines/frames/mac-table.ts';
import { recordEnd } from '../../machines/frames/records.ts';
import { type Announcement, Announcements } from './announcements.ts';
import { BatchOutcomes, type SegmentCounters } from './counters.ts';
import type { Egress } from './inbound.ts';
import { HeldBatches } from './outbox.ts';
import { type Paced, Pacing } from './pacing.ts';
import { SoftwareOffload } from './software-offload.ts';

/** A Handler's place, as the segment needs it. */
export interface Member extends Paced {
  /** Addresses that no frame from a far end may have as source, on this segment (a HOST's). */
  readonly hostMacs: readonly number[];
  /** What the kernel's filter has to let through for it. */
  readonly interest: FilterRole;
  /** Whether it can send super-frames: as agreed with the other end, before that as the user said. */
  readonly offload: boolean;
  /** Length of the shortest way of its wires, in microseconds; 0 where it is not known. */
  readonly wayMicros: number;
}

/** Records that Handlers put on the segment; the same object each time, valid during the call. */
export interface SegmentBatch {
  from: Member | undefined;
  /** Where they are of several: which part is whose, in bytes of the buffer. */
  parts: ReadonlyMap<Member, readonly [start: number, end: number]> | undefined;
  buffer: Buffer;
  start: number;
  end: number;
}

export interface SegmentHooks {
  /** The interface is gone for good; every method but `close` does nothing from now on. */
  gone(reason: string): void;
  /** The device carries nothing for now, and will again. */
  interrupted?(why: string): void;
  recovered?(): void;
}

export class Segment implements Egress {
  /** What the device reads, and what becomes of it. */
  readonly frames$ = new Subject<Batch>();
  /** The device has another MTU: `mtu` says which. */
  readonly resized$ = new Subject<void>();
  /** What a Handler put on the device. */
  readonly offers$ = new Subject<SegmentBatch>();
  /** Source addresses that have gone round when they come from a far end. */
  readonly hosts = new MacTable();
  readonly outcomes = new BatchOutcomes();
  readonly heldBatches = new HeldBatches();
  takesDatagrams = false;
  /** How often the device has carried nothing for a while. */
  interruptions = 0;
  /** For all Handlers of this segment. */
  readonly software: SoftwareOffload;

  readonly #members = new Set<Member>();
  readonly #offer: SegmentBatch = {
    from: undefined,
    parts: undefined,
    buffer: Buffer.alloc(0),
    start: 0,
    end: 0,
  };
  readonly #totals = { read: 0, readBytes: 0, toDevice: 0, written: 0, writtenBytes: 0 };
  readonly #refusals = { queueFull: 0, refused: 0, badOffload: 0 };
  readonly #pacing: Pacing;
  readonly #announcements: Announcements<Member>;
  #started = false;
  #dead = false;
  #paused = false;
  #offload: boolean | undefined;
  #onUnwanted: ((buffer: Buffer, at: number, next: number) => void) | undefined;

  /** @param clock without it nobody is waited for that is behind for a moment (pacing.ts), and nothing gathered */
  constructor(
    readonly device: FrameDevice,
    private readonly hooks: SegmentHooks,
    clock?: Clock,
  ) {
    this.software = new SoftwareOffload(device);
    this.#pacing = new Pacing(clock, this.#members, () => this.reconsider());
    this.#announcements = new Announcements((all) => this.#announce(all), clock);
  }

  /** The device is gone, or was closed. */
  get over(): boolean {
    return this.#dead;
  }

  /** MTU of the device, as it is now. */
  get mtu(): number {
    return this.device.mtu;
  }

  get takesOffload(): boolean {
    return this.device.takesOffload;
  }

  /** Hears of each frame that no Handler wants; as long as somebody does, the kernel lets everything through. */
  set onUnwanted(told: ((buffer: Buffer, at: number, next: number) => void) | undefined) {
    this.#onUnwanted = told;
    if (!this.#dead) this.#filter();
  }

  counters(): SegmentCounters {
    const { carried, lost } = this.outcomes;
    const unwanted = this.#totals.read - carried - lost;
    const kernelDrops = this.device.kernelDrops();
    return { ...this.#totals, ...this.#refusals, carried, lost, unwanted, kernelDrops };
  }

  /** Takes a Handler in; with the first one the device begins to read. */
  attach(member: Member): void {
    this.#members.add(member);
    this.hosts.add(member.hostMacs);
    this.#changed();
    if (this.#started) return;
    this.#started = true;
    this.device.start({
      frames: (batch) => this.#read(batch),
      resized: () => this.resized$.next(),
      interrupted: (why) => {
        this.interruptions += 1;
        this.hooks.interrupted?.(why);
      },
      recovered: () => this.hooks.recovered?.(),
      gone: (reason) => this.#gone(reason),
    });
  }

  detach(member: Member): void {
    if (!this.#members.delete(member)) return;
    this.#pacing.forget(member);
    this.#announcements.forget(member);
    this.hosts.delete(member.hostMacs);
    this.wayMayDiffer();
    this.#changed();
  }

  /** A member's wire came, fell behind, caught up or went. */
  reconsider(): void {
    if (this.#dead) return;
    this.#askForOffload();
    this.#holdOrResume();
  }

  /** A member has gone, or a PING told one how long its way is. */
  wayMayDiffer(): void {
    if (this.device.suit === undefined || this.#dead) return;
    let shortest = Number.POSITIVE_INFINITY;
    for (const { live, wayMicros } of this.#members) if (live) shortest = Math.min(shortest, wayMicros);
    this.device.suit(Number.isFinite(shortest) ? shortest : 0);
  }

  write(buffer: Buffer, start: number, end: number, count: number): WriteOutcome {
    const outcome = this.#dead ? refusedAll(count) : this.device.write(buffer, start, end);
    // A device that is gone does nothing, and may be so before we are told.
    outcome.refused = count - outcome.written - outcome.badOffload - outcome.queueFull;
    this.#totals.toDevice += count;
    this.#totals.written += outcome.written;
    this.#totals.writtenBytes += outcome.writtenBytes;
    this.#refusals.queueFull += outcome.queueFull;
    this.#refusals.refused += outcome.refused;
    this.#refusals.badOffload += outcome.badOffload;
    return outcome;
  }

  /** Offers records that `from` put on the device to all others. */
  offer(buffer: Buffer, start: number, end: number, from?: Member): void {
    if (this.#members.size < 2 || this.#dead) return;
    Object.assign(this.#offer, { from, parts: undefined, buffer, start, end });
    this.offers$.next(this.#offer);
  }

  /** Puts announcements of a Handler on the device, and offers them to all others; now or in a moment. */
  announce(records: Buffer, count: number, from: Member): void {
    if (!this.#dead) this.#announcements.add({ from, records, count });
  }

  /** Closes the device. Idempotent. */
  async close(): Promise<void> {
    this.#stop();
    this.frames$.complete();
    this.resized$.complete();
    this.offers$.complete();
    await this.device.close();
  }

  #read(batch: Batch): void {
    this.#totals.read += batch.frames;
    this.#totals.readBytes += batch.end - batch.start;
    this.outcomes.begin(batch.frames);
    this.frames$.next(batch);
    if (this.#onUnwanted !== undefined) this.#tellUnwanted(batch);
  }

  #tellUnwanted({ buffer, start, end }: Batch): void {
    let index = 0;
    for (let at = start; at < end; index++) {
      const next = recordEnd(buffer, at);
      if (!this.outcomes.answeredFor(index)) this.#onUnwanted?.(buffer, at, next);
      at = next;
    }
  }

  #gone(reason: string): void {
    this.#stop();
    this.hooks.gone(reason);
  }

  #stop(): void {
    this.#dead = true;
    this.#pacing.stop();
    this.#announcements.stop();
  }

  #announce(all: readonly Announcement<Member>[]): void {
    const buffer = Buffer.concat(all.map(({ records }) => records));
    const parts = new Map<Member, readonly [number, number]>();
    let count = 0;
    let end = 0;
    for (const one of all) {
      count += one.count;
      const start = end;
      end += one.records.length;
      parts.set(one.from, [start, end]);
    }
    this.write(buffer, 0, end, count);
    if (this.#members.size < 2) return;
    Object.assign(this.#offer, { from: undefined, parts, buffer, start: 0, end });
    this.offers$.next(this.#offer);
  }

  #changed(): void {
    if (this.#dead) return;
    this.#filter();
    this.reconsider();
  }

  /** As fine a filter as the kernel has room for. */
  #filter(): void {
    if (this.#onUnwanted !== undefined) {
      this.device.setFilter(null);
      return;
    }
    const interests = [...this.#members].map(({ interest }) => interest);
    for (let most = MOST_INSTRUCTIONS; ; most = most >> 1) {
      if (this.device.setFilter(compileFilter(interests, most))) return;
    }
  }

  #askForOffload(): void {
    if (this.#members.size === 0) return;
    const wanted = [...this.#members].some((member) => member.offload);
    if (wanted === this.#offload) return;
    this.#offload = wanted;
    this.device.setOffload(wanted);
  }

  #holdOrResume(): void {
    const hold = this.#pacing.hold();
    if (hold === this.#paused) return;
    this.#paused = hold;
    if (hold) this.device.pause();
    else this.device.resume();
  }
}

function refusedAll(count: number): WriteOutcome {
  return { written: 0, writtenBytes: 0, badOffload: 0, queueFull: 0, refused: count, tooLong: 0 };
}
