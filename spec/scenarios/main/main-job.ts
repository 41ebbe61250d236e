/** The tests of the main job that hold for every pair of devices. The topology is drawn in `world.ts`. */
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  askForLease,
  type PingResult,
  ping,
  sendFrames,
  sniff,
  sniffed,
  transfer,
} from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { LAN, MAC, World, type WorldOptions } from './world.ts';

const plain = (mac: string): string => mac.replaceAll(':', '');
/** EtherType of tests and private use (IEEE 802, local experimental 1). */
const LOCAL = '88b5';

interface Stand {
  world: World;
  handler: string;
  /** The VM's address by DHCP. */
  vm: string;
}

/**
 * Adds all tests of the main job to a suite; they stand on one another and run in order.
 * `mebibytes` cross by TCP each way.
 */
export function mainJob(test: Test, options: WorldOptions, mebibytes = 1024): void {
  const stand = {} as Stand;
  test.before(async () => {
    stand.world = await World.build(options);
    stand.handler = await stand.world.handle();
  });
  test.after(() => stand.world?.close());

  test('the VM gets its address by DHCP from the LAN', async () => {
    const { lab, vm } = stand.world;
    const lease = await askForLease(lab, vm.ns, vm.dev);
    assert.match(lease.address, /^192\.168\.77\.1[0-5]\d$/);
    stand.vm = lease.address;
  });
  pings(test, stand);
  tags(test, stand);
  othersStayOut(test, stand);
  transfers(test, stand, mebibytes);
  test('no interface of the user is changed', () => stand.world.assertInterfacesUntouched());
  closing(test, stand);
}

async function bothWays(stand: Stand, options: Parameters<typeof ping>[3]): Promise<void> {
  const { lab, vm } = stand.world;
  const count = options?.count ?? 3;
  for (const [ns, address] of [
    ['user', stand.vm],
    [vm.ns, LAN.user],
  ] as const) {
    const seen = await ping(lab, ns, address, options);
    await assertAnswered(stand, seen, count);
  }
}

function pings(test: Test, stand: Stand): void {
  test('ping both ways, no answer twice', () => bothWays(stand, { count: 20, interval: 0.02 }));
  test('full MTU both ways, unfragmented', () => bothWays(stand, { size: 1472, whole: true }));
  test('IP fragments both ways', () => bothWays(stand, { size: 9000 }));
  test('the VM reaches the router of the LAN', async () => {
    const { lab, vm } = stand.world;
    await assertAnswered(stand, await ping(lab, vm.ns, LAN.router), 3);
  });
  test('IPv6 with neighbour discovery both ways', async () => {
    const { lab, vm, setAddress } = stand.world;
    await setAddress.call(stand.world, `${LAN.vm6}/64`);
    for (const [ns, address] of [
      ['user', LAN.vm6],
      [vm.ns, LAN.user6],
    ] as const) {
      await lab.ip(ns, 'neighbour flush all');
      const seen = await ping(lab, ns, address, { size: 1452, whole: true });
      await assertAnswered(stand, seen, 3);
    }
  });
}

/** Every request was answered, and once. If not, the counters of both ends say whether a frame was lost here. */
async function assertAnswered({ world, handler }: Stand, seen: PingResult, count: number): Promise<void> {
  if (seen.received === count && seen.duplicates === 0) return;
  const both = { proxy: await world.proxy.stats(handler), host: await world.host.stats(handler) };
  const story = `${seen.output}\n${JSON.stringify(both, null, 1)}`;
  assert.equal([seen.received, seen.duplicates], [count, 0], story);
}

function tags(test: Test, stand: Stand): void {
  test('802.1Q tags cross both ways, also a stack of two', async () => {
    const { lab, vm } = stand.world;
    const body = (tag: string) => `${tag}${LOCAL}7a67${'5a'.repeat(60)}`;
    const tagged = ['8100a064', '88a8006481000005'].map(body);
    const directions = [
      { from: 'user', dev: 'eth0', to: vm.ns, ear: vm.dev, header: plain(MAC.vm) + plain(MAC.user) },
      { from: vm.ns, dev: vm.dev, to: 'user', ear: 'eth0', header: plain(MAC.user) + plain(MAC.vm) },
    ];
    for (const { from, dev, to, ear, header } of directions) {
      const frames = tagged.map((rest) => header + rest);
      const listener = await sniff(lab, to, ear, `${LOCAL}7a67`);
      await sendFrames(lab, from, dev, frames);
      await waitUntil(() => sniffed(listener).length >= frames.length, {
        what: `tagged frames from ${from}`,
      });
      assert.equal(sniffed(listener), frames);
      await listener.kill();
    }
  });
}

function othersStayOut(test: Test, stand: Stand): void {
  test('traffic between other machines of the LAN stays out of the wire', async () => {
    const { lab, vm, proxy } = stand.world;
    const frame = (destination: string, source: string, mark: string) =>
      `${plain(destination)}${plain(source)}${LOCAL}${mark}${'00'.repeat(46)}`;
    const stranger = '52:54:00:00:00:99';
    const listener = await sniff(lab, vm.ns, vm.dev, LOCAL);
    const before = await proxy.stats(stand.handler);
    const foreign = Array.from({ length: 100 }, () => frame(MAC.user, MAC.other, '0f0f'));
    // Nobody has this address, so the LAN's bridge sends it everywhere.
    const unknown = Array.from({ length: 100 }, () => frame(stranger, MAC.other, '0f0f'));
    await sendFrames(lab, 'other', 'eth0', [...foreign, ...unknown]);
    await sendFrames(lab, 'other', 'eth0', [frame(MAC.vm, MAC.other, 'e0d0')]);
    await waitUntil(() => sniffed(listener).some((hex) => hex.includes('e0d0')), { what: 'the last frame' });
    assert.is(sniffed(listener).length, 1, 'only what is for the VM crosses');
    const after = await proxy.stats(stand.handler);
    assert.ok(
      (after.tx_frames ?? 0) - (before.tx_frames ?? 0) < 100,
      'the wire did not carry the rest either',
    );
    await listener.kill();
  });
}

function transfers(test: Test, stand: Stand, mebibytes: number): void {
  const bytes = mebibytes * 2 ** 20;
  for (const direction of ['user to VM', 'VM to user'] as const) {
    test(`${mebibytes} MiB by TCP with equal SHA-256, ${direction}`, async () => {
      const { lab, vm } = stand.world;
      const out = direction === 'user to VM';
      const done = await transfer(lab, {
        from: out ? 'user' : vm.ns,
        to: out ? vm.ns : 'user',
        address: out ? stand.vm : LAN.user,
        bytes,
        deadline: 90_000,
      });
      assert.is(done.received.bytes, bytes);
      assert.is(done.received.sha256, done.sent.sha256);
      process.stdout.write(`\n    ${direction}: ${done.rate.toFixed(0)} Mbit/s `);
    });
  }
  test('no checksum error was counted by the receivers', async () => {
    const { lab, vm } = stand.world;
    for (const ns of ['user', vm.ns]) {
      const { stdout } = await lab.run(ns, ['cat', '/proc/net/snmp']);
      const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'));
      const index = names.split(' ').indexOf('InCsumErrors');
      assert.is(values.split(' ')[index], '0', `InCsumErrors in ${ns}`);
    }
  });
}

function closing(test: Test, stand: Stand): void {
  for (const side of ['proxy', 'host'] as const) {
    test(`CLOSE at the ${side} ends the Handler at both`, async () => {
      const { world } = stand;
      await world[side].must(`CLOSE ${stand.handler}`);
      await world.proxy.waitForHandlers([]);
      await world.host.waitForHandlers([]);
      const gone = await ping(world.lab, 'user', stand.vm, { count: 1, wait: 1 });
      assert.is(gone.received, 0, 'nothing crosses any more');
      for (const [ns, dev, wanted] of leftTaps(world))
        assert.is(await world.lab.hasLink(ns, dev), wanted, dev);
      const [again] = await world[side].ask(`CLOSE ${stand.handler}`);
      assert.match(again?.last ?? '', /^ERR 404 no-such-handler/);
      if (side === 'host') return;
      stand.handler = await world.handle();
      if (world.options.host === 'tap') await world.setAddress(`${stand.vm}/24`);
      await bothWays(stand, { count: 3 });
    });
  }
}

/** TAPs go with their last Handler. */
const leftTaps = (world: World): [string, string, boolean][] => [
  ['proxy', 'vnet0', false],
  ['host', 'vm0', world.options.host === 'veth'],
];
