import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mend } from '../../../machines/frames/mend.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import {
  ACK,
  build,
  EXAMPLE,
  embed,
  frameRecord,
  framesOf,
  type Packet,
  PSH,
  packets,
  slowSegments,
  slowSum,
} from './packets.ts';
import { SHELLS, slowTunnel, superTunnel, UNSHAPED, wrap } from './tunnels.ts';

const test = suite('mend');

function run(
  frame: Buffer,
  mtu: number,
  before = 0,
  farMtu = mtu,
): { result: ReturnType<typeof mend>; frames: Buffer[] } {
  const out = new RecordWriter(64);
  out.frame(Buffer.alloc(20), 0, 20);
  const { buffer, start, end } = embed(frameRecord(frame), before);
  const copy = Buffer.from(buffer);
  const result = mend(buffer, start, end, mtu, farMtu, out);
  assert.ok(copy.equals(buffer), 'the input stays as it was');
  return { result, frames: framesOf(out).slice(1) };
}

const AS_IT_IS = { result: 0, frames: [] };
const TOO_BIG = { result: 'too-big', frames: [] };
const MERGED = { result: 'merged', frames: [] };

const example: Packet = {
  ...EXAMPLE,
  tags: [0x8100],
  identification: 9,
  fragmentField: 0,
  sequence: 1,
  flags: ACK | PSH,
  payload: Uint8Array.from({ length: 4000 }, (_, i) => i * 7),
};
const datagram: Packet = { ...example, protocol: 17 };

test('a started checksum is finished, a finished one left alone', () => {
  fc.assert(
    fc.property(packets({ maxPayload: 1300 }), fc.nat(3), (packet, before) => {
      const right = build(packet).frame;
      const started = build(packet, { partial: true }).frame;
      assert.equal(run(right, 1800, before), AS_IT_IS);
      // One time in 65,536 the two look alike.
      fc.pre(!started.equals(right));
      assert.equal(run(started, 1800, before), { result: 1, frames: [right] });
    }),
    { numRuns: 200 },
  );
});

test('a wrong checksum stays wrong', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 300 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (packet, where, flip) => {
        const { frame, data } = build(packet);
        const at = data + (where % (frame.length - data));
        frame[at] = frame[at]! ^ flip;
        assert.equal(run(frame, 1800), AS_IT_IS);
      },
    ),
  );
});

test('a right checksum that looks like a started one is left alone', () => {
  const packet: Packet = { ...example, payload: new Uint8Array(100) };
  const { frame, l3, l4 } = build(packet, { partial: true });
  const pseudo = Buffer.concat([frame.subarray(l3 + 12, l3 + 20), Buffer.from([0, 6, 0, frame.length - l4])]);
  const missing = 0xffff - slowSum(Buffer.concat([pseudo, frame.subarray(l4)]));
  frame.writeUInt16BE(missing, frame.length - 2);
  assert.is(slowSum(Buffer.concat([pseudo, frame.subarray(l4)])), 0xffff);
  assert.equal(run(frame, 1500), AS_IT_IS);
});

test('behind a routing header it cannot be told whether a checksum is only started', () => {
  const packet: Packet = { ...example, version: 6, extensions: [{ kind: 43, units: 2 }] };
  const short = { ...packet, payload: packet.payload.subarray(0, 100) };
  assert.equal(run(build(short, { partial: true }).frame, 1500), AS_IT_IS);
});

test('padding behind the packet is no part of the checksum', () => {
  const short: Packet = { ...example, tags: [], payload: Uint8Array.of(1) };
  const padding = Buffer.alloc(9, 0x33);
  const { result, frames } = run(Buffer.concat([build(short, { partial: true }).frame, padding]), 1500);
  assert.is(result, 1);
  assert.equal(frames, [Buffer.concat([build(short).frame, padding])]);
});

test('UDP without a checksum, fragments, other protocols and other ethertypes are left alone', () => {
  const short: Packet = { ...datagram, payload: example.payload.subarray(0, 100) };
  const without = build(short);
  without.frame.writeUInt16BE(0, without.l4 + 6);
  assert.equal(run(without.frame, 1500), AS_IT_IS);
  for (const fragmentField of [0x2000, 0x0005, 0x2005]) {
    assert.equal(run(build({ ...short, fragmentField }, { partial: true }).frame, 1500), AS_IT_IS);
  }
  const icmp = build(short, { partial: true });
  icmp.frame[icmp.l3 + 9] = 1;
  assert.equal(run(icmp.frame, 1500), AS_IT_IS);
  assert.equal(run(Buffer.alloc(60, 0x11), 1500), AS_IT_IS);
});

test('TCP super-frames become segments as long as the MTU takes', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 20_000 }),
      fc.boolean(),
      fc.integer({ min: 300, max: 1500 }),
      (any, partial, mtu) => {
        const packet: Packet = { ...any, protocol: 6 };
        const { frame, l3, data } = build(packet, { partial });
        fc.pre(frame.length - l3 > mtu);
        const { result, frames } = run(frame, mtu);
        const expected = slowSegments(packet, mtu - (data - l3));
        assert.is(result, expected.length);
        assert.equal(frames, expected);
      },
    ),
    { numRuns: 200 },
  );
});

test('BIG TCP: a packet whose length field is 0', () => {
  const big: Packet = { ...example, payload: Uint8Array.from({ length: 100_000 }, (_, i) => i * 7) };
  for (const packet of [big, { ...big, version: 6 as const }]) {
    const { l3, data } = build(packet);
    const { frames } = run(build(packet, { partial: true }).frame, 1500);
    assert.equal(frames, slowSegments(packet, 1500 - (data - l3)));
  }
});

test('BIG TCP over IPv6: the jumbo payload header is taken out', () => {
  const packet: Packet = {
    ...example,
    version: 6,
    payload: Uint8Array.from({ length: 70_000 }, (_, i) => i * 7),
  };
  const { frame, l3, data } = build(packet, { partial: true });
  const jumbo = Buffer.from([6, 0, 0xc2, 4, 0, 1, 0x11, 0x90]);
  const behind = Buffer.concat([frame.subarray(0, l3 + 40), jumbo, frame.subarray(l3 + 40)]);
  behind[l3 + 6] = 0;
  assert.equal(run(behind, 1500).frames, slowSegments(packet, 1500 - (data - l3)));
});

for (const shell of SHELLS.filter(({ name }) => !UNSHAPED.test(name))) {
  const inner: Packet = { ...example, tags: [] };

  test(`${shell.name}: TCP super-frames become segments as long as the MTU takes`, () => {
    for (const version of [4, 6] as const) {
      const packet: Packet = { ...inner, version };
      const { frame, data } = superTunnel([shell], packet, 1000);
      const l3 = 14 + 4 * (shell.tags?.length ?? 0);
      assert.equal(run(frame, 1500).frames, slowTunnel([shell], packet, 1500 - (data - l3)));
    }
  });

  test(`${shell.name}: an inner checksum that is started is finished, an outer one too`, () => {
    for (const protocol of [6, 17] as const) {
      const packet: Packet = { ...inner, protocol, payload: inner.payload.subarray(0, 99) };
      const right = wrap(shell, build(packet).frame, 7);
      assert.equal(run(right.frame, 1500), AS_IT_IS);
      const front = right.front - (shell.ethernet ? 0 : 14);
      // The kernel makes the outer checksum as if the inner one were finished already.
      const started = Buffer.concat([
        right.frame.subarray(0, right.front),
        build(packet, { partial: true }).frame.subarray(shell.ethernet ? 0 : 14),
      ]);
      assert.is(started.length - front, build(packet).frame.length);
      assert.equal(run(started, 1500), { result: 1, frames: [right.frame] });
      if (shell.udp !== true || shell.checksum === undefined) continue;
      const outside = wrap(shell, build(packet).frame, 7, true).frame;
      assert.equal(run(outside, 1500), { result: 1, frames: [right.frame] });
    }
  });
}

test('datagrams in a tunnel do not tell their size', () => {
  for (const shell of SHELLS) {
    const { frame } = superTunnel([shell], { ...datagram, tags: [] }, 1000);
    if (shell.version === 6 || !UNSHAPED.test(shell.name)) assert.equal(run(frame, 1500), MERGED, shell.name);
  }
});

test('a UDP super-frame is never made one datagram, nor several of any size', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 9000 }),
      fc.boolean(),
      fc.integer({ min: 300, max: 1500 }),
      (any, partial, mtu) => {
        const packet: Packet = { ...any, protocol: 17 };
        const { frame, l3 } = build(packet, { partial });
        fc.pre(frame.length - l3 > mtu);
        assert.equal(run(frame, mtu), MERGED);
      },
    ),
  );
});

test('TCP between the two MTUs is cut to the smaller one, unless its checksum is wrong', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 8000 }),
      fc.boolean(),
      fc.integer({ min: 300, max: 1500 }),
      (any, partial, far) => {
        const packet: Packet = { ...any, protocol: 6 };
        const { frame, l3, data } = build(packet, { partial });
        fc.pre(frame.length - l3 > far);
        assert.equal(run(frame, 9000, 0, far).frames, slowSegments(packet, far - (data - l3)));
        // Both forms of zero are a right sum of nothing.
        frame[frame.length - 1]! ^= 1;
        if (!partial) assert.equal(run(frame, 9000, 0, far), AS_IT_IS);
      },
    ),
  );
  const tunnelled = superTunnel([SHELLS[1]!], { ...example, tags: [] }, 1000);
  const expected = slowTunnel([SHELLS[1]!], { ...example, tags: [] }, 1500 - (tunnelled.data - 14));
  assert.equal(run(tunnelled.frame, 9000, 0, 1500).frames, expected);
  assert.equal(run(build(datagram).frame, 9000, 0, 1500), AS_IT_IS);
});

test('what is too long and cannot be cut is too big', () => {
  const df = { ...datagram, fragmentField: 0x4000 };
  assert.equal(run(build(df, { partial: true }).frame, 1500), MERGED);
  assert.equal(run(build({ ...datagram, version: 6 }).frame, 1500), MERGED);
  assert.equal(run(build({ ...example, fragmentField: 0x2000 }).frame, 1500), TOO_BIG);
  const lengthless = build(datagram);
  lengthless.frame.writeUInt16BE(0, lengthless.l3 + 2);
  assert.equal(run(lengthless.frame, 1500), TOO_BIG);
  assert.equal(run(build(example).frame.subarray(0, 2000), 1500), TOO_BIG);
  assert.equal(run(Buffer.alloc(1600), 1500), TOO_BIG);
  assert.equal(run(build(example).frame, 40), TOO_BIG);
  const trailer = Buffer.concat([
    build({ ...example, payload: new Uint8Array(9) }).frame,
    Buffer.alloc(2000),
  ]);
  assert.equal(run(trailer, 1500), TOO_BIG);
});

test('any bytes: nothing throws, and what comes out fits', () => {
  fc.assert(
    fc.property(
      packets({ maxPayload: 3000 }),
      fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      fc.nat(3000),
      (packet, changes, shorter) => {
        const { frame } = build(packet, { partial: true });
        for (const [at, value] of changes) frame[at % frame.length] = value;
        const { result, frames } = run(
          frame.subarray(0, Math.max(14, frame.length - (shorter % frame.length))),
          1500,
        );
        assert.is(typeof result === 'string' ? 0 : result, frames.length);
        assert.ok(frames.every((each) => each.length <= 1522));
      },
    ),
    { numRuns: 300 },
  );
});

test.run();
