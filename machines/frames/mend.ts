/**
 * For captures without a virtio header: the kernel hands them super-frames, and frames whose TCP or UDP checksum is
 * only started (CHECKSUM_PARTIAL), without telling. Both can be seen in the frame itself:
 *
 * - longer than the MTU: nothing on the wire is, so it is a super-frame;
 * - the checksum field holds the sum of the pseudo header, not complemented, and the real checksum is another one.
 *
 * A frame with any other wrong checksum is left as it is: it came wrong, and its receiver shall see that.
 */
import { finish, finishUdp, fold, pseudoSum, sum } from './checksum.ts';
import { SCTP_CHECKSUM, SCTP_HEADER_BYTES, sctpChecksum } from './crc32c.ts';
import { cut } from './cut.ts';
import { etherTypeOffset, exceedsMtu } from './ethernet.ts';
import { dataOffset, IpLayout, locate, SCTP, TCP, UDP } from './parse-ip.ts';
import { HEADER_BYTES } from './records.ts';
import { locateTransport, OuterHeaders } from './tunnel.ts';
import { LEAST_TCP_SEGMENT } from './virtio.ts';
import type { RecordWriter } from './writer.ts';

const layout = new IpLayout();
const outer = new OuterHeaders();

/** Longer than the MTU and not to be cut; several datagrams in one, of a size that nobody knows. */
type Unfit = 'too-big' | 'merged';

/**
 * Looks at the FRAME record in `[start, end)` from a device with this MTU, for a far one with that. TCP super-frames, and
 * all TCP that is too long for the far end, become segments as long as both MTUs take. A UDP super-frame does not tell
 * the size of its datagrams, and one that was to be fragmented looks no other: it is `merged`. The same goes for what is
 * in a tunnel, as far as its shape is known (tunnel.ts).
 * @returns 0 when the record is right as it is and nothing was appended, else the number of records appended in its
 *   place; why not, where it is longer than the device's MTU and cannot be cut
 */
export function mend(
  buffer: Buffer,
  start: number,
  end: number,
  mtu: number,
  farMtu: number,
  out: RecordWriter,
): number | Unfit {
  const frame = start + HEADER_BYTES;
  const long = exceedsMtu(buffer, frame, end, mtu);
  const there = locate(buffer, frame, end, layout) || locateTransport(buffer, frame, end, -1, layout, outer);
  if (!there || layout.fragment || layout.authenticated) return long ? 'too-big' : 0;
  if (long) return cutUp(buffer, frame, Math.min(mtu, farMtu), out);
  if (exceedsMtu(buffer, frame, end, farMtu)) return shorten(buffer, frame, farMtu, out);
  return completeStarted(buffer, frame, end, out) || completeInner(buffer, frame, end, out);
}

function cutUp(buffer: Buffer, frame: number, mtu: number, out: RecordWriter): number | Unfit {
  const packet = etherTypeOffset(buffer, frame, layout.packetEnd) + 2;
  if (!descend(buffer, frame)) return 'too-big';
  const { l3, packetEnd, declared, protocol } = layout;
  const data = dataOffset(buffer, layout);
  if (data < 0 || packetEnd - packet <= mtu || l3 + declared > packetEnd) return 'too-big';
  if (protocol === UDP) return declared === 0 ? 'too-big' : 'merged';
  const room = mtu - (data - packet) + (layout.jumbo < 0 ? 0 : 8);
  if (room < LEAST_TCP_SEGMENT || data === packetEnd) return 'too-big';
  return cut(buffer, frame, layout, data, packetEnd, room, out, outer);
}

/**
 * A frame between the two MTUs: a super-frame of short segments, or a long segment, for which smaller ones are as good.
 * One that came wrong is not made good by that, and stays.
 */
function shorten(buffer: Buffer, frame: number, farMtu: number, out: RecordWriter): number {
  if (!descend(buffer, frame) || layout.protocol !== TCP || layout.routed) return 0;
  if (dataOffset(buffer, layout) < 0 || (!isRight(buffer, layout) && startedChecksum(buffer, layout) < 0))
    return 0;
  const made = cutUp(buffer, frame, farMtu, out);
  return typeof made === 'number' ? made : 0;
}

/** Goes on to the innermost packet of a tunnel. @returns whether there is one, and it could be cut */
function descend(buffer: Buffer, frame: number): boolean {
  if (!locateTransport(buffer, frame, layout.packetEnd, -1, layout, outer)) return false;
  return !layout.fragment && !layout.authenticated;
}

/** The outer checksum is right as soon as the inner one is: the kernel has made it so (lco_csum of linux/skbuff.h). */
function completeInner(buffer: Buffer, frame: number, end: number, out: RecordWriter): number {
  if (!descend(buffer, frame) || outer.count === 0) return 0;
  return completeStarted(buffer, frame, end, out);
}

function completeStarted(buffer: Buffer, frame: number, end: number, out: RecordWriter): number {
  const { l3, l4, declared, protocol } = layout;
  if (protocol === SCTP) return completeSctp(buffer, frame, end, out);
  if (protocol !== TCP && protocol !== UDP) return 0;
  if (layout.routed || declared === 0 || l3 + declared > end || dataOffset(buffer, layout) < 0) return 0;
  const checksum = startedChecksum(buffer, layout);
  if (checksum < 0) return 0;
  const at = out.frame(buffer, frame, end);
  out.buffer.writeUInt16BE(checksum, at + l4 - frame + (protocol === TCP ? 16 : 6));
  return 1;
}

/** The kernel leaves 0 in the field. One time in four milliards that is right, and stays. */
function completeSctp(buffer: Buffer, frame: number, end: number, out: RecordWriter): number {
  const { l3, l4, declared, packetEnd } = layout;
  if (declared === 0 || l3 + declared > end || l4 + SCTP_HEADER_BYTES > packetEnd) return 0;
  if (buffer.readUInt32LE(l4 + SCTP_CHECKSUM) !== 0) return 0;
  const checksum = sctpChecksum(buffer, l4, packetEnd);
  if (checksum === 0) return 0;
  const at = out.frame(buffer, frame, end);
  out.buffer.writeUInt32LE(checksum, at + l4 - frame + SCTP_CHECKSUM);
  return 1;
}

/** Whether the checksum of a TCP packet is right as it stands. */
function isRight(buffer: Buffer, { l3, l4, version, protocol, packetEnd }: IpLayout): boolean {
  const pseudo = pseudoSum(buffer, l3, version, protocol) + (packetEnd - l4);
  return fold(pseudo + sum(buffer, l4, packetEnd)) === 0xffff;
}

/** The right checksum of a packet whose checksum is only started; -1 when it is not. */
function startedChecksum(buffer: Buffer, { l3, l4, version, protocol, packetEnd }: IpLayout): number {
  const field = l4 + (protocol === TCP ? 16 : 6);
  const stands = (buffer[field]! << 8) | buffer[field + 1]!;
  const pseudo = pseudoSum(buffer, l3, version, protocol) + (packetEnd - l4);
  if (fold(pseudo) !== stands) return -1;
  const withField = sum(buffer, l4, packetEnd);
  if (fold(pseudo + withField) === 0xffff) return -1;
  const total = pseudo + withField + (~stands & 0xffff);
  return protocol === TCP ? finish(total) : finishUdp(total);
}
