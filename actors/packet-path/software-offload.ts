/**
 * What is done in software where an end does not take super-frames, or a capture hands over unfinished ones.
 * One instance serves a whole segment; its output is good until the next call.
 */
import { etherTypeOffset, exceedsMtu, hasForeignTag, isGroup } from '../../machines/frames/ethernet.ts';
import { mend } from '../../machines/frames/mend.ts';
import { frameOffset, HEADER_BYTES, OFFLOAD, VNET_HEADER_BYTES } from '../../machines/frames/records.ts';
import { remedyOf, startChecksum, transportOf } from '../../machines/frames/remedy.ts';
import { segment } from '../../machines/frames/segment.ts';
import { checkOffload, GSO_NONE, GSO_UDP_L4, isSuperFrame } from '../../machines/frames/virtio.ts';
import { RecordWriter } from '../../machines/frames/writer.ts';

const UDP_HEADER_BYTES = 8;

export class SoftwareOffload {
  #out: RecordWriter | undefined;

  constructor(private readonly device: { readonly mtu: number }) {}

  /** The records made by the last `cut`, `start` or `mend`: of `start` an OFFLOAD record, else FRAME records. */
  get out(): RecordWriter {
    this.#out ??= new RecordWriter();
    return this.#out;
  }

  /** Makes real, finished frames that fit `mtu` of an OFFLOAD record. @returns what is wrong, if anything is */
  cut(buffer: Buffer, at: number, next: number, mtu: number): 'bad-offload' | 'too-big' | undefined {
    this.out.reset();
    const made = segment(buffer, at, next, mtu, this.out);
    return typeof made === 'string' ? made : undefined;
  }

  /** Makes the same super-frame with a checksum that is only started. @returns what is wrong, if anything is */
  start(buffer: Buffer, at: number, next: number): 'bad-offload' | undefined {
    this.out.reset();
    return startChecksum(buffer, at, next, this.out);
  }

  /**
   * Finishes a FRAME record as a capture without virtio header hands it over.
   * @returns `go` when it is right as it stands
   */
  mend(buffer: Buffer, at: number, next: number, farMtu: number): 'go' | 'mended' | 'too-big' | 'merged' {
    this.out.reset();
    const made = mend(buffer, at, next, this.device.mtu, farMtu, this.out);
    if (made === 0) return 'go';
    return typeof made === 'number' ? 'mended' : made;
  }
}

/**
 * What to do with an OFFLOAD record from a peer, for a device that takes them: nothing, to start its checksum, to cut it
 * because its segments are longer than the device's MTU or the kernel would not look behind its tag or into its tunnel,
 * or to drop it.
 */
export function judgeOffload(
  buffer: Buffer,
  at: number,
  next: number,
  mtu: number,
): 'go' | 'start' | 'cut' | 'bad-offload' | 'too-big' {
  if (checkOffload(buffer, at, next) !== true) return 'bad-offload';
  const remedy = remedyOf(buffer, at, next);
  if (remedy === 'cut') return 'cut';
  if (isGroupTcp(buffer, at)) return 'bad-offload';
  const virtio = at + HEADER_BYTES;
  const frame = virtio + VNET_HEADER_BYTES;
  const type = buffer[virtio + 1]!;
  if (type === GSO_NONE) return exceedsMtu(buffer, frame, next, mtu) ? 'too-big' : 'go';
  const l4 = transportOf(buffer, at, next);
  const data = l4 + (type === GSO_UDP_L4 ? UDP_HEADER_BYTES : (buffer[l4 + 12]! >> 4) * 4);
  const longest = Math.min(read16LE(buffer, virtio + 4), next - data);
  const l3 = etherTypeOffset(buffer, frame, next) + 2;
  if (data - l3 + longest > mtu || hasForeignTag(buffer, frame, next)) return 'cut';
  return remedy === 'start' ? 'start' : 'go';
}

/** Whether the OFFLOAD record is a super-frame of several UDP datagrams. */
export function isDatagrams(buffer: Buffer, at: number, next: number): boolean {
  if (buffer[at + HEADER_BYTES + 1] !== GSO_UDP_L4) return false;
  const l4 = transportOf(buffer, at, next);
  return next - l4 - UDP_HEADER_BYTES > read16LE(buffer, at + HEADER_BYTES + 4);
}

/** A super-frame of TCP to a group address: nobody has such a connection, it is a flood in one record. */
export function isGroupTcp(buffer: Buffer, at: number): boolean {
  const type = buffer[at + HEADER_BYTES + 1]!;
  return type !== GSO_NONE && type !== GSO_UDP_L4 && isGroup(buffer, at + HEADER_BYTES + VNET_HEADER_BYTES);
}

/** What a record is on a wire that knows no super-frames. */
export interface WireCost {
  frames: number;
  /** Of Ethernet frames. */
  bytes: number;
}

const cost: WireCost = { frames: 1, bytes: 0 };

/** Segments that come out of a record, and their bytes with a header each. The same object each time. */
export function wireCost(buffer: Buffer, at: number, next: number): WireCost {
  const frame = frameOffset(buffer, at);
  cost.frames = 1;
  cost.bytes = next - frame;
  if (buffer[at] !== OFFLOAD || !isSuperFrame(buffer, at)) return cost;
  const virtio = at + HEADER_BYTES;
  const l4 = transportOf(buffer, at, next);
  if (l4 + 12 >= next) return cost;
  const data =
    l4 + (buffer[virtio + 1] === GSO_UDP_L4 ? UDP_HEADER_BYTES : Math.max(5, buffer[l4 + 12]! >> 4) * 4);
  const size = Math.max(1, read16LE(buffer, virtio + 4));
  cost.frames = Math.max(1, Math.ceil((next - data) / size));
  cost.bytes += (cost.frames - 1) * (data - frame);
  return cost;
}

function read16LE(buffer: Buffer, at: number): number {
  return buffer[at]! | (buffer[at + 1]! << 8);
}
