/**
 * What became of every frame. Nothing is dropped without being counted, and the counts add up exactly:
 *
 *     each Handler, device → peer   txSeen = txFrames + Σ txDropped
 *     each Handler, peer → device   rxSeen = rxFrames + Σ rxDropped
 *     each segment, read            read = carried + lost + unwanted
 *     each segment, write           toDevice = written + queueFull + refused + badOffload
 *
 * A Handler counts records as they came: a super-frame that is cut into real segments on its way counts as one
 * frame, and as dropped when any part of it was. A segment's write side counts what its device was given.
 *
 * | reason         | tx | rx | the frame … |
 * | -------------- | -- | -- | ----------- |
 * | filtered       | x  | x  | is not one that the Handler's role and MAC addresses let through |
 * | spoofed        |    | x  | has a source address that the peer may not use |
 * | loop           |    | x  | comes from a VM of a HOST Handler on this same segment, so it has gone round |
 * | l2cp           | x  | x  | is a link-local control frame and `l2cp=off` |
 * | own-wire       | x  | x  | is one of a wire of this very server (own-wires.ts) |
 * | no-carrier     | x  |    | came while the Handler had no wire |
 * | too-big        | x  | x  | or one of its segments, is longer than the MTU of the far (tx) or own (rx) device |
 * | merged         | x  |    | is several datagrams in one, from a pcap device, which does not tell where to cut them |
 * | bad-offload    | x  | x  | has a virtio header that cannot be true |
 * | rate           | x  | x  | is over `rate=` or `bcast-rate=` |
 * | queue-full     | x  | x  | found the wire (tx) or the device (rx) behind by more than its bound |
 * | device-refused |    | x  | was refused by the device, because it is down or gone |
 * | tag-too-long   |    | x  | was refused by a captured device, which takes just one VLAN tag beside the MTU, of TPID 0x8100 |
 */
export const TX_REASONS = [
  'filtered',
  'l2cp',
  'own-wire',
  'no-carrier',
  'too-big',
  'merged',
  'bad-offload',
  'rate',
  'queue-full',
] as const;
export type TxReason = (typeof TX_REASONS)[number];

export const RX_REASONS = [
  'filtered',
  'spoofed',
  'loop',
  'l2cp',
  'own-wire',
  'too-big',
  'bad-offload',
  'rate',
  'queue-full',
  'device-refused',
  'tag-too-long',
] as const;
export type RxReason = (typeof RX_REASONS)[number];

/** Counters of one Handler since it was attached. Bytes are those of Ethernet frames, without record headers. */
export interface PathCounters {
  /** Frames and bytes peer → device that the device took. */
  readonly rxFrames: number;
  readonly rxBytes: number;
  /** Frames and bytes device → peer that were given to the wire. */
  readonly txFrames: number;
  readonly txBytes: number;
  /** Frames that the peer sent. */
  readonly rxSeen: number;
  /** Frames that were on the segment, this Handler's own left out. */
  readonly txSeen: number;
  readonly rxDropped: Readonly<Record<RxReason, number>>;
  readonly txDropped: Readonly<Record<TxReason, number>>;
}

/** Counters of one open device. */
export interface SegmentCounters {
  /** Records that came from the device, and their bytes, those of record headers with them. */
  readonly read: number;
  readonly readBytes: number;
  /** Of these: given to at least one wire; wanted by a Handler but dropped by all that wanted it; wanted by none. */
  readonly carried: number;
  readonly lost: number;
  readonly unwanted: number;
  /** Frames that the kernel dropped before they were read. */
  readonly kernelDrops: number;
  /** Records given to the device to write, and what became of them. */
  readonly toDevice: number;
  readonly written: number;
  readonly writtenBytes: number;
  readonly queueFull: number;
  readonly refused: number;
  readonly badOffload: number;
}

/** One direction of one Handler: numbers that are quick to add to. */
export class DirectionCounters<Reason extends string> {
  seen = 0;
  frames = 0;
  bytes = 0;
  /** The reason of the last drop, for those who clear it before. */
  last: Reason | undefined;
  readonly dropped: Record<Reason, number>;

  constructor(reasons: readonly Reason[]) {
    this.dropped = Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<Reason, number>;
  }

  drop(reason: Reason, frames = 1): void {
    this.dropped[reason] += frames;
    this.last = reason;
  }

  carry(frames: number, bytes: number): void {
    this.frames += frames;
    this.bytes += bytes;
  }
}

const MISSED = 1;
const SENT = 2;
const DECLINED = 3;

/**
 * What became of each record of one batch over all Handlers of a segment. A record that one of them sent is carried,
 * however many others dropped it.
 */
export class BatchOutcomes {
  carried = 0;
  lost = 0;
  #marks = new Uint8Array(1024);

  begin(frames: number): void {
    if (this.#marks.length < frames) this.#marks = new Uint8Array(2 * frames);
    // Not `fill`: a batch is one frame most of the time.
    else for (let i = 0; i < frames; i++) this.#marks[i] = 0;
  }

  /** Whether a Handler answers for record number `index`, whatever became of it. */
  answeredFor(index: number): boolean {
    return this.#marks[index] !== 0;
  }

  /** `count` records from number `first` on were given to a wire. */
  sent(first: number, count: number): void {
    for (let i = first; i < first + count; i++) {
      const mark = this.#marks[i]!;
      if (mark === SENT) continue;
      this.carried++;
      if (mark === MISSED) this.lost--;
      this.#marks[i] = SENT;
    }
  }

  /** They were wanted by a Handler that could not send them. */
  missed(first: number, count: number): void {
    for (let i = first; i < first + count; i++) {
      const mark = this.#marks[i]!;
      if (mark === SENT || mark === MISSED) continue;
      this.lost++;
      this.#marks[i] = MISSED;
    }
  }

  /** A Handler says that frames such as that one are not carried: it is wanted by none for that. */
  declined(index: number): void {
    this.#marks[index] ||= DECLINED;
  }
}
