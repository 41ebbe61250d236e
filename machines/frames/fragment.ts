/**
 * IPv4 fragmentation (RFC 791, 3.2) of one datagram that is too long for the wire.
 */
import { finish, sum } from './checksum.ts';
import type { IpLayout } from './parse-ip.ts';
import { FRAME, HEADER_BYTES, writeHeader } from './records.ts';
import type { RecordWriter } from './writer.ts';

const MORE_FRAGMENTS = 0x2000;
const NO_OPERATION = 1;

/**
 * Appends FRAME records of at most `mtu` bytes of IPv4 each for the packet in `buffer[frame, end)`; what stands
 * between `l4` and `end` is split at multiples of 8 bytes. `mtu` takes at least the header and 8 bytes.
 * @returns number of records
 */
export function fragment(
  buffer: Buffer,
  frame: number,
  layout: IpLayout,
  end: number,
  mtu: number,
  out: RecordWriter,
): number {
  const { l3, l4 } = layout;
  const size = (mtu - (l4 - l3)) & ~7;
  let count = 0;
  for (let from = l4; from < end; from += size) {
    const until = Math.min(from + size, end);
    const bytes = l4 - frame + until - from;
    const at = out.reserve(HEADER_BYTES + bytes) + HEADER_BYTES;
    const target = out.buffer;
    writeHeader(target, at - HEADER_BYTES, FRAME, bytes);
    buffer.copy(target, at, frame, l4);
    buffer.copy(target, at + l4 - frame, from, until);
    const ip = at + l3 - frame;
    target.writeUInt16BE(bytes - (l3 - frame), ip + 2);
    target.writeUInt16BE(((from - l4) >>> 3) | (until < end ? MORE_FRAGMENTS : 0), ip + 6);
    if (from > l4) blankOptions(target, ip + 20, ip + l4 - l3);
    target.writeUInt16BE(0, ip + 10);
    target.writeUInt16BE(finish(sum(target, ip, ip + l4 - l3)), ip + 10);
    out.commit(HEADER_BYTES + bytes);
    count++;
  }
  return count;
}

/** Options without the copied bit stand in the first fragment only; in the others no-operations take their place. */
function blankOptions(target: Buffer, from: number, end: number): void {
  for (let at = from; at < end && target[at] !== 0; ) {
    const kind = target[at]!;
    const length = kind === NO_OPERATION ? 1 : at + 1 < end ? target[at + 1]! : 0;
    if (length < 1 || at + length > end || (length === 1 && kind !== NO_OPERATION)) return;
    if (kind < 0x80) target.fill(NO_OPERATION, at, at + length);
    at += length;
  }
}
