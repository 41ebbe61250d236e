/**
 * The frames of a capture file, pcap (draft-ietf-opsawg-pcap) or pcapng (draft-ietf-opsawg-pcapng), either byte order.
 * Frames that were cut short when they were captured have zeros at their end, up to their length.
 */
import { readFileSync } from 'node:fs';
import { Failure } from '../cli/failures.ts';

const ETHERNET = 1;
const MOST_FRAME = 65_575;
const PCAPNG = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const SIMPLE_PACKET = 3;
/** Bytes of an enhanced packet block without its frame. */
const LEAST_PACKET = 32;

/** @throws Failure (2) for a file that cannot be read, is no capture, or holds other than Ethernet */
export function readCapture(file: string): Buffer[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Failure(2, `cannot read ${file}: ${(error as Error).message}`);
  }
  const wrong = (why: string) => new Failure(2, `${file}: ${why}`);
  if (bytes.length < 24) throw wrong('no pcap or pcapng file');
  const frames = bytes.readUInt32BE() === PCAPNG ? readBlocks(bytes, wrong) : readClassic(bytes, wrong);
  const long = frames.find(({ length }) => length > MOST_FRAME);
  if (long !== undefined) throw wrong(`a frame of ${long.length} bytes is longer than any that crosses`);
  return frames.filter(({ length }) => length >= 14);
}

type Wrong = (why: string) => Failure;

function readClassic(bytes: Buffer, wrong: Wrong): Buffer[] {
  const magic = bytes.readUInt32LE();
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const read = reader(bytes, little);
  if (![0xa1b2c3d4, 0xa1b23c4d].includes(read(0))) throw wrong('no pcap or pcapng file');
  if ((read(20) & 0xffff) !== ETHERNET) throw wrong('its frames are not Ethernet');
  const frames: Buffer[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const held = read(at + 8);
    if (at + 16 + held > bytes.length) throw wrong('it ends in the middle of a frame');
    frames.push(padded(bytes.subarray(at + 16, at + 16 + held), read(at + 12)));
    at += 16 + held;
  }
  return frames;
}

function readBlocks(bytes: Buffer, wrong: Wrong): Buffer[] {
  const frames: Buffer[] = [];
  let little = true;
  let read = reader(bytes, little);
  for (let at = 0; at + 12 <= bytes.length; ) {
    if (bytes.readUInt32BE(at) === PCAPNG) {
      little = bytes.readUInt32LE(at + 8) === BYTE_ORDER;
      read = reader(bytes, little);
    }
    const [type, length] = [read(at), read(at + 4)];
    if (length < 12 || length % 4 !== 0 || at + length > bytes.length)
      throw wrong('a block of it is damaged');
    if (type === INTERFACE && linkType(read(at + 8), little) !== ETHERNET)
      throw wrong('its frames are not Ethernet');
    if (type === ENHANCED_PACKET) {
      const held = length < LEAST_PACKET ? length : read(at + 20);
      if (LEAST_PACKET + held > length) throw wrong('a block of it is damaged');
      frames.push(padded(bytes.subarray(at + 28, at + 28 + held), read(at + 24)));
    }
    if (type === SIMPLE_PACKET) {
      frames.push(
        padded(bytes.subarray(at + 12, at + Math.min(length - 4, 12 + read(at + 8))), read(at + 8)),
      );
    }
    at += length;
  }
  return frames;
}

/** The first 16 bits of an interface block's body. */
function linkType(word: number, little: boolean): number {
  return little ? word & 0xffff : word >>> 16;
}

function reader(bytes: Buffer, little: boolean): (at: number) => number {
  return little ? (at) => bytes.readUInt32LE(at) : (at) => bytes.readUInt32BE(at);
}

function padded(held: Buffer, length: number): Buffer {
  const frame = Buffer.alloc(Math.max(held.length, Math.min(length, MOST_FRAME + 1)));
  held.copy(frame);
  return frame;
}
