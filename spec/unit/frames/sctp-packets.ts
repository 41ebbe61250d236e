/** SCTP packets built the slow way. */
import { build, EXAMPLE, offloadRecord, type Packet } from './packets.ts';

/** Bit by bit, as the polynomial says. */
export function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export interface Sctp {
  readonly started: Buffer;
  readonly right: Buffer;
  readonly l4: number;
}

/** A frame with an SCTP packet, its checksum right, or as the kernel leaves it for a card to finish. */
export function sctp(version: 4 | 6, tags: readonly number[] = []): Sctp {
  // Its payload is longer than what a TCP header had: the place of that is the SCTP header's and the first chunk's.
  const packet: Packet = {
    ...EXAMPLE,
    version,
    tags,
    fragmentField: 0,
    payload: EXAMPLE.payload.subarray(0, 99),
  };
  const { frame, l3, l4 } = build(packet);
  const protocol = version === 4 ? l3 + 9 : l3 + 6;
  frame[protocol] = 132;
  if (version === 4) {
    // The protocol is in the low byte of its word.
    const sum = (frame.readUInt16BE(l3 + 10) + 6 + 0xffff - 132) % 0xffff;
    frame.writeUInt16BE(sum, l3 + 10);
  }
  const started = Buffer.from(frame).fill(0, l4 + 8, l4 + 12);
  const right = Buffer.from(started);
  right.writeUInt32LE(slowCrc(started.subarray(l4)), l4 + 8);
  return { started, right, l4 };
}

export const startedRecord = ({ started, l4 }: Sctp): Buffer =>
  offloadRecord(started, { flags: 1, csumStart: l4, csumOffset: 8 });
