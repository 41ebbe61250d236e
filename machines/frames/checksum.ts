/**
 * The internet checksum (RFC 1071) in pieces: the ones' complement sum of big-endian 16-bit words. Partial sums are
 * plain numbers that may be added up and are folded at the end. Words count from each range's own first byte, so
 * ranges that are added up must have an even length, but for the last.
 */

let viewedBuffer: ArrayBufferLike | undefined;
let cachedView: DataView = new DataView(new ArrayBuffer(0));

/** A view of the buffer's whole memory: reads 32 bits at any offset, five times as fast as by bytes. */
function viewOf(buffer: Buffer): DataView {
  if (buffer.buffer !== viewedBuffer) {
    viewedBuffer = buffer.buffer;
    cachedView = new DataView(viewedBuffer);
  }
  return cachedView;
}

/** Bytes after which a partial sum is folded, so that it stays a 31-bit integer. */
const STRETCH = 32_768;

/** Sum of the words in `[start, end)`, at most 0x1ffff; an odd last byte is the high half of a word. */
export function sum(buffer: Buffer, start: number, end: number): number {
  const view = viewOf(buffer);
  const base = buffer.byteOffset;
  const stop = base + end;
  let at = base + start;
  let total = 0;
  do {
    const until = Math.min(stop, at + STRETCH);
    for (; at + 16 <= until; at += 16) {
      const a = view.getInt32(at);
      const b = view.getInt32(at + 4);
      const c = view.getInt32(at + 8);
      const d = view.getInt32(at + 12);
      total += (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16);
      total += (c & 0xffff) + (c >>> 16) + (d & 0xffff) + (d >>> 16);
    }
    for (; at + 2 <= until; at += 2) total += view.getUint16(at);
    total = (total & 0xffff) + (total >>> 16);
  } while (at + 1 < stop);
  if (at < stop) total += view.getUint8(at) << 8;
  return (total & 0xffff) + (total >>> 16);
}

/** Folds a partial sum (below 2^31) to 16 bits. */
export function fold(total: number): number {
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** What stands in a checksum field: the complement of the folded sum. */
export function finish(total: number): number {
  return ~fold(total) & 0xffff;
}

/** The same for UDP, where 0 means that there is no checksum and 0xffff stands for it (RFC 768). */
export function finishUdp(total: number): number {
  return finish(total) || 0xffff;
}

/**
 * Sum of the pseudo header without the length: addresses and protocol (RFC 9293 3.1, RFC 8200 8.1).
 * `l3`: offset of the IP header, `version` 4 or 6.
 */
export function pseudoSum(buffer: Buffer, l3: number, version: number, protocol: number): number {
  return version === 4 ? protocol + sum(buffer, l3 + 12, l3 + 20) : protocol + sum(buffer, l3 + 8, l3 + 40);
}
