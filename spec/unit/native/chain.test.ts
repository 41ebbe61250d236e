import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon } from '../../../io/device/addon.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import {
  ACK,
  build,
  EXAMPLE,
  embed,
  FIN,
  frameRecord,
  type Packet,
  PSH,
  packets,
  slowSegments,
  slowSum,
  splitRecords,
} from '../frames/packets.ts';

const test = suite('TCP segments joined for a device');

/** Joins, and cuts what was joined again. */
function roundTrip(
  frames: readonly Buffer[],
  { before = 0, mtu = 9000 } = {},
): { joined: number; types: number[]; back: Buffer[] } {
  const { buffer, start, end } = embed(Buffer.concat(frames.map(frameRecord)), before);
  const out = Buffer.alloc(end - start);
  const used = addon().joinSegments(buffer.subarray(start, end), mtu, out);
  const again = new RecordWriter(64);
  const types: number[] = [];
  for (let at = 0; at < used; ) {
    const next = at + 4 + out.readUIntBE(at + 1, 3);
    types.push(out[at]!);
    if (out[at] === 1) assert.type(segment(out, at, next, 9000, again), 'number');
    else again.copy(out, at, next);
    at = next;
  }
  const joined = types.filter((type) => type === 1).length;
  return { joined, types, back: splitRecords(again.buffer, 0, again.length).map(({ payload }) => payload) };
}

const example = EXAMPLE;

test('segments that follow one another become one super-frame, and the very same bytes again', () => {
  for (const version of [4, 6] as const) {
    for (const flags of [ACK, ACK | PSH, ACK | PSH | FIN]) {
      const frames = slowSegments({ ...example, version, flags, tags: [0x8100] }, 1000);
      const { joined, back } = roundTrip(frames);
      assert.is(joined, 1);
      assert.equal(back, frames);
    }
  }
});

test('any run of frames comes back as it was', () => {
  const streams = fc.array(
    fc.tuple(packets({ maxPayload: 4000, plain: true }), fc.integer({ min: 100, max: 1400 })),
    { minLength: 1, maxLength: 5 },
  );
  const faults = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 });
  const moves = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 2 });
  fc.assert(
    fc.property(streams, faults, moves, fc.nat(3), (flows, changes, swaps, before) => {
      const frames = flows.flatMap(([packet, size]) => slowSegments({ ...packet, protocol: 6 }, size));
      for (const [which, where, flip] of changes) {
        const frame = frames[which % frames.length]!;
        frame[where % frame.length] = frame[where % frame.length]! ^ flip;
      }
      for (const [a, b] of swaps) {
        const [i, j] = [a % frames.length, b % frames.length];
        [frames[i], frames[j]] = [frames[j]!, frames[i]!];
      }
      assert.equal(roundTrip(frames, { before }).back, frames);
    }),
    { numRuns: 300 },
  );
});

test('what cannot be given back as it was is left alone', () => {
  const [one, two] = slowSegments({ ...example, payload: example.payload.subarray(0, 2000) }, 1000) as [
    Buffer,
    Buffer,
  ];
  const changed = (change: Partial<Packet>) =>
    build({
      ...example,
      payload: example.payload.subarray(1000, 2000),
      sequence: 0xfffffde8,
      identification: 0xffff,
      ...change,
    }).frame;
  assert.equal(changed({}), two);
  assert.is(roundTrip([one, two]).joined, 1);
  const different: Partial<Packet>[] = [
    { identification: 0 },
    { sequence: 0xfffffde9 },
    { acknowledgement: 8 },
    { window: 1 },
    { flags: 0x02 | ACK },
    { flags: 0x80 | ACK },
    { flags: 0x100 | ACK },
    { urgent: 1 },
    { ports: [80, 40001] },
    { tcpOptions: new Uint8Array(12).fill(1) },
    { fragmentField: 0 },
    { source: 1 },
    { tags: [0x8100] },
    { payload: new Uint8Array(1001) },
    { payload: new Uint8Array(0) },
    { ipOptions: new Uint8Array(4) },
  ];
  for (const change of different)
    assert.is(roundTrip([one, changed(change)]).joined, 0, JSON.stringify(change));
  assert.is(roundTrip([one, Buffer.concat([two, Buffer.alloc(4)])]).joined, 0);
  const pushed = { ...example, flags: ACK | PSH, payload: example.payload.subarray(0, 1000) };
  assert.is(roundTrip([build(pushed).frame, two]).joined, 0);
  for (const [at, value] of [
    [1, 4],
    [8, 63],
  ] as const) {
    const odd = Buffer.from(two);
    odd[14 + at] = value;
    odd.writeUInt16BE(0, 24);
    odd.writeUInt16BE(0xffff - slowSum(odd.subarray(14, 34)), 24);
    assert.is(roundTrip([one, odd]).joined, 0, `byte ${at} of the IP header`);
  }
});

test('a segment that is shorter than the first one is the last', () => {
  const [one, two, three] = slowSegments({ ...example, payload: example.payload.subarray(0, 3000) }, 1000);
  const short = build({
    ...example,
    payload: example.payload.subarray(1000, 1500),
    sequence: 0xfffffde8,
    identification: 0xffff,
  }).frame;
  const rest = build({
    ...example,
    payload: example.payload.subarray(1500, 2000),
    sequence: 0xffffffdc,
    identification: 0,
  }).frame;
  const { types, back } = roundTrip([one!, short, rest]);
  assert.equal(types, [1, 0]);
  assert.equal(back, [one, short, rest]);
  assert.is(roundTrip([one!, two!, three!]).joined, 1);
});

test('frames longer than the MTU of the device are left alone', () => {
  const frames = slowSegments(example, 1000);
  const longest = 1000 + 20 + 32;
  assert.is(roundTrip(frames, { mtu: longest }).joined, 1);
  assert.is(roundTrip(frames, { mtu: longest - 1 }).joined, 0);
});

test('a frame with a wrong checksum is not joined', () => {
  const frames = slowSegments(example, 1000);
  frames[1]![200] = frames[1]![200]! ^ 1;
  const { types, back } = roundTrip(frames);
  assert.equal(types, [0, 0, 1]);
  assert.equal(back, frames);
});

test('a super-frame is at most as long as an IP packet can be', () => {
  for (const version of [4, 6] as const) {
    const payload = Uint8Array.from({ length: 140_000 }, (_, i) => i);
    const frames = slowSegments({ ...example, version, tags: [0x8100, 0x8100], payload }, 1400);
    const { joined, back } = roundTrip(frames);
    assert.is(joined, 3);
    assert.equal(back, frames);
    // 30 of them would fit into the record, and not into the length field of IPv4.
    const longer = slowSegments(
      { ...example, version, tags: [0x8100, 0x8100], payload: payload.subarray(0, 65_490) },
      2183,
    );
    assert.equal(roundTrip(longer).back, longer);
  }
});

test.run();
