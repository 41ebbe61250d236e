/**
 * How long a frame and a queue may be: longest super-frames and longer ones (BIG TCP), MTU, VLAN tags. The devices are
 * drawn in `bench.ts`.
 */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TAGS_REFUSED } from '../../../io/device/advice.ts';
import { findLink } from '../../../io/device/interfaces.ts';
import { openPacket } from '../../../io/device/packet-device.ts';
import type { QueuePlan } from '../../../io/device/queue-governor.ts';
import { openTap, removeTap } from '../../../io/device/tap-device.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { inOwnNamespace, ip } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';
import {
  ACK,
  build,
  CWR,
  frameRecord,
  framesOf,
  offloadRecord,
  type Packet,
  PSH,
  slowSegments,
  superRecord,
} from '../../unit/frames/packets.ts';
import { cross, crossesWhole, type Heard, listen, sameBytes, tapAndCapture } from './bench.ts';
import { packet, SEGMENT } from './kinds.ts';

/** A VM: writes frames with their virtio headers, a line of hexadecimal digits each, into tap0. */
const TAP_WRITER = `
import fcntl, os, struct, sys
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'tap0', 0x5002))
for line in sys.stdin: os.write(fd, bytes.fromhex(line))
`;

/** The same through a packet socket: PACKET_VNET_HDR is option 15. */
const PACKET_WRITER = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)
s.setsockopt(263, 15, 1)
s.bind(('tap0', 3))
for line in sys.stdin: s.send(bytes.fromhex(line))
`;

const BIG = ([4, 6] as const).flatMap((version) =>
  [[], [0x8100]].map((tags) => ({
    make: (length: number): Packet => ({ ...packet(version, 6, tags, length), flags: ACK | PSH | CWR }),
  })),
);

/** The virtio header of other programs has ten bytes. */
function writeRecords(program: string, records: readonly Buffer[]): void {
  const lines = records.map((record) =>
    Buffer.concat([record.subarray(4, 14), record.subarray(16)]).toString('hex'),
  );
  const wrote = spawnSync('python3', ['-c', program], { input: lines.join('\n'), encoding: 'utf8' });
  assert.is(wrote.status, 0, wrote.stderr);
}

function write(program: string, what: Packet): void {
  writeRecords(program, [superRecord(what, SEGMENT)]);
}

/** Every part is a super-frame of its own, and all of them make the segments of the whole. */
async function arrivesInParts(heard: Heard[], what: Packet): Promise<void> {
  const expected = slowSegments(what, SEGMENT);
  const out = new RecordWriter();
  await until('all of it', () => {
    for (const { type, payload } of heard.splice(0)) {
      assert.ok(payload.length <= 12 + 65_575);
      const record = Buffer.concat([Buffer.from([type, 0, 0, 0]), payload]);
      record.writeUIntBE(payload.length, 1, 3);
      assert.is(typeof segment(record, 0, record.length, 1500, out), 'number');
    }
    return out.records >= expected.length;
  });
  const got = framesOf(out);
  assert.is(got.length, expected.length);
  for (const [i, frame] of expected.entries()) sameBytes(got[i]!, frame, `segment ${i}`);
}

function tests(): void {
  const test = suite('offload: bounds');

  test('the longest super-frame crosses, a longer one is refused', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      await crossesWhole(tap, heard, packet(4, 6, [], 65_535 - 52), 'IPv4');
      await crossesWhole(tap, heard, packet(6, 6, [], 65_575 - 86), 'IPv6');
      const long = offloadRecord(Buffer.alloc(65_576, 1), {});
      assert.is(tap.write(long, 0, long.length).badOffload, 1);
      assert.is(capture.write(long, 0, long.length).badOffload, 1);
    } finally {
      await close();
    }
  });

  test('packet: what is too long for a record comes in several, of the same segments', async () => {
    ip('tuntap add tap0 mode tap vnet_hdr');
    ip('link set tap0 up');
    const to = openPacket(findLink('tap0')!);
    try {
      const heard = listen(to);
      const kinds = BIG.map(({ make }) => make(180_000));
      // 58 bytes of Ethernet and IPv6 headers, 32 of TCP. The kernel takes the tag off, we put it back.
      for (const what of [...kinds, packet(6, 6, [0x8100], 65_489), packet(6, 6, [0x8100], 65_485)]) {
        write(TAP_WRITER, what);
        await arrivesInParts(heard, what);
      }
      assert.is(to.kernelDrops(), 0);
    } finally {
      await to.close();
      ip('link del tap0');
    }
  });

  test('packet: what is too long for a record and is not TCP is lost, and counted', async () => {
    ip('tuntap add tap0 mode tap vnet_hdr');
    ip('link set tap0 up');
    const to = openPacket(findLink('tap0')!);
    try {
      const heard = listen(to);
      const [long, short] = [
        offloadRecord(Buffer.alloc(70_000, 1), {}),
        frameRecord(build(packet(4, 17, [], 9)).frame),
      ];
      writeRecords(TAP_WRITER, [long, offloadRecord(short.subarray(4), {})]);
      await until('the second one', () => heard.length > 0);
      assert.is(to.kernelDrops(), 1);
    } finally {
      await to.close();
      ip('link del tap0');
    }
  });

  test('tap: what is too long for a record comes in several, of the same segments', async () => {
    const tap = openTap('tap0', {});
    try {
      const heard = listen(tap);
      for (const { make } of BIG) {
        write(PACKET_WRITER, make(180_000));
        await arrivesInParts(heard, make(180_000));
      }
    } finally {
      await tap.close();
      removeTap({ ifname: 'tap0' });
    }
  });

  test('segments that would be longer than the MTU are refused', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      for (const device of [tap, capture]) {
        const large = superRecord(packet(4, 6, [], 5000), 1500);
        assert.is(device.write(large, 0, large.length).refused, 1);
      }
    } finally {
      await close();
    }
  });

  test('a frame of full length with tags: a TAP takes it, a captured interface one tag of 0x8100 only', async () => {
    const told: string[] = [];
    const { tap, capture, close } = tapAndCapture((text) => told.push(text));
    try {
      const heard = listen(capture);
      for (const tags of [[0x8100], [0x88a8], [0x9100], [0x88a8, 0x8100], [0x9100, 0x8100, 0x8100]]) {
        const { frame } = build(packet(4, 6, tags, 1_448));
        const [got] = await cross(tap, heard, frameRecord(frame), 1);
        sameBytes(got!.payload, frame, `${tags}`);
        const { written, refused, tooLong } = capture.write(frameRecord(frame), 0, 4 + frame.length);
        const taken = tags.length === 1 && tags[0] === 0x8100 ? 1 : 0;
        assert.equal([written, refused, tooLong], [taken, 1 - taken, 1 - taken], `${tags}`);
      }
      assert.equal(told, [TAGS_REFUSED]);
    } finally {
      await close();
    }
  });

  test('tap: of a full queue that is shortened every frame is handed on or counted', async () => {
    const tap = openTap('tap0', {});
    const sender = openPacket(findLink('tap0')!);
    try {
      const heard = listen(tap);
      tap.pause();
      const batch = Buffer.concat(
        Array.from({ length: 400 }, () => frameRecord(build(packet(4, 6, [], 100)).frame)),
      );
      assert.is(sender.write(batch, 0, batch.length).written, 400);
      const plan: QueuePlan = { frames: 16, bytes: 20_000, superFrames: true, batchBytes: 32_768 };
      (tap as unknown as { govern(plan: QueuePlan): void }).govern(plan);
      assert.is(findLink('tap0')!.txQueueLength, 16);
      tap.resume();
      await until('all of them', () => heard.length + tap.kernelDrops() >= 400);
      assert.is(heard.length, 400);
    } finally {
      await Promise.all([tap.close(), sender.close()]);
      removeTap({ ifname: 'tap0' });
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
