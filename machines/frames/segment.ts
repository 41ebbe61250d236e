/**
 * For devices that do not take super-frames: makes of one OFFLOAD record what would be on a wire.
 */
import { finish, sum } from './checksum.ts';
import { SCTP_CHECKSUM, sctpChecksum } from './crc32c.ts';
import { cut } from './cut.ts';
import { etherTypeOffset, exceedsMtu } from './ethernet.ts';
import { dataOffset, IpLayout, TCP } from './parse-ip.ts';
import { HEADER_BYTES, VNET_HEADER_BYTES } from './records.ts';
import { OuterHeaders } from './tunnel.ts';
import {
  checkOffload,
  GSO_NONE,
  isStartedSctp,
  LEAST_TCP_SEGMENT,
  locateSuper,
  NEEDS_CSUM,
  newVirtio,
  readVirtio,
  type VirtioHeader,
} from './virtio.ts';
import type { RecordWriter } from './writer.ts';

const header = newVirtio();
const layout = new IpLayout();
const outer = new OuterHeaders();

/**
 * Appends FRAME records that fit `mtu` and have finished checksums for the OFFLOAD record in `[start, end)`, record
 * header included. TCP data goes in segments of gso_size, or fewer bytes where the MTU does not take them; datagrams
 * keep their size.
 * @returns number of records; `bad-offload` when the virtio header is not right; `too-big` when it cannot be made to
 *   fit. In both these cases nothing is appended.
 */
export function segment(
  buffer: Buffer,
  start: number,
  end: number,
  mtu: number,
  out: RecordWriter,
): number | 'bad-offload' | 'too-big' {
  if (checkOffload(buffer, start, end) !== true) return 'bad-offload';
  const frame = start + HEADER_BYTES + VNET_HEADER_BYTES;
  readVirtio(buffer, start + HEADER_BYTES, header);
  if (header.gsoType === GSO_NONE) {
    if (exceedsMtu(buffer, frame, end, mtu)) return 'too-big';
    return complete(buffer, frame, end, header, out);
  }
  locateSuper(buffer, frame, end, header, layout, outer);
  const data = dataOffset(buffer, layout);
  const room = mtu - (data - (etherTypeOffset(buffer, frame, end) + 2));
  if (layout.protocol !== TCP) {
    // The last datagram may be the only one, and a short one.
    if (Math.min(header.gsoSize, end - data) > room) return 'too-big';
    return cut(buffer, frame, layout, data, end, header.gsoSize, out, outer);
  }
  if (room < LEAST_TCP_SEGMENT) return 'too-big';
  return cut(buffer, frame, layout, data, end, Math.min(header.gsoSize, room), out, outer);
}

/** Copies a frame that is no super-frame, and finishes its checksum if it is only started. */
function complete(
  buffer: Buffer,
  frame: number,
  end: number,
  { flags, csumStart, csumOffset }: VirtioHeader,
  out: RecordWriter,
): 1 {
  const at = out.frame(buffer, frame, end);
  if (isStartedSctp(buffer, frame, end, header, layout)) {
    const checksum = sctpChecksum(buffer, layout.l4, layout.packetEnd);
    out.buffer.writeUInt32LE(checksum, at + csumStart + SCTP_CHECKSUM);
  } else if ((flags & NEEDS_CSUM) !== 0) {
    // 0 means in UDP that there is no checksum; 0xffff is as good for the other protocols (skb_checksum_help).
    const checksum = finish(sum(buffer, frame + csumStart, end)) || 0xffff;
    out.buffer.writeUInt16BE(checksum, at + csumStart + csumOffset);
  }
  return 1;
}
