/**
 * Device → peer, for one Handler: takes from each batch what its role asks for and gives it to the wire, in runs as
 * long as can be and without a copy where it can.
 *
 * Checks, in this order: role and link-local control (`filtered`, `l2cp`), wires of our own (`own-wire`), a wire
 * (`no-carrier`), virtio header (`bad-offload`), far MTU (`too-big`), caps (`rate`), room at the wire (`queue-full`). A
 * super-frame is held against no MTU here when it goes as it is: its receiver cuts it to its own.
 */
import type { Batch } from '../../io/ports.ts';
import { exceedsMtu, isGroup } from '../../machines/frames/ethernet.ts';
import { L2CP, PASS, type Predicate } from '../../machines/frames/predicates.ts';
import {
  frameOffset,
  HEADER_BYTES,
  MAX_OFFLOAD_FRAME,
  OFFLOAD,
  recordEnd,
} from '../../machines/frames/records.ts';
import { remedyOf } from '../../machines/frames/remedy.ts';
import { isSuperFrame } from '../../machines/frames/virtio.ts';
import type { RecordWriter } from '../../machines/frames/writer.ts';
import { type BatchOutcomes, DirectionCounters, TX_REASONS, type TxReason } from './counters.ts';
import { NOBODY, type PathObserver } from './observer.ts';
import type { HeldBatches, Outbox } from './outbox.ts';
import type { OwnWires } from './own-wires.ts';
import type { RateLimits } from './rate-limits.ts';
import { RecordRuns } from './record-runs.ts';
import { isGroupTcp, type SoftwareOffload, wireCost } from './software-offload.ts';
import type { Spread } from './spread.ts';

/** Of a record: its own header, Ethernet header and eight VLAN tags. */
const LONGEST_HEADERS = 50;

/** What the two ends of the wire said when it was made. */
export interface WireTerms {
  /** Whether OFFLOAD records may be sent. */
  readonly offload: boolean;
  /** MTU of the far device. */
  readonly farMtu: number;
}

/** Is cut; goes with its checksum started anew; was cut or finished, and what came of it stands in `software.out`. */
type Rework = 'cut' | 'start' | 'mended';
type Judgement = 'go' | Rework | TxReason;

export class Outbound {
  readonly tally = new DirectionCounters(TX_REASONS);
  terms: WireTerms = { offload: false, farMtu: 0 };

  readonly #pieces = new RecordRuns();

  /** `unfinished`: frames that the device hands over may lack their checksum or be longer than `mtu`. */
  constructor(
    private readonly predicate: Predicate,
    private readonly caps: RateLimits,
    private readonly software: SoftwareOffload,
    private readonly heldBatches: HeldBatches,
    private readonly unfinished: boolean,
    private readonly wires: Spread,
    private readonly ownWires: OwnWires,
    private readonly observer: PathObserver = NOBODY,
  ) {}

  /** What the device has read. */
  batch(batch: Batch, outcomes: BatchOutcomes): void {
    if (this.caps.any) this.caps.refill();
    const { buffer, end } = batch;
    const { captures } = this.observer;
    let runStart = batch.start;
    let first = 0;
    let index = 0;
    for (let at = batch.start; at < end; index++) {
      const next = recordEnd(buffer, at);
      if (captures) this.tally.last = undefined;
      const judged = this.#judge(buffer, at, next, this.unfinished);
      if (judged === 'go') {
        this.#pieces.bytes += next - frameOffset(buffer, at);
        if (captures) {
          this.#pieces.add(at, next, index, 1);
          this.#send(batch, outcomes);
          runStart = next;
          first = index + 1;
        }
      } else {
        if (index > first) this.#pieces.add(runStart, at, first, index - first);
        this.#apart(batch, at, next, index, judged, outcomes);
        runStart = next;
        first = index + 1;
      }
      if (captures) this.#seen(buffer, at, next);
      at = next;
    }
    if (index > first) this.#pieces.add(runStart, end, first, index - first);
    this.#send(batch, outcomes);
    this.wires.flush();
    this.tally.seen += index;
  }

  /** What another Handler put on the device: the bytes are valid during the call only, so they are copied. */
  offer(buffer: Buffer, start: number, end: number): void {
    if (this.caps.any) this.caps.refill();
    for (let at = start; at < end; ) {
      const next = recordEnd(buffer, at);
      this.tally.last = undefined;
      const judged = this.#judge(buffer, at, next, false);
      this.tally.seen++;
      if (isRework(judged)) this.#rework(buffer, at, next, judged);
      else if (judged !== 'go') this.#drop(judged, buffer, at, next);
      else this.#copy(buffer, at, next);
      if (this.observer.captures) this.#seen(buffer, at, next);
      at = next;
    }
    this.wires.flush();
  }

  #copy(buffer: Buffer, at: number, next: number): void {
    const outbox = this.wires.outboxFor(buffer, at, next);
    if (outbox?.append(buffer, at, next)) this.tally.carry(1, next - frameOffset(buffer, at));
    else this.#drop(noRoom(outbox), buffer, at, next);
  }

  #drop(reason: TxReason, buffer: Buffer, at: number, next: number): void {
    this.tally.drop(reason);
    if (reason !== 'filtered') this.observer.dropped('tx', reason, buffer, at, next);
  }

  /** Tells what became of the frame that was dealt with last. */
  #seen(buffer: Buffer, at: number, next: number): void {
    this.observer.seen('tx', this.tally.last ?? 'carried', buffer, at, next);
  }

  #judge(buffer: Buffer, at: number, next: number, unfinished: boolean): Judgement {
    const judged = this.#check(buffer, at, next, unfinished);
    if (judged !== 'go' || !this.caps.any) return judged;
    const { bytes, frames } = wireCost(buffer, at, next);
    return this.caps.admit(bytes, isGroup(buffer, frameOffset(buffer, at)), frames) ? 'go' : 'rate';
  }

  /** All checks but those that take something: caps, and room at the wire. */
  #check(buffer: Buffer, at: number, next: number, unfinished: boolean): Judgement {
    const frame = frameOffset(buffer, at);
    const verdict = this.predicate(buffer, frame);
    if (verdict !== PASS) return verdict === L2CP ? 'l2cp' : 'filtered';
    if (this.ownWires.has(buffer, frame, next)) return 'own-wire';
    if (!this.wires.any) return 'no-carrier';
    const changed =
      unfinished && !isOffload(buffer, at) ? this.software.mend(buffer, at, next, this.terms.farMtu) : 'go';
    if (changed !== 'go') return changed;
    if (isOffload(buffer, at)) {
      if (next - frame > MAX_OFFLOAD_FRAME) return 'bad-offload';
      const remedy = remedyOf(buffer, at, next);
      if (remedy === 'cut') return 'cut';
      if (isGroupTcp(buffer, at)) return 'bad-offload';
      if (!this.terms.offload) return 'cut';
      if (remedy === 'start') return 'start';
      if (!isSuperFrame(buffer, at) && exceedsMtu(buffer, frame, next, this.terms.farMtu)) return 'too-big';
    } else if (exceedsMtu(buffer, frame, next, this.terms.farMtu)) {
      return 'too-big';
    }
    return 'go';
  }

  /** What would become of this record if the device read it now. Nothing is sent, counted or taken from a cap. */
  trace(buffer: Buffer, at: number, next: number): 'carried' | TxReason {
    const judged = this.#check(buffer, at, next, this.unfinished);
    if (judged !== 'go' && !isRework(judged)) return judged;
    const { software, terms, wires } = this;
    const fault = this.#tryRework(judged, buffer, at, next);
    if (fault !== undefined) return fault;
    if (this.caps.any) {
      this.caps.refill();
      if (!this.caps.opens(isGroup(buffer, frameOffset(buffer, at)))) return 'rate';
    }
    if (judged === 'mended' && !allFit(software.out, terms.farMtu)) return 'too-big';
    const bytes = judged === 'go' ? next - at : software.out.length;
    return wires.takes(buffer, at, next, bytes) ? 'carried' : 'queue-full';
  }

  #tryRework(judged: 'go' | Rework, buffer: Buffer, at: number, next: number): TxReason | undefined {
    if (judged === 'cut') return this.software.cut(buffer, at, next, this.terms.farMtu);
    return judged === 'start' ? this.software.start(buffer, at, next) : undefined;
  }

  /** One record that does not go out as it is. */
  #apart(
    batch: Batch,
    at: number,
    next: number,
    index: number,
    judged: Exclude<Judgement, 'go'>,
    outcomes: BatchOutcomes,
  ): void {
    if (isRework(judged)) {
      this.#send(batch, outcomes);
      if (this.#rework(batch.buffer, at, next, judged)) outcomes.sent(index, 1);
      else outcomes.missed(index, 1);
    } else {
      this.#drop(judged, batch.buffer, at, next);
      if (judged === 'l2cp' || judged === 'own-wire') outcomes.declined(index);
      else if (judged !== 'filtered') outcomes.missed(index, 1);
    }
  }

  /** Gives the pieces found so far to the wire. */
  #send(batch: Batch, outcomes: BatchOutcomes): void {
    const pieces = this.#pieces;
    const { frames } = pieces;
    if (frames === 0) return;
    for (const { outbox, runs } of this.wires.split(batch.buffer, pieces)) {
      this.#sendOver(outbox, batch, runs, outcomes);
    }
    pieces.clear();
  }

  #sendOver(outbox: Outbox, batch: Batch, runs: RecordRuns, outcomes: BatchOutcomes): void {
    if (outbox.slow) {
      this.#sendEach(outbox, batch.buffer, runs, outcomes);
      return;
    }
    const { frames } = runs;
    const taken = outbox.send(batch, runs, this.heldBatches);
    if (taken < frames) this.#dropRest(noRoom(outbox), batch.buffer, runs, taken);
    this.tally.carry(taken, taken === frames ? runs.bytes : bytesOf(batch.buffer, runs, taken));
    for (let run = 0, left = taken; run < runs.count; run++) {
      const first = runs.firstOf(run);
      const count = runs.recordsOf(run);
      const sent = Math.min(left, count);
      outcomes.sent(first, sent);
      outcomes.missed(first + sent, count - sent);
      left -= sent;
    }
  }

  /** All but the first `taken` records. */
  #dropRest(reason: TxReason, buffer: Buffer, runs: RecordRuns, taken: number): void {
    let left = taken;
    for (let run = 0; run < runs.count; run++) {
      for (let at = runs.startOf(run); at < runs.endOf(run); left--) {
        const next = recordEnd(buffer, at);
        if (left <= 0) this.#drop(reason, buffer, at, next);
        at = next;
      }
    }
  }

  /** Over a slow wire: which frames find room hangs on their flows. */
  #sendEach(outbox: Outbox, buffer: Buffer, runs: RecordRuns, outcomes: BatchOutcomes): void {
    for (let run = 0; run < runs.count; run++) {
      const end = runs.endOf(run);
      let index = runs.firstOf(run);
      for (let at = runs.startOf(run); at < end; index++) {
        const next = recordEnd(buffer, at);
        if (outbox.append(buffer, at, next)) {
          this.tally.carry(1, next - frameOffset(buffer, at));
          outcomes.sent(index, 1);
        } else {
          this.#drop(noRoom(outbox), buffer, at, next);
          outcomes.missed(index, 1);
        }
        at = next;
      }
    }
    outbox.flush();
  }

  /**
   * Makes real, finished frames of one record and sends them: all of them or none. Not ahead of the pieces found
   * before, which the caller has sent. @returns whether they were taken
   */
  #rework(buffer: Buffer, at: number, next: number, how: Rework): boolean {
    const drop = this.#reworked(buffer, at, next, how);
    if (drop === undefined) this.tally.carry(1, next - frameOffset(buffer, at));
    else this.#drop(drop, buffer, at, next);
    return drop === undefined;
  }

  #reworked(buffer: Buffer, at: number, next: number, how: Rework): TxReason | undefined {
    const { software, terms } = this;
    const frame = frameOffset(buffer, at);
    if (how === 'start') return this.#started(buffer, at, next);
    const fault = how === 'cut' ? software.cut(buffer, at, next, terms.farMtu) : undefined;
    if (fault !== undefined) return fault;
    const { out } = software;
    const bytes = out.length - out.records * HEADER_BYTES;
    if (this.caps.any && !this.caps.admit(bytes, isGroup(buffer, frame), out.records)) return 'rate';
    if (how === 'mended' && !allFit(out, terms.farMtu)) return 'too-big';
    // What was made of one frame goes the way of that frame.
    const outbox = this.wires.outboxFor(buffer, at, next);
    if (!outbox?.fits(buffer, at, next, out.length, terms.farMtu + LONGEST_HEADERS)) return noRoom(outbox);
    for (let from = 0; from < out.length; ) {
      const to = recordEnd(out.buffer, from);
      outbox.append(out.buffer, from, to);
      from = to;
    }
    return undefined;
  }

  /** Sends a super-frame with its checksum started anew. */
  #started(buffer: Buffer, at: number, next: number): TxReason | undefined {
    const { software } = this;
    const fault = software.start(buffer, at, next);
    if (fault !== undefined) return fault;
    const { out } = software;
    if (this.caps.any) {
      const { bytes, frames } = wireCost(out.buffer, 0, out.length);
      if (!this.caps.admit(bytes, isGroup(out.buffer, frameOffset(out.buffer, 0)), frames)) return 'rate';
    }
    const outbox = this.wires.outboxFor(out.buffer, 0, out.length);
    return outbox?.append(out.buffer, 0, out.length) ? undefined : noRoom(outbox);
  }
}

function isRework(judged: Judgement): judged is Rework {
  return judged === 'cut' || judged === 'start' || judged === 'mended';
}

function noRoom(outbox: Outbox | undefined): 'queue-full' | 'no-carrier' {
  return outbox?.open ? 'queue-full' : 'no-carrier';
}

function isOffload(buffer: Buffer, at: number): boolean {
  return buffer[at] === OFFLOAD;
}

function allFit(out: RecordWriter, mtu: number): boolean {
  for (let at = 0; at < out.length; at = recordEnd(out.buffer, at)) {
    if (exceedsMtu(out.buffer, at + HEADER_BYTES, recordEnd(out.buffer, at), mtu)) return false;
  }
  return true;
}

/** Bytes of Ethernet frames in the first `count` records of these pieces. */
function bytesOf(buffer: Buffer, pieces: RecordRuns, count: number): number {
  let bytes = 0;
  let left = count;
  for (let piece = 0; piece < pieces.count; piece++) {
    for (let at = pieces.startOf(piece); at < pieces.endOf(piece) && left > 0; left--) {
      const next = recordEnd(buffer, at);
      bytes += next - frameOffset(buffer, at);
      at = next;
    }
  }
  return bytes;
}
