/**
 * CRC32c (Castagnoli), with which SCTP sees to its packets (RFC 9260, appendix A): polynomial 0x1edc6f41, bits reflected.
 */
const REFLECTED = 0x82f63b78;
/** Offset of the checksum in the SCTP header. */
export const SCTP_CHECKSUM = 8;
export const SCTP_HEADER_BYTES = 12;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ REFLECTED : crc >>> 1;
  return crc;
});

/** Takes further bytes in. `crc` is ~0 at first, and its complement the result at the end. */
function update(crc: number, buffer: Buffer, start: number, end: number): number {
  let mixed = crc;
  for (let at = start; at < end; at++) mixed = TABLE[(mixed ^ buffer[at]!) & 255]! ^ (mixed >>> 8);
  return mixed;
}

const ZEROS = Buffer.alloc(4);

/** CRC32c of `[start, end)`, an unsigned 32-bit number. */
export function crc32c(buffer: Buffer, start: number, end: number): number {
  return ~update(~0, buffer, start, end) >>> 0;
}

/**
 * What the checksum field of the SCTP packet in `[start, end)`, of at least 12 bytes, is to hold, the field itself taken
 * for 0; to be written little-endian.
 */
export function sctpChecksum(buffer: Buffer, start: number, end: number): number {
  const before = update(update(~0, buffer, start, start + SCTP_CHECKSUM), ZEROS, 0, 4);
  return ~update(before, buffer, start + SCTP_HEADER_BYTES, end) >>> 0;
}
