/** Super-frames of tunnels, cut, against frames that were put into the tunnel one by one. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mend } from '../../../machines/frames/mend.ts';
import { remedyOf } from '../../../machines/frames/remedy.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { checkOffload } from '../../../machines/frames/virtio.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import {
  build,
  EXAMPLE,
  embed,
  frameRecord,
  framesOf,
  offloadRecord,
  type Packet,
  packets,
  slowSegments,
} from './packets.ts';
import { SHELLS, type Shell, slowTunnel, superTunnel, UNSHAPED } from './tunnels.ts';

const test = suite('tunnel');

function run(
  record: Buffer,
  mtu = 1500,
  before = 0,
): { result: ReturnType<typeof segment>; frames: Buffer[] } {
  const out = new RecordWriter(64);
  const { buffer, start, end } = embed(record, before);
  const copy = Buffer.from(buffer);
  const result = segment(buffer, start, end, mtu, out);
  assert.ok(copy.equals(buffer), 'the input stays as it was');
  return { result, frames: framesOf(out) };
}

/** Says where frames differ rather than print them. */
function same(got: readonly Buffer[], expected: readonly Buffer[], what: string): void {
  assert.is(got.length, expected.length, what);
  for (const [i, frame] of expected.entries()) {
    const at = frame.findIndex((byte, j) => byte !== got[i]![j]);
    assert.is(got[i]!.length, frame.length, `${what}: length of ${i}`);
    assert.is(at, -1, `${what}: byte ${at} of ${i} is ${got[i]![at]}, not ${frame[at]}`);
  }
}

const inner: Packet = { ...EXAMPLE, flags: 0x99, payload: new Uint8Array(4001).fill(0x5a) };
const named = (name: string) => SHELLS.find((shell) => shell.name === name)!;

for (const shell of SHELLS) {
  test(`${shell.name}: cut as the kernel would, every header right`, () => {
    fc.assert(
      fc.property(
        packets({ maxPayload: 6000 }),
        fc.integer({ min: 200, max: 1000 }),
        fc.nat(3),
        (any, gsoSize, before) => {
          const packet: Packet = { ...any, tags: [] };
          const { record } = superTunnel([shell], packet, gsoSize);
          assert.is(checkOffload(record, 0, record.length), true);
          const { frames } = run(record, 1500, before);
          same(frames, slowTunnel([shell], packet, gsoSize), shell.name);
        },
      ),
      { numRuns: 40 },
    );
  });
}

test('a tunnel in a tunnel', () => {
  const pairs: [string, string][] = [
    ['VXLAN with checksums over IPv4', 'VXLAN with checksums over IPv6'],
    ['GRE of Ethernet with key and checksum over IPv6', 'VXLAN over IPv4'],
    ['IP in IP over IPv4', 'GRE over IPv6'],
  ];
  for (const names of pairs) {
    const shells = names.map(named);
    for (const version of [4, 6] as const) {
      const packet: Packet = { ...inner, version };
      same(
        run(superTunnel(shells, packet, 1000).record).frames,
        slowTunnel(shells, packet, 1000),
        `${names}`,
      );
    }
  }
});

/** Bytes between Ethernet and IP. `length`: where in them the length of what follows stands. */
const SHIMS: readonly { name: string; type: number; bytes: (version: 4 | 6) => number[]; length?: number }[] =
  [
    { name: 'MPLS', type: 0x8847, bytes: () => [0, 16, 0, 64, 0, 17, 1, 64] },
    {
      name: 'PPPoE',
      type: 0x8864,
      length: 4,
      bytes: (version) => [0x11, 0, 0, 9, 0, 0, 0, version === 4 ? 0x21 : 0x57],
    },
    { name: 'NSH', type: 0x894f, bytes: (version) => [0, 2, 2, version === 4 ? 1 : 2, 0, 0, 9, 255] },
  ];

function behindShim(frame: Buffer, { type, bytes, length }: (typeof SHIMS)[number]): Buffer {
  const shim = Buffer.from(bytes(frame.readUInt16BE(12) === 0x0800 ? 4 : 6));
  if (length !== undefined) shim.writeUInt16BE(frame.length - 14 + 2, length);
  const made = Buffer.concat([frame.subarray(0, 14), shim, frame.subarray(14)]);
  made.writeUInt16BE(type, 12);
  return made;
}

for (const shim of SHIMS) {
  test(`${shim.name}: what is between Ethernet and IP goes with each segment`, () => {
    for (const version of [4, 6] as const) {
      for (const protocol of [6, 17] as const) {
        const packet: Packet = { ...inner, version, protocol };
        const { frame, l4 } = build(packet, { partial: true });
        const whole = behindShim(frame, shim);
        const gsoType = protocol === 17 ? 5 : version === 4 ? 1 : 4;
        const where = { csumStart: l4 + 8, csumOffset: protocol === 6 ? 16 : 6 };
        const record = offloadRecord(whole, { flags: 1, gsoType, gsoSize: 1000, ...where });
        const expected = slowSegments(packet, 1000).map((each) => behindShim(each, shim));
        assert.is(remedyOf(record, 0, record.length), 'cut');
        same(run(record).frames, expected, shim.name);
        if (shim.name === 'NSH') continue;
        const unstarted = offloadRecord(whole, { gsoType, gsoSize: 1000 });
        assert.is(remedyOf(unstarted, 0, unstarted.length), 'cut');
        same(run(unstarted).frames, expected, shim.name);
        const out = new RecordWriter(64);
        const plain = frameRecord(whole);
        const made = mend(plain, 0, plain.length, 1500, 1500, out);
        if (protocol === 17) assert.is(made, 'merged');
        else
          assert.is(made, slowSegments(packet, 1500 - 8 - (frame.length - inner.payload.length - 14)).length);
      }
    }
  });
}

test('the far MTU is that of the outer packet', () => {
  const shell = named('VXLAN over IPv4');
  const { record, data } = superTunnel([shell], inner, 1448);
  const { frames } = run(record, 1400);
  same(frames, slowTunnel([shell], inner, 1400 - (data - 14)), 'smaller segments');
  assert.ok(frames.every((frame) => frame.length <= 1414));
  const datagrams: Packet = { ...inner, protocol: 17 };
  assert.is(run(superTunnel([shell], datagrams, 1422).record).result, 3);
  assert.equal(run(superTunnel([shell], datagrams, 1423).record), { result: 'too-big', frames: [] });
});

test('without NEEDS_CSUM a tunnel is told by its shape', () => {
  for (const shell of SHELLS) {
    const { record } = superTunnel([shell], inner, 1000, { flags: 0, csumStart: 0, csumOffset: 0 });
    if (UNSHAPED.test(shell.name)) assert.is(run(record).result, 'bad-offload', shell.name);
    else same(run(record).frames, slowTunnel([shell], inner, 1000), shell.name);
  }
});

test('what is not right around the innermost packet is refused', () => {
  const wrong = (shell: Shell, spoil: (frame: Buffer) => void) => {
    const { record } = superTunnel([shell], inner, 1000);
    spoil(record.subarray(16));
    assert.type(checkOffload(record, 0, record.length), 'string');
    assert.equal(run(record), { result: 'bad-offload', frames: [] });
  };
  const vxlan = named('VXLAN over IPv4');
  wrong(vxlan, (frame) => frame.writeUInt16BE(1000, 16));
  wrong(vxlan, (frame) => frame.writeUInt16BE(1000, 38));
  wrong(vxlan, (frame) => frame.writeUInt16BE(0x2000, 20));
  wrong(vxlan, (frame) => frame.writeUInt16BE(1000, 66));
  wrong(named('VXLAN over IPv6'), (frame) => frame.writeUInt16BE(1000, 18));
  const encrypted = { ...vxlan, protocol: 50, udp: false };
  wrong(encrypted, () => undefined);
  const elsewhere = superTunnel([vxlan], inner, 1000, { csumStart: 86 }).record;
  assert.is(run(elsewhere).result, 'bad-offload');
  const tooDeep = superTunnel(
    Array.from({ length: 5 }, () => vxlan),
    inner,
    1000,
  ).record;
  assert.is(run(tooDeep).result, 'bad-offload');
});

test('any bytes: nothing throws, and what comes out fits the MTU', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SHELLS),
      fc.array(fc.tuple(fc.nat(150), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      (shell, changes) => {
        const { record } = superTunnel([shell], inner, 1000);
        for (const [at, value] of changes) record[4 + at] = value;
        const { result, frames } = run(record);
        assert.is(typeof result === 'string' ? 0 : result, frames.length);
        assert.ok(frames.every((frame) => frame.length <= 1514 + 32));
      },
    ),
    { numRuns: 500 },
  );
});

test.run();
