/**
 * Cuts one TCP or UDP super-frame into frames as they are on a wire: the headers again and again, each with its own
 * length, identification, sequence number, flags and checksums (what the kernel's tcp_gso_segment and
 * __udp_gso_segment do).
 */
import { finish, finishUdp, fold, pseudoSum, sum } from './checksum.ts';
import { type IpLayout, TCP } from './parse-ip.ts';
import { FRAME, HEADER_BYTES, writeHeader } from './records.ts';
import type { OuterHeaders } from './tunnel.ts';
import type { RecordWriter } from './writer.ts';

/** Bits of the TCP header's 13th and 14th byte, read as one word. */
const CWR = 0x0080;
const FIN_PSH = 0x0009;

function read16(buffer: Buffer, at: number): number {
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

function write16(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
}

/** What all segments of one super-frame have alike: filled in once, used for each. */
class Template {
  tcp = false;
  version = 0;
  /** Offsets from a segment's first byte. */
  l3 = 0;
  l4 = 0;
  headerBytes = 0;
  /** Of the first segment: IPv4 identification, TCP sequence number in halves, TCP header length and flags. */
  identification = 0;
  sequenceHigh = 0;
  sequenceLow = 0;
  flags = 0;
  /** Sums of the header words that do not change. */
  ipSum = 0;
  transportSum = 0;

  read(buffer: Buffer, frame: number, layout: IpLayout, data: number, end: number): void {
    const { l3, l4 } = layout;
    const dropped = layout.jumbo < 0 ? 0 : 8;
    this.tcp = layout.protocol === TCP;
    this.version = layout.version;
    this.l3 = l3 - frame;
    this.l4 = l4 - frame - dropped;
    this.headerBytes = data - frame - dropped;
    if (layout.version === 4) {
      this.identification = read16(buffer, l3 + 4);
      this.ipSum = sum(buffer, l3, l3 + 2) + sum(buffer, l3 + 6, l3 + 10) + sum(buffer, l3 + 12, l4);
    }
    this.transportSum = pseudo(buffer, layout, end) + sum(buffer, l4, l4 + 4);
    if (!this.tcp) return;
    this.sequenceHigh = read16(buffer, l4 + 4);
    this.sequenceLow = read16(buffer, l4 + 6);
    this.flags = read16(buffer, l4 + 12);
    this.transportSum +=
      sum(buffer, l4 + 8, l4 + 12) + sum(buffer, l4 + 14, l4 + 16) + sum(buffer, l4 + 18, data);
  }

  /** Writes the headers, without the jumbo payload header of BIG TCP. */
  write(buffer: Buffer, frame: number, layout: IpLayout, data: number, target: Buffer, at: number): void {
    if (layout.jumbo < 0) {
      buffer.copy(target, at, frame, data);
      return;
    }
    buffer.copy(target, at, frame, layout.jumbo);
    buffer.copy(target, at + layout.jumbo - frame, layout.jumbo + 8, data);
    target[at + this.l3 + 6] = buffer[layout.jumbo]!;
  }
}

/**
 * Sum of the pseudo header without the length. Behind a routing header only the sender knows the destination that
 * counts; there the started checksum tells, which holds the pseudo header's sum with the whole length.
 */
function pseudo(buffer: Buffer, layout: IpLayout, end: number): number {
  const { l3, l4, version, protocol } = layout;
  if (!layout.routed) return pseudoSum(buffer, l3, version, protocol);
  const started = read16(buffer, l4 + (protocol === TCP ? 16 : 6));
  return started + (~fold(end - l4) & 0xffff);
}

const template = new Template();

/**
 * Appends FRAME records for the frame at `frame`, whose headers end at `data` and whose data ends at `end`, with
 * `size` bytes of data in each and the rest in the last. The frame is whole, no fragment, and has data.
 * @param layout of the innermost packet, and `outer` what is around it in a tunnel's frame
 * @returns number of records
 */
export function cut(
  buffer: Buffer,
  frame: number,
  layout: IpLayout,
  data: number,
  end: number,
  size: number,
  out: RecordWriter,
  outer: OuterHeaders,
): number {
  template.read(buffer, frame, layout, data, end);
  const { headerBytes, l3, l4, version, tcp } = template;
  const count = Math.ceil((end - data) / size);
  const total = count * (HEADER_BYTES + headerBytes) + (end - data);
  const first = out.reserve(total) + HEADER_BYTES;
  const target = out.buffer;
  template.write(buffer, frame, layout, data, target, first);

  let at = first;
  let from = data;
  for (let index = 0; index < count; index++) {
    const until = Math.min(from + size, end);
    const bytes = headerBytes + until - from;
    if (index > 0) target.copyWithin(at, first, first + headerBytes);
    writeHeader(target, at - HEADER_BYTES, FRAME, bytes);
    buffer.copy(target, at + headerBytes, from, until);
    const dataSum = sum(buffer, from, until);
    if (version === 4) finishIpv4(target, at + l3, bytes - l3, index);
    else write16(target, at + l3 + 4, bytes - l3 - 40);
    if (tcp) finishTcp(target, at + l4, bytes - l4, dataSum, index, from - data, until === end);
    else finishDatagram(target, at + l4, bytes - l4, dataSum);
    if (!outer.none) outer.finish(target, at, bytes, index);
    at += bytes + HEADER_BYTES;
    from = until;
  }
  out.commit(total, count);
  return count;
}

function finishIpv4(target: Buffer, l3: number, length: number, index: number): void {
  const identification = (template.identification + index) & 0xffff;
  write16(target, l3 + 2, length);
  write16(target, l3 + 4, identification);
  write16(target, l3 + 10, finish(template.ipSum + length + identification));
}

/** FIN and PSH stay with the last segment, CWR with the first. */
function finishTcp(
  target: Buffer,
  l4: number,
  length: number,
  dataSum: number,
  index: number,
  offset: number,
  last: boolean,
): void {
  const low = template.sequenceLow + offset;
  const high = (template.sequenceHigh + Math.floor(low / 0x1_0000)) & 0xffff;
  let flags = template.flags;
  if (!last) flags &= ~FIN_PSH;
  if (index > 0) flags &= ~CWR;
  write16(target, l4 + 4, high);
  write16(target, l4 + 6, low);
  write16(target, l4 + 12, flags);
  write16(target, l4 + 16, finish(template.transportSum + high + (low & 0xffff) + flags + length + dataSum));
}

/** The length stands in the pseudo header and in the header. */
function finishDatagram(target: Buffer, l4: number, length: number, dataSum: number): void {
  write16(target, l4 + 4, length);
  write16(target, l4 + 6, finishUdp(template.transportSum + length + length + dataSum));
}
