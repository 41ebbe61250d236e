import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BpfInstruction, compileFilter, type FilterRole } from '../../../machines/frames/bpf.ts';
import { MacTable } from '../../../machines/frames/mac-table.ts';
import { inbound, outbound, PASS, VERDICTS } from '../../../machines/frames/predicates.ts';
import { newTally, sift } from '../../../machines/frames/sift.ts';
import type { RoleConfig } from '../../../machines/protocol/types.ts';
import { frameRecord, offloadRecord } from './packets.ts';

const test = suite('roles');

const HOST: RoleConfig = { role: 'HOST', multicast: true };
const PROXY: RoleConfig = { role: 'PROXY', multicast: true };
const QUIET: RoleConfig = { role: 'PROXY', multicast: false };
const BRIDGE: RoleConfig = { role: 'BRIDGE', multicast: true };

const VM = 0x525400000001;
const VM2 = 0x525400000002;
const OTHER = 0x001122334455;
const BROADCAST = 0xffffffffffff;
const MULTICAST = 0x01005e000001;
const LLDP = 0x0180c200000e;

function frame(destination: number, source: number): Buffer {
  const bytes = Buffer.alloc(60);
  bytes.writeUIntBE(destination, 0, 6);
  bytes.writeUIntBE(source, 6, 6);
  return bytes;
}

type Row = [destination: number, source: number, verdict: (typeof VERDICTS)[number]];

function check(name: string, predicate: ReturnType<typeof outbound>, rows: readonly Row[]): void {
  test(name, () => {
    for (const [destination, source, verdict] of rows) {
      const got = VERDICTS[predicate(Buffer.concat([Buffer.alloc(3), frame(destination, source)]), 3)];
      assert.is(got, verdict, `${source.toString(16)} → ${destination.toString(16)}`);
    }
  });
}

const off = { l2cp: false };
const on = { l2cp: true };

check('HOST, device → peer', outbound(HOST, [VM], off), [
  [OTHER, VM, 'pass'],
  [BROADCAST, VM, 'pass'],
  [OTHER, VM2, 'unselected'],
  [VM, OTHER, 'unselected'],
  [LLDP, VM, 'l2cp'],
  [LLDP, OTHER, 'unselected'],
]);
check('HOST, device → peer, l2cp=on', outbound(HOST, [VM, VM2], on), [
  [LLDP, VM, 'pass'],
  [OTHER, VM2, 'pass'],
  [LLDP, OTHER, 'unselected'],
]);
check('PROXY, device → peer', outbound(PROXY, [VM], off), [
  [VM, OTHER, 'pass'],
  [BROADCAST, OTHER, 'pass'],
  [MULTICAST, OTHER, 'pass'],
  [OTHER, OTHER, 'unselected'],
  [BROADCAST, VM, 'unselected'],
  [VM, VM, 'unselected'],
  [LLDP, OTHER, 'l2cp'],
]);
check('PROXY:multicast=off, device → peer', outbound(QUIET, [VM, VM2], on), [
  [VM2, OTHER, 'pass'],
  [BROADCAST, OTHER, 'pass'],
  [MULTICAST, OTHER, 'unselected'],
  [LLDP, OTHER, 'unselected'],
  [VM, VM2, 'unselected'],
]);
check('BRIDGE, device → peer', outbound(BRIDGE, [], off), [
  [OTHER, VM, 'pass'],
  [LLDP, VM, 'l2cp'],
]);

const hosts = new MacTable([VM, VM2]);
check('HOST, peer → device', inbound(HOST, [VM], off, hosts), [
  [VM, OTHER, 'pass'],
  [BROADCAST, OTHER, 'pass'],
  [MULTICAST, OTHER, 'pass'],
  [VM2, OTHER, 'filtered'],
  [VM, VM2, 'loop'],
  [BROADCAST, VM, 'loop'],
  [LLDP, OTHER, 'l2cp'],
]);
check('PROXY, peer → device', inbound(PROXY, [VM], off, hosts), [
  [OTHER, VM, 'pass'],
  [BROADCAST, VM, 'pass'],
  [OTHER, VM2, 'spoofed'],
  [LLDP, VM, 'l2cp'],
  [LLDP, OTHER, 'spoofed'],
]);
check('BRIDGE, peer → device', inbound(BRIDGE, [], on, hosts), [
  [OTHER, VM, 'pass'],
  [LLDP, OTHER, 'pass'],
]);

test('the loop rule follows the HOST Handlers of the segment as they come and go', () => {
  const table = new MacTable();
  const predicate = inbound(HOST, [VM], off, table);
  const bytes = frame(VM, VM2);
  assert.is(VERDICTS[predicate(bytes, 0)], 'pass');
  table.add([VM2]);
  assert.is(VERDICTS[predicate(bytes, 0)], 'loop');
  table.delete([VM2]);
  assert.is(VERDICTS[predicate(bytes, 0)], 'pass');
});

test('a table has what a Set has', () => {
  const near = fc.integer({ min: 0, max: 300 }).map((n) => (n % 3) * 0x1_0000_0000 + n * 0x01000001);
  fc.assert(
    fc.property(fc.array(near), fc.array(near), fc.array(near), (added, removed, asked) => {
      const table = new MacTable(added);
      table.delete(removed);
      const expected = new Set(added.filter((mac) => !removed.includes(mac)));
      assert.is(table.size, expected.size);
      for (const mac of [...asked, ...added]) {
        const bytes = Buffer.alloc(8);
        bytes.writeUIntBE(mac, 1, 6);
        assert.is(table.hasAt(bytes, 1), expected.has(mac));
        assert.is(table.has(mac), expected.has(mac));
      }
    }),
  );
});

test('sift counts every frame once and hands over the others in the longest runs', () => {
  const records = [
    frameRecord(frame(OTHER, VM)),
    offloadRecord(frame(OTHER, VM), {}),
    frameRecord(frame(OTHER, OTHER)),
    frameRecord(frame(LLDP, VM)),
    frameRecord(frame(BROADCAST, VM)),
  ];
  const batch = Buffer.concat([Buffer.alloc(5), ...records]);
  const tally = newTally();
  const runs: number[][] = [];
  sift(batch, 5, batch.length, outbound(HOST, [VM], off), tally, (_, start, end, count) => {
    runs.push([start, end, count]);
  });
  assert.equal(runs, [
    [5, 5 + 64 + 76, 2],
    [5 + 64 + 76 + 64 + 64, batch.length, 1],
  ]);
  assert.equal([...tally.frames], [3, 1, 1, 0, 0, 0]);
  assert.equal([...tally.bytes], [180, 60, 60, 0, 0, 0]);
});

/** What the kernel does with the instructions that we use (linux/net/core/filter.c). */
function interpret(program: readonly BpfInstruction[], bytes: Buffer): number {
  let a = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    if (code === 0x06) return k;
    if (code === 0x20) a = bytes.readUInt32BE(k);
    else if (code === 0x28) a = bytes.readUInt16BE(k);
    else if (code === 0x30) a = bytes.readUInt8(k);
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (code === 0x15) at += a === k ? jt : jf;
    else if (code === 0x35) at += a >= k ? jt : jf;
    else if (code === 0x45) at += (a & k) !== 0 ? jt : jf;
    else assert.unreachable(`code ${code}`);
  }
  return assert.unreachable('the program has no end') as never;
}

const pool = [VM, VM2, OTHER, 0x525400ffffff, 0x525480000000, 0x0200c2000001, 0xfe5400000001];
const someMac = fc.constantFrom(...pool);
const someRole: fc.Arbitrary<FilterRole> = fc.record({
  config: fc.constantFrom(HOST, PROXY, QUIET, BRIDGE),
  macs: fc.array(someMac, { minLength: 1, maxLength: 4 }),
  l2cp: fc.boolean(),
});
const someAddress = fc.oneof(
  someMac,
  fc.constantFrom(BROADCAST, MULTICAST, 0xffff00000000, 0x0000ffffffff, 0x0180c2000000, LLDP, 0x0180c2000010),
  fc.maxSafeNat().map((n) => n % 2 ** 48),
);

function wanted(handlers: readonly FilterRole[], bytes: Buffer): boolean {
  return handlers.some((role) => outbound(role.config, role.macs, role)(bytes, 0) === PASS);
}

function passes(program: readonly BpfInstruction[] | null, bytes: Buffer): boolean {
  return program === null || interpret(program, bytes) > 0;
}

test('the kernel filter passes just what the predicates pass', () => {
  const frames = fc.array(fc.tuple(someAddress, someAddress), { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(fc.array(someRole, { maxLength: 4 }), frames, (handlers, addresses) => {
      const program = compileFilter(handlers);
      for (const [destination, source] of addresses) {
        const bytes = frame(destination, source);
        assert.is(passes(program, bytes), wanted(handlers, bytes));
      }
    }),
    { numRuns: 300 },
  );
});

test('1,024 addresses fit, and every jump of a condition is short', () => {
  const macs = Array.from({ length: 1024 }, (_, i) => VM + i * 0x10003);
  for (const config of [HOST, PROXY, QUIET]) {
    const handlers = [{ config, macs, l2cp: false }];
    const program = compileFilter(handlers)!;
    assert.ok(program.length <= 4096);
    assert.ok(program.every(({ jt, jf, k }) => jt < 256 && jf < 256 && k >= 0 && k < 2 ** 32));
    for (const mac of [...macs, VM - 1, VM + 1, VM + 1024 * 0x10003]) {
      for (const bytes of [frame(mac, OTHER), frame(OTHER, mac), frame(BROADCAST, mac)]) {
        assert.is(passes(program, bytes), wanted(handlers, bytes));
      }
    }
  }
});

test('no filter where everything passes or the program would be too long; none passes without Handlers', () => {
  assert.is(compileFilter([{ config: BRIDGE, macs: [], l2cp: true }]), null);
  const macs = Array.from({ length: 1024 }, (_, i) => VM + i * 0x100000001);
  assert.is(compileFilter([{ config: PROXY, macs, l2cp: true }]), null);
  assert.is(passes(compileFilter([]), frame(BROADCAST, VM)), false);
});

test.run();
