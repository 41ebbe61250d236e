/**
 * The reverse of `segment`: makes one super-frame of TCP segments that follow one another in a run of records, so that
 * a device that takes super-frames, and the stack behind it, have less to do (as GRO does in the kernel).
 *
 * Only frames whose checksums were verified are joined, and only when `segment` would give back the very same bytes:
 * nothing that was wrong on the way is made good, and nothing is lost.
 */
import { finish, fold, pseudoSum, sum } from './checksum.ts';
import { dataOffset, IpLayout, locate, TCP } from './parse-ip.ts';
import {
  FRAME,
  HEADER_BYTES,
  MAX_OFFLOAD_FRAME,
  OFFLOAD,
  recordEnd,
  VNET_HEADER_BYTES,
  writeHeader,
} from './records.ts';
import { GSO_TCPV4, GSO_TCPV6, LEAST_TCP_SEGMENT, NEEDS_CSUM, newVirtio, writeVirtio } from './virtio.ts';
import type { RecordWriter } from './writer.ts';

const ACK = 0x10;
const FIN_PSH = 0x09;

/** One TCP segment that may be joined. */
class Segment {
  readonly layout = new IpLayout();
  record = 0;
  frame = 0;
  data = 0;
  end = 0;
  sequence = 0;
  flags = 0;
}

let first = new Segment();
let current = new Segment();
const header = newVirtio();

/**
 * Copies the records in `buffer[start, end)` with TCP segments that follow one another joined to OFFLOAD records.
 * @returns number of records appended, or 0 when there was nothing to join and nothing was appended
 */
export function coalesce(buffer: Buffer, start: number, end: number, out: RecordWriter): number {
  const before = out.records;
  let copied = start;
  let uncopied = 0;
  for (let at = start; at < end; ) {
    const next = recordEnd(buffer, at);
    if (!read(buffer, at, next, current)) {
      uncopied++;
      at = next;
      continue;
    }
    [first, current] = [current, first];
    const chainEnd = followChain(buffer, next, end);
    if (chain.count > 1) {
      if (uncopied > 0) out.copy(buffer, copied, at, uncopied);
      join(buffer, at, chainEnd, out);
      copied = chainEnd;
      uncopied = 0;
    } else {
      uncopied++;
    }
    at = chainEnd;
  }
  const joined = copied > start;
  if (joined && uncopied > 0) out.copy(buffer, copied, end, uncopied);
  return joined ? out.records - before : 0;
}

/** What `followChain` found: segments from `first` on, their data bytes and the flags of the last one. */
const chain = { count: 0, bytes: 0, flags: 0 };

/** @returns offset behind the last record, from `at` on, that continues `first` */
function followChain(buffer: Buffer, from: number, end: number): number {
  const size = first.end - first.data;
  chain.count = 1;
  chain.bytes = size;
  chain.flags = first.flags;
  let at = from;
  let lastSize = size;
  while (at < end && lastSize === size && size >= LEAST_TCP_SEGMENT && (chain.flags & FIN_PSH) === 0) {
    const next = recordEnd(buffer, at);
    if (!continues(buffer, at, next)) break;
    lastSize = current.end - current.data;
    chain.count++;
    chain.bytes += lastSize;
    chain.flags = current.flags;
    at = next;
  }
  return at;
}

/** Whether the record is the next segment of the chain; cheap questions first, checksums last. */
function continues(buffer: Buffer, at: number, next: number): boolean {
  const size = first.end - first.data;
  const headers = first.data - first.frame;
  const frameBytes = next - at - HEADER_BYTES;
  if (buffer[at] !== FRAME || frameBytes <= headers || frameBytes > headers + size) return false;
  const total = chain.bytes + frameBytes;
  const ipBytes = total - (first.layout.l3 - first.frame);
  if (total > MAX_OFFLOAD_FRAME || ipBytes > 65_535) return false;
  if (!sameHeaders(buffer, at + HEADER_BYTES)) return false;
  return read(buffer, at, next, current) && current.sequence === (first.sequence + chain.bytes) >>> 0;
}

/** Compares all headers but lengths, IPv4 identification (which must follow on), sequence number, flags, checksums. */
function sameHeaders(buffer: Buffer, frame: number): boolean {
  const { l3, l4, version } = first.layout;
  const shift = frame - first.frame;
  if (!same(buffer, first.frame, l3, shift)) return false;
  if (version === 4) {
    const expected = (buffer.readUInt16BE(l3 + 4) + chain.count) & 0xffff;
    if (buffer.readUInt16BE(l3 + shift + 4) !== expected) return false;
    if (!same(buffer, l3, l3 + 2, shift) || !same(buffer, l3 + 6, l3 + 10, shift)) return false;
    if (!same(buffer, l3 + 12, l4 + 4, shift)) return false;
  } else if (!same(buffer, l3, l3 + 4, shift) || !same(buffer, l3 + 6, l4 + 4, shift)) {
    return false;
  }
  return (
    same(buffer, l4 + 8, l4 + 13, shift) &&
    same(buffer, l4 + 14, l4 + 16, shift) &&
    same(buffer, l4 + 18, first.data, shift)
  );
}

function same(buffer: Buffer, from: number, until: number, shift: number): boolean {
  for (let at = from; at < until; at++) if (buffer[at] !== buffer[at + shift]) return false;
  return true;
}

/** Reads a record into `into`. @returns whether it is a plain TCP segment with data and right checksums */
function read(buffer: Buffer, record: number, end: number, into: Segment): boolean {
  const frame = record + HEADER_BYTES;
  const { layout } = into;
  if (buffer[record] !== FRAME || !locate(buffer, frame, end, layout)) return false;
  const { l3, l4, version, protocol, declared, fragment } = layout;
  if (protocol !== TCP || fragment || l3 + declared !== end) return false;
  if (l4 !== l3 + (version === 4 ? 20 : 40)) return false;
  const data = dataOffset(buffer, layout);
  if (data < 0 || data === end) return false;
  const flags = buffer.readUInt16BE(l4 + 12) & 0x0fff;
  if ((flags & ~FIN_PSH) !== ACK) return false;
  into.record = record;
  into.frame = frame;
  into.data = data;
  into.end = end;
  into.flags = flags;
  into.sequence = buffer.readUInt32BE(l4 + 4);
  return (version !== 4 || ipRight(buffer, l3)) && tcpRight(buffer, layout, end);
}

function ipRight(buffer: Buffer, l3: number): boolean {
  const words = sum(buffer, l3, l3 + 10) + sum(buffer, l3 + 12, l3 + 20);
  return finish(words) === buffer.readUInt16BE(l3 + 10);
}

/** Right, and written as `segment` writes it: there are two forms of zero. */
function tcpRight(buffer: Buffer, { l3, l4, version }: IpLayout, end: number): boolean {
  const field = buffer.readUInt16BE(l4 + 16);
  const words = pseudoSum(buffer, l3, version, TCP) + (end - l4) + sum(buffer, l4, end);
  return finish(words + (~field & 0xffff)) === field;
}

/** Appends the chain that ends at `chainEnd` as one OFFLOAD record. */
function join(buffer: Buffer, start: number, chainEnd: number, out: RecordWriter): void {
  const { frame, data, layout } = first;
  const headers = data - frame;
  const payload = VNET_HEADER_BYTES + headers + chain.bytes;
  const at = out.reserve(HEADER_BYTES + payload);
  const target = out.buffer;
  writeHeader(target, at, OFFLOAD, payload);
  header.flags = NEEDS_CSUM;
  header.gsoType = layout.version === 4 ? GSO_TCPV4 : GSO_TCPV6;
  header.headerLength = headers;
  header.gsoSize = first.end - data;
  header.csumStart = layout.l4 - frame;
  header.csumOffset = 16;
  writeVirtio(target, at + HEADER_BYTES, header);
  const frameAt = at + HEADER_BYTES + VNET_HEADER_BYTES;
  let position = frameAt + headers;
  buffer.copy(target, frameAt, frame, data);
  for (let record = start; record < chainEnd; ) {
    const next = recordEnd(buffer, record);
    buffer.copy(target, position, record + HEADER_BYTES + headers, next);
    position += next - record - HEADER_BYTES - headers;
    record = next;
  }
  finishHeaders(target, frameAt, position);
  out.commit(HEADER_BYTES + payload);
}

/** Lengths, flags and checksums of the super-frame that stands in `[frame, end)`. */
function finishHeaders(target: Buffer, frame: number, end: number): void {
  const { version } = first.layout;
  const l3 = frame + first.layout.l3 - first.frame;
  const l4 = frame + first.layout.l4 - first.frame;
  if (version === 4) {
    target.writeUInt16BE(end - l3, l3 + 2);
    target.writeUInt16BE(finish(sum(target, l3, l3 + 10) + sum(target, l3 + 12, l3 + 20)), l3 + 10);
  } else {
    target.writeUInt16BE(end - l3 - 40, l3 + 4);
  }
  target[l4 + 13] = target[l4 + 13]! | (chain.flags & FIN_PSH);
  target.writeUInt16BE(fold(pseudoSum(target, l3, version, TCP) + end - l4), l4 + 16);
}
