/**
 * Which flow a frame belongs to: a number for frames that have to stay in order among each other. IP by addresses,
 * protocol and ports (a fragment without them, so that all fragments of two machines stay together); anything else by
 * MAC addresses and type.
 */
import { etherTypeOffset } from './ethernet.ts';
import { IpLayout, locate, SCTP, TCP, UDP } from './parse-ip.ts';

/** Offset of the two addresses in an IP header, and the length of both. */
const ADDRESSES = { 4: { at: 12, bytes: 8 }, 6: { at: 8, bytes: 32 } } as const;
/** FNV-1a, a 16-bit word at a time, mixed at the end. It tells frames apart; it keeps nobody out. */
const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

const layout = new IpLayout();

/**
 * @param frame where the frame begins in `buffer`
 * @param end where it ends: bytes behind it are not read
 * @returns an unsigned 32-bit number; the same for all frames of a flow in one direction
 */
export function flowOf(buffer: Buffer, frame: number, end: number): number {
  if (!locate(buffer, frame, end, layout)) {
    const type = etherTypeOffset(buffer, frame, end);
    return mix(hashWords(buffer, type, type + 2, hashWords(buffer, frame, frame + 12, BASIS)));
  }
  const { l3, l4, protocol, fragment } = layout;
  const { at, bytes } = layout.version === 4 ? ADDRESSES[4] : ADDRESSES[6];
  const hash = Math.imul(hashWords(buffer, l3 + at, l3 + at + bytes, BASIS) ^ protocol, PRIME);
  const ported = protocol === TCP || protocol === UDP || protocol === SCTP;
  return mix(ported && !fragment && l4 + 4 <= end ? hashWords(buffer, l4, l4 + 4, hash) : hash);
}

function hashWords(buffer: Buffer, from: number, to: number, hash: number): number {
  let mixed = hash;
  for (let at = from; at + 1 < to; at += 2) {
    mixed = Math.imul(mixed ^ ((buffer[at]! << 8) | buffer[at + 1]!), PRIME);
  }
  return mixed;
}

/** The last step of MurmurHash3: the low bits depend on all others. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
