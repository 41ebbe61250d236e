import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MacTable } from '../../../machines/frames/mac-table.ts';
import { inbound, outbound, VERDICTS } from '../../../machines/frames/predicates.ts';
import type { RoleConfig } from '../../../machines/protocol/types.ts';

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

test('a table has what was added more often than it was taken out', () => {
  const near = fc.integer({ min: 0, max: 300 }).map((n) => (n % 3) * 0x1_0000_0000 + n * 0x01000001);
  fc.assert(
    fc.property(fc.array(near), fc.array(near), fc.array(near), (added, removed, asked) => {
      const table = new MacTable(added);
      table.delete(removed);
      const times = (all: readonly number[], wanted: number) => all.filter((mac) => mac === wanted).length;
      const expected = new Set(added.filter((mac) => times(added, mac) > times(removed, mac)));
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

test.run();
