/**
 * Two devices that hear each other, in a network namespace of this process alone, and what is to become of a super-frame
 * between them.
 *
 *     [packet device] near0 ──── veth ──── far0 [packet device]
 *     [TAP device] ════ tap0 [packet device]
 */
import * as assert from 'uvu/assert';
import type { Advise } from '../../../io/device/advice.ts';
import { findLink } from '../../../io/device/interfaces.ts';
import { openPacket } from '../../../io/device/packet-device.ts';
import { openTap, removeTap } from '../../../io/device/tap-device.ts';
import type { FrameDevice } from '../../../io/ports.ts';
import { ip, veth } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';
import {
  type Offload,
  type Packet,
  slowSegments,
  splitRecords,
  superRecord,
} from '../../unit/frames/packets.ts';
import { SEGMENT } from './kinds.ts';

export interface Heard {
  readonly type: number;
  readonly payload: Buffer;
}

/** Begins to read, and keeps what has our source address. */
export function listen(device: FrameDevice): Heard[] {
  const heard: Heard[] = [];
  device.start({
    frames({ buffer, start, end }) {
      for (const record of splitRecords(buffer, start, end)) {
        const frame = record.type === 1 ? record.payload.subarray(12) : record.payload;
        if (frame.readUIntBE(6, 6) === 0x02_00_00_00_00_02) heard.push(record);
      }
    },
    gone: (reason) => assert.unreachable(reason),
  });
  return heard;
}

/** Writes one record, which must be taken, and waits until `count` records are heard. */
export async function cross(
  device: FrameDevice,
  heard: Heard[],
  record: Buffer,
  count: number,
): Promise<Heard[]> {
  heard.length = 0;
  const outcome = device.write(record, 0, record.length);
  assert.is(outcome.written, 1, JSON.stringify(outcome));
  await until(`${count} records`, () => heard.length >= count);
  return heard.splice(0);
}

/** Says where two frames differ rather than print them. */
export function sameBytes(got: Buffer, expected: Buffer, what: string): void {
  const at = expected.findIndex((byte, i) => byte !== got[i]);
  assert.is(got.length, expected.length, `${what}: length`);
  assert.is(at, -1, `${what}: byte ${at} is ${got[at]}, expected ${expected[at]}`);
}

export async function crossesWhole(
  device: FrameDevice,
  heard: Heard[],
  what: Packet,
  name: string,
): Promise<void> {
  const record = superRecord(what, SEGMENT);
  const [got] = await cross(device, heard, record, 1);
  assert.is(got!.type, 1, name);
  sameBytes(got!.payload.subarray(12), record.subarray(16), name);
  const header = (bytes: Buffer) => ({
    flags: bytes[0],
    gsoType: bytes[1],
    gsoSize: bytes.readUInt16LE(4),
    csumStart: bytes.readUInt16LE(6),
    csumOffset: bytes.readUInt16LE(8),
    buffers: bytes.readUInt16LE(10),
  });
  assert.equal(header(got!.payload), header(record.subarray(4)), name);
}

export async function arrivesCut(
  device: FrameDevice,
  heard: Heard[],
  what: Packet,
  name: string,
  more: Offload = {},
): Promise<void> {
  const expected = slowSegments(what, SEGMENT);
  const got = await cross(device, heard, superRecord(what, SEGMENT, more), expected.length);
  assert.is(got.length, expected.length, name);
  for (const [i, segment] of expected.entries()) {
    assert.is(got[i]!.type, 0, `${name}: segment ${i}`);
    sameBytes(got[i]!.payload, segment, `${name}: segment ${i}`);
  }
}

export interface Pair {
  readonly from: FrameDevice;
  readonly to: FrameDevice;
  close(): Promise<void>;
}

export function cable(): Pair {
  veth('near0', 'far0');
  const from = openPacket(findLink('near0')!);
  const to = openPacket(findLink('far0')!);
  const close = async () => {
    await Promise.all([from.close(), to.close()]);
    ip('link del near0');
  };
  return { from, to, close };
}

export function tapAndCapture(advise?: Advise): {
  tap: FrameDevice;
  capture: FrameDevice;
  close(): Promise<void>;
} {
  const tap = openTap('tap0', {});
  const capture = openPacket(findLink('tap0')!, advise);
  const close = async () => {
    await Promise.all([tap.close(), capture.close()]);
    removeTap({ ifname: 'tap0' });
  };
  return { tap, capture, close };
}
