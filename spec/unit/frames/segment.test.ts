import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startChecksum } from '../../../machines/frames/remedy.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { checkOffload, isSuperFrame } from '../../../machines/frames/virtio.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import {
  build,
  EXAMPLE,
  embed,
  framesOf,
  offloadRecord,
  type Packet,
  packets,
  slowSegments,
  slowSum,
  splitRecords,
  superRecord,
} from './packets.ts';

const test = suite('segment');

const MTU = 1500;

function run(
  record: Buffer,
  mtu = MTU,
  before = 0,
): { result: ReturnType<typeof segment>; frames: Buffer[] } {
  const out = new RecordWriter(64);
  const { buffer, start, end } = embed(record, before);
  const copy = Buffer.from(buffer);
  const result = segment(buffer, start, end, mtu, out);
  assert.ok(copy.equals(buffer), 'the input stays as it was');
  return { result, frames: framesOf(out) };
}

function headerBytes(packet: Packet): number {
  const { l3, data } = build(packet);
  return data - l3;
}

const example: Packet = { ...EXAMPLE, flags: 0x99, payload: new Uint8Array(4000).fill(0x5a) };

test('super-frames of every kind become the segments that a sender without offload makes', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 9000 }),
      fc.integer({ min: 200, max: 1300 }),
      fc.integer({ min: 0, max: 7 }),
      fc.boolean(),
      (packet, gsoSize, before, ecn) => {
        const gsoType = packet.protocol === 17 ? 5 : (packet.version === 4 ? 1 : 4) | (ecn ? 0x80 : 0);
        const { result, frames } = run(superRecord(packet, gsoSize, { gsoType }), MTU, before);
        const expected = slowSegments(packet, gsoSize);
        assert.is(result, expected.length);
        assert.equal(frames, expected);
      },
    ),
    { numRuns: 300 },
  );
});

test('without NEEDS_CSUM the same segments come out, whatever the checksum is', () => {
  const nothing = { flags: 0, csumStart: 0, csumOffset: 0 };
  fc.assert(
    fc.property(
      packets({ maxPayload: 9000 }),
      fc.integer({ min: 200, max: 1300 }),
      fc.nat(0xffff),
      (packet, gsoSize, checksum) => {
        const record = superRecord(packet, gsoSize, nothing);
        const { l4 } = build(packet);
        record.writeUInt16BE(checksum, 16 + l4 + (packet.protocol === 6 ? 16 : 6));
        assert.is(checkOffload(record, 0, record.length), true);
        assert.equal(run(record).frames, slowSegments(packet, gsoSize));
        const out = new RecordWriter(64);
        assert.is(startChecksum(record, 0, record.length, out), undefined);
        assert.equal(
          splitRecords(out.buffer, 0, out.length),
          splitRecords(...whole(superRecord(packet, gsoSize))),
        );
      },
    ),
    { numRuns: 200 },
  );
});

function whole(record: Buffer): [Buffer, number, number] {
  return [record, 0, record.length];
}

test('three tags are looked behind', () => {
  const packet = { ...example, tags: [0x88a8, 0x8100, 0x8100] };
  assert.equal(run(superRecord(packet, 1000)).frames, slowSegments(packet, 1000));
});

test('identification and sequence number wrap, FIN and PSH are last, CWR is first', () => {
  const { frames } = run(superRecord(example, 1000));
  assert.equal(
    frames.map((frame) => frame.readUInt16BE(18)),
    [0xfffe, 0xffff, 0, 1],
  );
  assert.equal(
    frames.map((frame) => frame.readUInt32BE(38)),
    [0xfffffa00, 0xfffffde8, 0x1d0, 0x5b8],
  );
  assert.equal(
    frames.map((frame) => frame[47]),
    [0x90, 0x10, 0x10, 0x19],
  );
});

test('TCP data goes in smaller segments where the MTU is smaller than gso_size asks', () => {
  const { result, frames } = run(superRecord(example, 1448), 576);
  assert.equal(frames, slowSegments(example, 576 - headerBytes(example)));
  assert.is(result, frames.length);
  assert.ok(frames.every((frame) => frame.length <= 576 + 14));
});

test('datagrams keep their size, and are too big where the MTU does not take them', () => {
  const packet: Packet = { ...example, protocol: 17 };
  assert.is(run(superRecord(packet, 1472)).result, 3);
  assert.equal(run(superRecord(packet, 1473)), { result: 'too-big', frames: [] });
  assert.is(run(superRecord({ ...packet, payload: packet.payload.subarray(0, 1472) }, 9000)).result, 1);
});

test('a UDP checksum of 0 is written as 0xffff', () => {
  const packet: Packet = { ...example, protocol: 17, payload: new Uint8Array(20) };
  const { frame, l4 } = build(packet);
  const payload = new Uint8Array(20);
  payload.set(frame.subarray(l4 + 6, l4 + 8));
  const { frames } = run(superRecord({ ...packet, payload }, 1400));
  assert.is(frames[0]!.readUInt16BE(l4 + 6), 0xffff);
  const plain = run(partialRecord({ ...packet, payload }));
  assert.is(plain.frames[0]!.readUInt16BE(l4 + 6), 0xffff);
});

function partialRecord(packet: Packet): Buffer {
  const { frame, l4 } = build(packet, { partial: true });
  return offloadRecord(frame, { flags: 1, csumStart: l4, csumOffset: packet.protocol === 6 ? 16 : 6 });
}

test('a frame whose checksum is only started gets it finished', () => {
  fc.assert(
    fc.property(packets({ maxPayload: 1300 }), fc.integer({ min: 0, max: 3 }), (packet, before) => {
      const { result, frames } = run(partialRecord(packet), 1800, before);
      assert.is(result, 1);
      const { frame, l4 } = build(packet);
      const field = l4 + (packet.protocol === 6 ? 16 : 6);
      // Both forms of zero are right for TCP.
      if (frame.readUInt16BE(field) === 0) frame.writeUInt16BE(0xffff, field);
      assert.equal(frames, [frame]);
    }),
  );
});

test('a plain frame is copied; one longer than the MTU is too big', () => {
  const frame = Buffer.alloc(1514, 7);
  assert.equal(run(offloadRecord(frame, {})), { result: 1, frames: [frame] });
  assert.equal(run(offloadRecord(Buffer.alloc(1515, 7), {})), { result: 'too-big', frames: [] });
  const tagged = Buffer.alloc(1518, 7);
  tagged.writeUInt16BE(0x8100, 12);
  assert.is(run(offloadRecord(tagged, {})).result, 1);
});

test('an IPv6 routing header: the started checksum tells the destination that counts', () => {
  const packet: Packet = { ...example, version: 6, extensions: [{ kind: 43, units: 2 }], fragmentField: 0 };
  const { frame, l4 } = build(packet, { partial: true });
  const final = Buffer.from(packet.addresses.subarray(0, 32)).fill(0x77, 16);
  const length = frame.length - l4;
  const pseudo = Buffer.concat([final, Buffer.from([length >> 8, length & 255, 0, 6])]);
  frame.writeUInt16BE(slowSum(pseudo), l4 + 16);
  const { frames } = run(
    offloadRecord(frame, { flags: 1, gsoType: 4, gsoSize: 1000, csumStart: l4, csumOffset: 16 }),
  );
  assert.is(frames.length, 4);
  for (const each of frames) {
    const bytes = each.length - l4;
    const header = Buffer.concat([final, Buffer.from([bytes >> 8, bytes & 255, 0, 6])]);
    assert.is(slowSum(Buffer.concat([header, each.subarray(l4)])), 0xffff);
  }
});

const wrong: Record<string, Buffer> = {
  'no NEEDS_CSUM behind a routing header': superRecord(
    { ...example, version: 6, extensions: [{ kind: 43, units: 2 }], fragmentField: 0 },
    1000,
    { flags: 0 },
  ),
  'gso_size 0': superRecord(example, 0),
  'gso_size 7': superRecord(example, 7),
  UFO: superRecord({ ...example, protocol: 17 }, 1000, { gsoType: 3 }),
  'unknown type': superRecord(example, 1000, { gsoType: 2 }),
  'ECN alone': superRecord(example, 1000, { gsoType: 0x80 }),
  'ECN and UDP': superRecord({ ...example, protocol: 17 }, 1000, { gsoType: 0x85 }),
  'TCPV6 for IPv4': superRecord(example, 1000, { gsoType: 4 }),
  'UDP for TCP': superRecord(example, 1000, { gsoType: 5, csumOffset: 6 }),
  'TCP for UDP': superRecord({ ...example, protocol: 17 }, 1000, { gsoType: 1, csumOffset: 16 }),
  'hdr_len past the end': superRecord(example, 1000, { headerLength: 9999 }),
  'csum_start elsewhere': superRecord(example, 1000, { csumStart: 38 }),
  'csum_offset elsewhere': superRecord(example, 1000, { csumOffset: 14 }),
  'checksum in the source address': offloadRecord(build(example).frame, { flags: 1, csumOffset: 6 }),
  'checksum past the end': offloadRecord(Buffer.alloc(60), { flags: 1, csumStart: 50, csumOffset: 9 }),
  'a fragment': superRecord({ ...example, fragmentField: 0x2000 }, 1000),
  'too many datagrams': superRecord({ ...example, protocol: 17 }, 31),
  'no data': superRecord({ ...example, payload: new Uint8Array(0) }, 1000),
  'not IP': offloadRecord(Buffer.alloc(2000), {
    flags: 1,
    gsoType: 1,
    gsoSize: 100,
    csumStart: 34,
    csumOffset: 16,
  }),
  'an authentication header': superRecord(
    { ...example, version: 6, extensions: [{ kind: 51, units: 0 }] },
    1000,
  ),
  'no Ethernet header': offloadRecord(Buffer.alloc(13), {}),
};
const lyingLength = superRecord(example, 1000);
lyingLength.writeUInt16BE(100, 16 + 16);
wrong["IP length that is not the frame's"] = lyingLength;
const lyingUdp = superRecord({ ...example, protocol: 17 }, 1000);
lyingUdp.writeUInt16BE(100, 16 + 34 + 4);
wrong["UDP length that is not the frame's"] = lyingUdp;
const lyingTcp = superRecord(example, 1000);
lyingTcp[16 + 46] = 0x40;
wrong['TCP header of 16 bytes'] = lyingTcp;

for (const [name, record] of Object.entries(wrong)) {
  test(`bad-offload: ${name}`, () => {
    assert.type(checkOffload(record, 0, record.length), 'string');
    assert.equal(run(record), { result: 'bad-offload', frames: [] });
  });
}

test('a virtio header of any bytes never throws, and what comes out fits the MTU', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 3000 }),
      fc.array(fc.tuple(fc.nat(99), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      fc.nat(3000),
      (packet, changes, shorter) => {
        const whole = superRecord(packet, 1000);
        for (const [at, value] of changes) whole[4 + (at % (whole.length - 4))] = value;
        const record = shorter % 3 > 0 ? whole : whole.subarray(0, Math.max(30, whole.length - shorter));
        const { result, frames } = run(record);
        assert.is(result === 'bad-offload' || result === 'too-big' ? 0 : result, frames.length);
        assert.ok(frames.every((frame) => frame.length <= MTU + 14 + 8));
        const longest = superRecord(packet, 1000, { gsoType: 0 });
        assert.is(isSuperFrame(longest, 0), false);
      },
    ),
    { numRuns: 400 },
  );
});

test.run();
