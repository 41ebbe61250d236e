/**
 * The header of an OFFLOAD record: `virtio_net_hdr_v1` of linux/virtio_net.h (VIRTIO 1.2, 5.1.6), little-endian.
 * Offsets in it count from the Ethernet frame's first byte, VLAN tags included.
 *
 *     0      1         2           4           6             8              10             12
 *     +------+---------+-----------+-----------+-------------+--------------+--------------+
 *     |flags |gso_type |  hdr_len  | gso_size  | csum_start  | csum_offset  | num_buffers  |
 *     +------+---------+-----------+-----------+-------------+--------------+--------------+
 */

import { SCTP_CHECKSUM, SCTP_HEADER_BYTES } from './crc32c.ts';
import { etherTypeOffset } from './ethernet.ts';
import { dataOffset, IpLayout, SCTP, TCP, UDP } from './parse-ip.ts';
import { HEADER_BYTES, MAX_OFFLOAD_FRAME, VNET_HEADER_BYTES } from './records.ts';
import { locateTransport, OuterHeaders } from './tunnel.ts';

/** flags: the checksum at csum_start + csum_offset holds the pseudo header's sum only and is to be finished. */
export const NEEDS_CSUM = 1;

export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
/** UDP datagrams of gso_size bytes each (USO). The older type 3, one datagram to be fragmented, is not taken. */
export const GSO_UDP_L4 = 5;
/** May stand beside a TCP type: the first segment has CWR. */
export const GSO_ECN = 0x80;

/** Least gso_size for TCP: with the smallest MSS that Linux sends and all options, 8 bytes are left for data. */
export const LEAST_TCP_SEGMENT = 8;
/** Most datagrams of one super-frame, UDP_MAX_SEGMENTS of linux/udp.h. */
export const MOST_UDP_SEGMENTS = 128;

export interface VirtioHeader {
  flags: number;
  gsoType: number;
  /** Bytes of all headers: a hint only. */
  headerLength: number;
  /** Bytes of data in each segment. */
  gsoSize: number;
  csumStart: number;
  csumOffset: number;
}

/** Reads the header at `at` into `out`. */
export function readVirtio(buffer: Buffer, at: number, out: VirtioHeader): VirtioHeader {
  out.flags = buffer[at]!;
  out.gsoType = buffer[at + 1]!;
  out.headerLength = buffer[at + 2]! | (buffer[at + 3]! << 8);
  out.gsoSize = buffer[at + 4]! | (buffer[at + 5]! << 8);
  out.csumStart = buffer[at + 6]! | (buffer[at + 7]! << 8);
  out.csumOffset = buffer[at + 8]! | (buffer[at + 9]! << 8);
  return out;
}

/** Writes the 12 bytes at `at`; num_buffers is 0, as it is where mergeable buffers are not in use. */
export function writeVirtio(buffer: Buffer, at: number, header: VirtioHeader): void {
  buffer[at] = header.flags;
  buffer[at + 1] = header.gsoType;
  buffer.writeUInt16LE(header.headerLength, at + 2);
  buffer.writeUInt16LE(header.gsoSize, at + 4);
  buffer.writeUInt16LE(header.csumStart, at + 6);
  buffer.writeUInt16LE(header.csumOffset, at + 8);
  buffer.writeUInt16LE(0, at + 10);
}

export function newVirtio(): VirtioHeader {
  return { flags: 0, gsoType: GSO_NONE, headerLength: 0, gsoSize: 0, csumStart: 0, csumOffset: 0 };
}

/** Whether the OFFLOAD record at `start` is a super-frame, whose length the MTU does not bound. */
export function isSuperFrame(buffer: Buffer, start: number): boolean {
  return buffer[start + HEADER_BYTES + 1] !== GSO_NONE;
}

const scratchHeader = newVirtio();
const scratchLayout = new IpLayout();
const scratchOuter = new OuterHeaders();

/**
 * Finds the packet that the virtio header of the super-frame in `[frame, end)` speaks of, which in a tunnel's frame is
 * the innermost one. @returns false where there is none
 */
export function locateSuper(
  buffer: Buffer,
  frame: number,
  end: number,
  { flags, csumStart }: VirtioHeader,
  out: IpLayout,
  outer: OuterHeaders,
): boolean {
  const transport = (flags & NEEDS_CSUM) === 0 ? -1 : frame + csumStart;
  return locateTransport(buffer, frame, end, transport, out, outer);
}

/**
 * Whether the checksum that the frame in `[frame, end)` is to get is that of SCTP, a CRC32c: the virtio header has no
 * word for it, and who takes it by the letter writes an Internet checksum. Only then `out` is good.
 */
export function isStartedSctp(
  buffer: Buffer,
  frame: number,
  end: number,
  { flags, csumStart, csumOffset }: VirtioHeader,
  out: IpLayout,
): boolean {
  if ((flags & NEEDS_CSUM) === 0 || csumOffset !== SCTP_CHECKSUM) return false;
  const there = locateTransport(buffer, frame, end, frame + csumStart, out, scratchOuter);
  return there && out.protocol === SCTP && !out.fragment && out.l4 + SCTP_HEADER_BYTES <= out.packetEnd;
}

/**
 * Whether the OFFLOAD record in `[start, end)`, record header included, says nothing that its frame belies: what
 * passes may be given to a device or to `segment`. @returns true, or what is wrong in words
 */
export function checkOffload(buffer: Buffer, start: number, end: number): true | string {
  const frame = start + HEADER_BYTES + VNET_HEADER_BYTES;
  const length = end - frame;
  if (length < 14 || length > MAX_OFFLOAD_FRAME) return `a frame of ${length} bytes`;
  const header = readVirtio(buffer, start + HEADER_BYTES, scratchHeader);
  if (header.headerLength > length) return 'hdr_len is past the end of the frame';
  if ((header.flags & NEEDS_CSUM) !== 0) {
    const fault = checksumFault(buffer, frame, end, header);
    if (fault !== undefined) return fault;
  }
  if (header.gsoType === GSO_NONE) return true;
  return gsoFault(buffer, frame, end, header) ?? true;
}

/** The field must lie behind the Ethernet header: else a peer could have its source address rewritten by us. */
function checksumFault(buffer: Buffer, frame: number, end: number, header: VirtioHeader): string | undefined {
  const start = frame + header.csumStart;
  if (start < etherTypeOffset(buffer, frame, end) + 2) return 'csum_start is in the Ethernet header';
  if (start + header.csumOffset + 2 > end) return 'the checksum is past the end of the frame';
  return undefined;
}

function gsoFault(buffer: Buffer, frame: number, end: number, header: VirtioHeader): string | undefined {
  const layout = scratchLayout;
  if (header.gsoSize === 0) return 'gso_size is 0';
  if (!locateSuper(buffer, frame, end, header, layout, scratchOuter))
    return 'a super-frame that is not IP, or whose csum_start is not a transport header';
  if (layout.fragment || layout.authenticated) return 'a super-frame that must not be cut';
  if (layout.l3 + layout.declared !== end && !isBigTcp(layout, end))
    return 'the IP length is not that of the frame';
  if ((header.flags & NEEDS_CSUM) === 0 && layout.routed) return 'a routed super-frame without NEEDS_CSUM';
  const data = dataOffset(buffer, layout);
  if (data < 0 || data >= end) return 'a super-frame without data';
  switch (header.gsoType) {
    case GSO_TCPV4:
    case GSO_TCPV4 | GSO_ECN:
      return tcpFault(layout, 4, header);
    case GSO_TCPV6:
    case GSO_TCPV6 | GSO_ECN:
      return tcpFault(layout, 6, header);
    case GSO_UDP_L4:
      return udpFault(buffer, layout, end, header);
    default:
      return `gso_type ${header.gsoType} is not taken`;
  }
}

/** A packet too long for its 16-bit length field says 0 there. */
function isBigTcp(layout: IpLayout, end: number): boolean {
  const longest = layout.version === 4 ? 65_535 : 40 + 65_535;
  return layout.declared === 0 && layout.protocol === TCP && end - layout.l3 > longest;
}

/** Else csum_offset says nothing. */
function isStarted({ flags }: VirtioHeader): boolean {
  return (flags & NEEDS_CSUM) !== 0;
}

function tcpFault(layout: IpLayout, version: number, header: VirtioHeader): string | undefined {
  if (layout.version !== version || layout.protocol !== TCP) return 'gso_type and protocol disagree';
  if (isStarted(header) && header.csumOffset !== 16) return 'csum_offset is not that of TCP';
  return header.gsoSize < LEAST_TCP_SEGMENT ? `gso_size ${header.gsoSize} is too small` : undefined;
}

function udpFault(buffer: Buffer, layout: IpLayout, end: number, header: VirtioHeader): string | undefined {
  if (layout.protocol !== UDP) return 'gso_type and protocol disagree';
  if (isStarted(header) && header.csumOffset !== 6) return 'csum_offset is not that of UDP';
  const { l4 } = layout;
  if (((buffer[l4 + 4]! << 8) | buffer[l4 + 5]!) !== end - l4)
    return 'the UDP length is not that of the frame';
  return end - l4 - 8 > header.gsoSize * MOST_UDP_SEGMENTS ? 'too many datagrams' : undefined;
}
