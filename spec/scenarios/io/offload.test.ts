/**
 * Super-frames and unfinished checksums through the real devices, in a network namespace of this process alone.
 * What the kernel makes of a super-frame is held against segments that were built the slow way.
 *
 *     [packet device] near0 ──── veth ──── far0 [packet device]
 *     [TAP device] ════ tap0 [packet device]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Advise, TAGS_REFUSED } from '../../../io/device/advice.ts';
import { findLink } from '../../../io/device/interfaces.ts';
import { openPacket } from '../../../io/device/packet-device.ts';
import type { QueuePlan } from '../../../io/device/queue-governor.ts';
import { openTap, removeTap } from '../../../io/device/tap-device.ts';
import type { FrameDevice } from '../../../io/ports.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';
import {
  ACK,
  build,
  CWR,
  frameRecord,
  framesOf,
  type Offload,
  offloadRecord,
  type Packet,
  PSH,
  slowSegments,
  splitRecords,
  superRecord,
} from '../../unit/frames/packets.ts';

const SEGMENT = 1300;

function packet(version: 4 | 6, protocol: 6 | 17, tags: readonly number[], length: number): Packet {
  return {
    tags,
    destination: 0x02_00_00_00_00_01,
    source: 0x02_00_00_00_00_02,
    version,
    protocol,
    addresses: Uint8Array.from({ length: version === 4 ? 8 : 32 }, (_, i) => i + 16),
    identification: 0x1234,
    fragmentField: 0x4000,
    ipOptions: new Uint8Array(0),
    extensions: [],
    sequence: 0xfffff000,
    acknowledgement: 7,
    flags: ACK | PSH,
    window: 1000,
    urgent: 0,
    tcpOptions: new Uint8Array(12).fill(1),
    ports: [4000, 5000],
    payload: Uint8Array.from({ length }, (_, i) => i * 7),
  };
}

const TAGS: readonly (readonly number[])[] = [[], [0x8100], [0x88a8, 0x8100], [0x88a8, 0x8100, 0x8100]];

const KINDS = ([4, 6] as const).flatMap((version) =>
  ([6, 17] as const).flatMap((protocol) =>
    TAGS.map((tags) => ({
      name: `IPv${version} ${protocol === 6 ? 'TCP' : 'UDP'} with ${tags.length} tags`,
      make: (length: number) => packet(version, protocol, tags, length),
    })),
  ),
);

interface Heard {
  readonly type: number;
  readonly payload: Buffer;
}

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

/** Begins to read, and keeps what has our source address. */
function listen(device: FrameDevice): Heard[] {
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
async function cross(device: FrameDevice, heard: Heard[], record: Buffer, count: number): Promise<Heard[]> {
  heard.length = 0;
  const outcome = device.write(record, 0, record.length);
  assert.is(outcome.written, 1, JSON.stringify(outcome));
  await until(`${count} records`, () => heard.length >= count);
  return heard.splice(0);
}

/** Says where two frames differ rather than print them. */
function sameBytes(got: Buffer, expected: Buffer, what: string): void {
  const at = expected.findIndex((byte, i) => byte !== got[i]);
  assert.is(got.length, expected.length, `${what}: length`);
  assert.is(at, -1, `${what}: byte ${at} is ${got[at]}, expected ${expected[at]}`);
}

async function crossesWhole(device: FrameDevice, heard: Heard[], what: Packet, name: string): Promise<void> {
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

async function arrivesCut(
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

const everything = ['tx', 'tso', 'gso', 'gro', 'tx-udp-segmentation'];

function ethtool(ifname: string, on: boolean): void {
  const words = everything.flatMap((feature) => [feature, on ? 'on' : 'off']);
  execFileSync('ethtool', ['-K', ifname, ...words], { stdio: 'ignore' });
}

interface Pair {
  readonly from: FrameDevice;
  readonly to: FrameDevice;
  close(): Promise<void>;
}

function cable(): Pair {
  veth('near0', 'far0');
  const from = openPacket(findLink('near0')!);
  const to = openPacket(findLink('far0')!);
  const close = async () => {
    await Promise.all([from.close(), to.close()]);
    ip('link del near0');
  };
  return { from, to, close };
}

function tapAndCapture(advise?: Advise): { tap: FrameDevice; capture: FrameDevice; close(): Promise<void> } {
  const tap = openTap('tap0', {});
  const capture = openPacket(findLink('tap0')!, advise);
  const close = async () => {
    await Promise.all([tap.close(), capture.close()]);
    removeTap({ ifname: 'tap0' });
  };
  return { tap, capture, close };
}

/** What is no right header for its frame; each must be refused and harm nobody else. */
function wrongRecords(): [string, Buffer][] {
  const tcp = packet(4, 6, [], 5000);
  const udp = packet(4, 17, [], 5000);
  const wrong = (what: Packet, more: Offload) => superRecord(what, SEGMENT, more);
  return [
    ['no checksum asked for', wrong(tcp, { flags: 0 })],
    ['segments of no bytes', wrong(tcp, { gsoSize: 0 })],
    ['segments of one byte', wrong(tcp, { gsoSize: 1 })],
    ['more UDP segments than the kernel makes', wrong(udp, { gsoSize: 10 })],
    ['an unknown kind', wrong(tcp, { gsoType: 9 })],
    ['UDP fragmentation', wrong(udp, { gsoType: 3 })],
    ['UDP with ECN', wrong(udp, { gsoType: 0x85 })],
    ['IPv6 on an IPv4 frame', wrong(tcp, { gsoType: 4 })],
    ['UDP on a TCP frame', wrong(tcp, { gsoType: 5, csumOffset: 6 })],
    ['a checksum behind the end', wrong(tcp, { csumStart: 65_000 })],
    ['a checksum in the Ethernet header', wrong(tcp, { csumStart: 4 })],
    ['a checksum at a wrong place', wrong(tcp, { csumOffset: 14 })],
    ['a transport header at a wrong place', wrong(tcp, { csumStart: 36 })],
    [
      'a plain frame with a checksum behind its end',
      offloadRecord(Buffer.alloc(60, 1), { flags: 1, csumStart: 58, csumOffset: 2 }),
    ],
    [
      'a frame that is cut off',
      offloadRecord(build(tcp).frame.subarray(0, 40), {
        flags: 1,
        gsoType: 1,
        gsoSize: 100,
        csumStart: 34,
        csumOffset: 16,
      }),
    ],
    ['no frame', offloadRecord(Buffer.alloc(3), {})],
  ];
}

function tests(): void {
  const test = suite('offload');

  test('packet: a super-frame crosses a cable whole', async () => {
    const { from, to, close } = cable();
    try {
      const heard = listen(to);
      for (const { name, make } of KINDS) await crossesWhole(from, heard, make(20_000), name);
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

  test('a super-frame of one segment goes as an ordinary frame, whatever its gso_size', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) {
        const what = make(1_000);
        for (const size of [1_000, 1_001, 0xffff]) {
          const [got] = await cross(tap, heard, superRecord(what, size), 1);
          assert.is(got!.type === 1 ? got!.payload[1] : 0, 0, `${name}, ${size}`);
        }
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

  test('packet: where the interface has no offload, the kernel makes segments', async () => {
    const { from, to, close } = cable();
    try {
      ethtool('near0', false);
      const heard = listen(to);
      for (const { name, make } of KINDS) await arrivesCut(from, heard, make(20_000), name);
      for (const version of [4, 6] as const) {
        const what = { ...packet(version, 6, [], 20_000), flags: ACK | PSH | CWR };
        const plain = version === 4 ? 1 : 4;
        for (const gsoType of [plain, plain | 0x80]) {
          await arrivesCut(from, heard, what, `CWR, gso_type ${gsoType}`, { gsoType });
        }
      }
    } finally {
      await close();
    }
  });

  test('tap: a super-frame that is written arrives whole', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) await crossesWhole(tap, heard, make(20_000), name);
    } finally {
      await close();
    }
  });

  test('tap: TCP segments written one behind the other arrive as one super-frame', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) {
        const what = make(20_000);
        const segments = slowSegments(what, SEGMENT);
        const batch = Buffer.concat(segments.map(frameRecord));
        const joined = what.protocol === 6;
        heard.length = 0;
        const outcome = tap.write(batch, 0, batch.length);
        assert.is(outcome.written, segments.length, name);
        assert.is(outcome.writtenBytes, batch.length - 4 * segments.length, name);
        const expected = joined ? [superRecord(what, SEGMENT)] : segments.map(frameRecord);
        await until(`${expected.length} records`, () => heard.length >= expected.length);
        const from = joined ? 16 : 4;
        for (const [i, record] of expected.entries()) {
          assert.is(heard[i]?.type, joined ? 1 : 0, name);
          sameBytes(heard[i]!.payload.subarray(from - 4), record.subarray(from), name);
        }
      }
    } finally {
      await close();
    }
  });

  test('tap: where what was joined is not taken, each segment is counted by itself', async () => {
    const { tap, close } = tapAndCapture();
    try {
      const segments = slowSegments(KINDS[0]!.make(20_000), SEGMENT);
      const batch = Buffer.concat(segments.map(frameRecord));
      ip('link set tap0 down');
      const { written, writtenBytes, refused, queueFull, badOffload } = tap.write(batch, 0, batch.length);
      assert.equal([written, writtenBytes, refused + queueFull, badOffload], [0, 0, segments.length, 0]);
    } finally {
      await close();
    }
  });

  test('tap: a super-frame is read whole, or in segments when none are wanted', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(tap);
      for (const { name, make } of KINDS) await crossesWhole(capture, heard, make(20_000), name);
      tap.setOffload(false);
      for (const { name, make } of KINDS) await arrivesCut(capture, heard, make(20_000), name);
      tap.setOffload(true);
      await crossesWhole(capture, heard, KINDS[0]!.make(60_000), 'wanted again');
    } finally {
      await close();
    }
  });

  test('a checksum that is only started arrives as such, or finished', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(tap);
      for (const { name, make } of KINDS) {
        const what = make(500);
        const record = superRecord(what, 0, { gsoType: 0 });
        const [partial] = await cross(capture, heard, record, 1);
        assert.is(partial!.type, 1, name);
        sameBytes(partial!.payload.subarray(12), record.subarray(16), name);
        tap.setOffload(false);
        const [finished] = await cross(capture, heard, record, 1);
        assert.is(finished!.type, 0, name);
        sameBytes(finished!.payload, build(what).frame, name);
        tap.setOffload(true);
      }
    } finally {
      await close();
    }
  });

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

  test('a wrong virtio header harms its own frame alone', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      const good = frameRecord(build(packet(4, 17, [], 100)).frame);
      for (const device of [tap, capture]) {
        for (const [name, record] of wrongRecords()) {
          const region = Buffer.concat([good, record, good]);
          const { written, badOffload } = device.write(region, 0, region.length);
          assert.equal({ written, badOffload }, { written: 2, badOffload: 1 }, name);
        }
      }
      await until('the good ones', () => heard.length >= 2 * wrongRecords().length);
      assert.ok(heard.every(({ type }) => type === 0));
    } finally {
      await close();
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
