/** Frames and records for tests: each frame is marked, numbered and filled so that a changed byte shows. */

/** Local experimental EtherType (IEEE 802): no kernel answers to it. */
export const TEST_ETHERTYPE = 0x88b5;
const TAG_PROTOCOL = 0x8100;

export const RECORD_FRAME = 0;
export const RECORD_OFFLOAD = 1;

export interface FrameShape {
  /** Length in bytes, without FCS; at least 60. */
  readonly length: number;
  /** VLAN id for an 802.1Q tag. The tag is part of `length`. */
  readonly vlan?: number;
}

/** A frame with this sequence number in it and a filling that depends on number and position. */
export function testFrame(number: number, { length, vlan }: FrameShape): Buffer {
  const frame = Buffer.alloc(length);
  frame.set([0x02, 0, 0, 0, 0, 0xbb], 0);
  frame.set([0x02, 0, 0, 0, 0, 0xaa], 6);
  let offset = 12;
  if (vlan !== undefined) {
    frame.writeUInt16BE(TAG_PROTOCOL, 12);
    frame.writeUInt16BE(vlan, 14);
    offset = 16;
  }
  frame.writeUInt16BE(TEST_ETHERTYPE, offset);
  frame.writeUInt32BE(number, offset + 2);
  for (let i = offset + 6; i < length; i++) frame[i] = (number * 31 + i * 7) & 0xff;
  return frame;
}

/** Whether this is one of `testFrame`'s, and not something that the kernel had to say. */
export function isTestFrame(frame: Buffer): boolean {
  if (frame.length < 22) return false;
  const type = frame.readUInt16BE(12);
  return type === TEST_ETHERTYPE || (type === TAG_PROTOCOL && frame.readUInt16BE(16) === TEST_ETHERTYPE);
}

/** The sequence number that `testFrame` put in. */
export function frameNumber(frame: Buffer): number {
  return frame.readUInt32BE(frame.readUInt16BE(12) === TAG_PROTOCOL ? 18 : 14);
}

/** One record of PROTOCOL.md section 6: type, length in three bytes, payload. */
export function record(payload: Uint8Array, type = RECORD_FRAME): Buffer {
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.writeUInt32BE(type * 0x1000000 + payload.length, 0);
  bytes.set(payload, 4);
  return bytes;
}

/** Takes a region of whole records apart; frames are copies. @throws Error when it is not just whole records */
export function parseRecords(region: Buffer): { type: number; payload: Buffer }[] {
  const records: { type: number; payload: Buffer }[] = [];
  let offset = 0;
  while (offset < region.length) {
    if (region.length - offset < 4)
      throw new Error(`${region.length - offset} stray bytes behind the records`);
    const head = region.readUInt32BE(offset);
    const next = offset + 4 + (head & 0xffffff);
    if (next > region.length) throw new Error(`a record of ${next - offset} bytes is cut off`);
    records.push({ type: head >>> 24, payload: Buffer.from(region.subarray(offset + 4, next)) });
    offset = next;
  }
  return records;
}
