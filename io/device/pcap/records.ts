/**
 * The records that go over the pipe, those of the wire (PROTOCOL.md section 6):
 *
 *     byte 0      type: 0x00 FRAME, 0x01 OFFLOAD
 *     bytes 1..3  length of the payload, big-endian
 */
export const HEADER_BYTES = 4;
export const TYPE_FRAME = 0x00;
export const TYPE_OFFLOAD = 0x01;

/** An Ethernet header. */
export const LEAST_FRAME = 14;
/** The longest frame that the protocol knows (a super-segment with tags). */
export const LONGEST_FRAME = 65_575;
/** Bytes of the virtio header in an OFFLOAD record. */
export const VNET_HEADER_BYTES = 12;
export const LONGEST_RECORD = HEADER_BYTES + VNET_HEADER_BYTES + LONGEST_FRAME;

/** Writes the header of a record at `offset`. */
export function putHeader(buffer: Buffer, offset: number, type: number, length: number): void {
  buffer[offset] = type;
  buffer[offset + 1] = length >>> 16;
  buffer[offset + 2] = length >>> 8;
  buffer[offset + 3] = length;
}

/** Number of records from `start` to `end`; one that is cut off counts. */
export function countRecords(buffer: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count++) {
    if (end - at < HEADER_BYTES) at = end;
    else at += HEADER_BYTES + payloadLength(buffer, at);
  }
  return count;
}

/** Payload length of the record at `offset`; four bytes must be there. */
export function payloadLength(buffer: Buffer, offset: number): number {
  return (buffer[offset + 1]! << 16) | (buffer[offset + 2]! << 8) | buffer[offset + 3]!;
}
