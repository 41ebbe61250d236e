/**
 * Peer → device, for one Handler: checks what the peer sent, puts what passes on the segment, in runs as long as can
 * be and without a copy.
 *
 * Checks, in this order: role and link-local control (`spoofed`, `filtered`, `loop`, `l2cp`), wires of our own
 * (`own-wire`), virtio header (`bad-offload`), own MTU (`too-big`), caps (`rate`), and then what the device says
 * (`queue-full`, `device-refused`, `tag-too-long`, `bad-offload`).
 */
import type { WriteOutcome } from '../../io/ports.ts';
import { exceedsMtu, isGroup } from '../../machines/frames/ethernet.ts';
import { type Predicate, VERDICTS } from '../../machines/frames/predicates.ts';
import { FRAME, frameOffset, recordEnd } from '../../machines/frames/records.ts';
import { DirectionCounters, RX_REASONS, type RxReason } from './counters.ts';
import { NOBODY, type PathObserver } from './observer.ts';
import type { OwnWires } from './own-wires.ts';
import type { RateLimits } from './rate-limits.ts';
import { isDatagrams, judgeOffload, type SoftwareOffload, wireCost } from './software-offload.ts';
import type { Run } from './wire.ts';

/** The segment, as the inbound side needs it. */
export interface Egress {
  readonly mtu: number;
  readonly takesOffload: boolean;
  /** Whether a device that takes super-frames has taken a UDP one (kernels before 6.2 do not, and tell by EINVAL). */
  takesDatagrams: boolean;
  /** Puts whole records on the device. The outcome is valid until the next call. */
  write(buffer: Buffer, start: number, end: number, count: number): WriteOutcome;
  /** Offers the same records to the other Handlers. */
  offer(buffer: Buffer, start: number, end: number): void;
}

type Accepted = 'go' | 'try' | 'start' | 'cut';
type Judgement = Accepted | RxReason;

const REASON_OF_VERDICT: readonly (RxReason | undefined)[] = VERDICTS.map((verdict) =>
  verdict === 'pass' ? undefined : verdict === 'unselected' ? 'filtered' : verdict,
);

export class Inbound {
  readonly tally = new DirectionCounters(RX_REASONS);

  constructor(
    private readonly predicate: Predicate,
    private readonly caps: RateLimits,
    private readonly software: SoftwareOffload,
    private readonly shore: Egress,
    private readonly ownWires: OwnWires,
    private readonly observer: PathObserver = NOBODY,
  ) {}

  /** What the peer sent. The bytes are valid during the call only. */
  run({ buffer, start, end }: Run): void {
    if (this.caps.any) this.caps.refill();
    const { captures } = this.observer;
    let runStart = start;
    let count = 0;
    let bytes = 0;
    for (let at = start; at < end; ) {
      const next = recordEnd(buffer, at);
      if (captures) this.tally.last = undefined;
      const judged = this.#judge(buffer, at, next);
      this.tally.seen++;
      if (judged === 'go') {
        count++;
        bytes += next - frameOffset(buffer, at);
        if (captures) {
          this.#put(buffer, at, next, 1, bytes);
          runStart = next;
          count = 0;
          bytes = 0;
        }
      } else {
        this.#put(buffer, runStart, at, count, bytes);
        if (judged === 'cut') this.#cut(buffer, at, next);
        else if (judged === 'start') this.#start(buffer, at, next);
        else if (judged === 'try') this.#try(buffer, at, next);
        else this.#drop(judged, buffer, at, next);
        runStart = next;
        count = 0;
        bytes = 0;
      }
      if (captures) this.observer.seen('rx', this.tally.last ?? 'carried', buffer, at, next);
      at = next;
    }
    this.#put(buffer, runStart, end, count, bytes);
  }

  #drop(reason: RxReason, buffer: Buffer, at: number, next: number): void {
    this.tally.drop(reason);
    this.observer.dropped('rx', reason, buffer, at, next);
  }

  /**
   * What would become of this record if the other end sent it now, as far as the device lets tell before it has it.
   * Nothing is put on the device, counted or taken from a cap.
   */
  trace(buffer: Buffer, at: number, next: number): 'carried' | RxReason {
    const judged = this.#check(buffer, at, next);
    if (!isAccepted(judged)) return judged;
    const fault = this.#tryRework(judged, buffer, at, next);
    if (fault !== undefined) return fault;
    if (!this.caps.any) return 'carried';
    this.caps.refill();
    return this.caps.opens(isGroup(buffer, frameOffset(buffer, at))) ? 'carried' : 'rate';
  }

  #tryRework(judged: Accepted, buffer: Buffer, at: number, next: number): RxReason | undefined {
    if (judged === 'cut') return this.software.cut(buffer, at, next, this.shore.mtu);
    return judged === 'start' ? this.software.start(buffer, at, next) : undefined;
  }

  #judge(buffer: Buffer, at: number, next: number): Judgement {
    const judged = this.#check(buffer, at, next);
    if (!this.caps.any || !isAccepted(judged)) return judged;
    const { bytes, frames } = wireCost(buffer, at, next);
    return this.caps.admit(bytes, isGroup(buffer, frameOffset(buffer, at)), frames) ? judged : 'rate';
  }

  /** All checks but the caps. */
  #check(buffer: Buffer, at: number, next: number): Judgement {
    const frame = frameOffset(buffer, at);
    const refused = REASON_OF_VERDICT[this.predicate(buffer, frame)];
    if (refused !== undefined) return refused;
    if (this.ownWires.has(buffer, frame, next)) return 'own-wire';
    return this.#judgeLength(buffer, at, frame, next);
  }

  #judgeLength(buffer: Buffer, at: number, frame: number, next: number): Judgement {
    const { mtu, takesOffload, takesDatagrams } = this.shore;
    if (buffer[at] === FRAME) return exceedsMtu(buffer, frame, next, mtu) ? 'too-big' : 'go';
    const judged = judgeOffload(buffer, at, next, mtu);
    if (judged !== 'go' && judged !== 'start') return judged;
    if (!takesOffload) return 'cut';
    if (judged === 'start') return takesDatagrams || !isDatagrams(buffer, at, next) ? 'start' : 'cut';
    return takesDatagrams || !isDatagrams(buffer, at, next) ? 'go' : 'try';
  }

  /** Puts a run on the device as it stands, then before the other Handlers. */
  #put(buffer: Buffer, start: number, end: number, count: number, bytes: number): void {
    if (count === 0) return;
    this.#count(this.shore.write(buffer, start, end, count), count, bytes, buffer, start, end);
    this.shore.offer(buffer, start, end);
  }

  /**
   * The first UDP super-frame that the device takes shows that it takes such. One that it does not take shows nothing
   * of the others: it may be wrong itself.
   */
  #try(buffer: Buffer, at: number, next: number): void {
    const { shore } = this;
    const outcome = shore.write(buffer, at, next, 1);
    if (outcome.badOffload > 0) {
      this.#cut(buffer, at, next);
      return;
    }
    if (outcome.written > 0) shore.takesDatagrams = true;
    this.#count(outcome, 1, next - frameOffset(buffer, at), buffer, at, next);
    shore.offer(buffer, at, next);
  }

  /** Puts a super-frame on the device with its checksum started anew. */
  #start(buffer: Buffer, at: number, next: number): void {
    const { out } = this.software;
    const fault = this.software.start(buffer, at, next);
    if (fault !== undefined) {
      this.#drop(fault, buffer, at, next);
      return;
    }
    this.#count(
      this.shore.write(out.buffer, 0, out.length, 1),
      1,
      next - frameOffset(buffer, at),
      buffer,
      at,
      next,
    );
    this.shore.offer(buffer, at, next);
  }

  #count(
    outcome: WriteOutcome,
    count: number,
    bytes: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    const { written, badOffload, queueFull, refused, tooLong } = outcome;
    this.tally.carry(written, written === count ? bytes : outcome.writtenBytes);
    if (written === count) return;
    if (badOffload > 0) this.tally.drop('bad-offload', badOffload);
    if (queueFull > 0) this.tally.drop('queue-full', queueFull);
    if (refused > tooLong) this.tally.drop('device-refused', refused - tooLong);
    if (tooLong > 0) this.tally.drop('tag-too-long', tooLong);
    this.#tellRefused(worst(outcome), count - written, count, buffer, start, end);
  }

  /** The device does not say which of a run it did not take: when it is full or down, those behind the others. */
  #tellRefused(
    reason: RxReason,
    refused: number,
    count: number,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    let left = count - refused;
    for (let at = start; at < end; left--) {
      const next = recordEnd(buffer, at);
      if (left <= 0) this.observer.dropped('rx', reason, buffer, at, next);
      at = next;
    }
  }

  /**
   * Cuts a super-frame for a device that takes none, or none with such long segments. It counts as one frame, lost if
   * any part of it was.
   */
  #cut(buffer: Buffer, at: number, next: number): void {
    const { out } = this.software;
    const fault = this.software.cut(buffer, at, next, this.shore.mtu);
    if (fault !== undefined) {
      this.#drop(fault, buffer, at, next);
      return;
    }
    const outcome = this.shore.write(out.buffer, 0, out.length, out.records);
    if (outcome.written === out.records) this.tally.carry(1, next - frameOffset(buffer, at));
    else this.#drop(worst(outcome), buffer, at, next);
    this.shore.offer(buffer, at, next);
  }
}

const ACCEPTED: ReadonlySet<string> = new Set(['go', 'try', 'start', 'cut'] satisfies Accepted[]);

function isAccepted(judged: Judgement): judged is Accepted {
  return ACCEPTED.has(judged);
}

function worst(outcome: WriteOutcome): RxReason {
  if (outcome.queueFull > 0) return 'queue-full';
  if (outcome.tooLong > 0) return 'tag-too-long';
  return outcome.refused > 0 ? 'device-refused' : 'bad-offload';
}
