/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, times in nanoseconds.
 *
 *     | type 4 | length 4 | body, padded to 4 | options | length 4 |
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const ETHERNET = 1;
/** Powers of ten in a second of if_tsresol: nanoseconds. */
const NANOSECONDS = 9;

/** Option codes. */
const END = 0;
const COMMENT = 1;
const SHB_OS = 3;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_SPEED = 8;
const IF_TSRESOL = 9;
const IF_FILTER = 11;
const EPB_FLAGS = 2;
const EPB_PACKETID = 5;

type Option = readonly [code: number, value: Uint8Array];

const text = (code: number, value: string): Option => [code, Buffer.from(value, 'utf8')];

/** The first block of a file. @param application name and version of who writes it */
export function sectionHeader(application: string, os: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(0x1a2b3c4d, 0);
  body.writeUInt16LE(1, 4);
  // Length of the section: not known.
  body.fill(0xff, 8);
  return block(SECTION_HEADER, body, [text(SHB_OS, os), text(SHB_USERAPPL, application)]);
}

export interface CaptureInterface {
  readonly name: string;
  readonly description: string;
  /** What it was asked for, in words; undefined: everything. */
  readonly filter?: string;
  /** Bits a second; undefined: not known. */
  readonly speed?: number;
  /** Most bytes of a frame that are kept. */
  readonly snap: number;
}

/** Interfaces are numbered from 0 in the order in which they are written. */
export function interfaceBlock({ name, description, filter, speed, snap }: CaptureInterface): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(ETHERNET, 0);
  body.writeUInt32LE(snap, 4);
  const options: Option[] = [text(IF_NAME, name), text(IF_DESCRIPTION, description)];
  if (speed !== undefined) options.push([IF_SPEED, eight(BigInt(speed))]);
  options.push([IF_TSRESOL, Buffer.from([NANOSECONDS])]);
  // The first byte says what kind of filter it is: 0 is text.
  if (filter !== undefined) options.push([IF_FILTER, Buffer.from(`\0${filter}`)]);
  return block(INTERFACE, body, options);
}

export interface CapturedPacket {
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
  /** Of the frame, before it was cut. */
  readonly length: number;
  readonly inbound: boolean;
  readonly comment: string;
  /** The same frame has the same one on every interface. */
  readonly id: bigint;
}

export function packetBlock(packet: CapturedPacket): Buffer {
  const { time, bytes, length } = packet;
  const body = Buffer.alloc(20 + padded(bytes.length));
  body.writeUInt32LE(packet.interface, 0);
  body.writeUInt32LE(Number(time >> 32n), 4);
  body.writeUInt32LE(Number(time & 0xffff_ffffn), 8);
  body.writeUInt32LE(bytes.length, 12);
  body.writeUInt32LE(length, 16);
  body.set(bytes, 20);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.inbound ? 1 : 2);
  return block(ENHANCED_PACKET, body, [
    text(COMMENT, packet.comment),
    [EPB_FLAGS, flags],
    [EPB_PACKETID, eight(packet.id)],
  ]);
}

function eight(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

const padded = (bytes: number): number => (bytes + 3) & ~3;

function block(type: number, body: Buffer, options: readonly Option[]): Buffer {
  const written = options.map(([code, value]) => {
    const option = Buffer.alloc(4 + padded(value.length));
    option.writeUInt16LE(code, 0);
    option.writeUInt16LE(value.length, 2);
    option.set(value, 4);
    return option;
  });
  const end = Buffer.alloc(4);
  end.writeUInt16LE(END);
  const parts = [body, ...written, end];
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const [head, tail] = [Buffer.alloc(8), Buffer.alloc(4)];
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  tail.writeUInt32LE(length);
  return Buffer.concat([head, ...parts, tail]);
}
