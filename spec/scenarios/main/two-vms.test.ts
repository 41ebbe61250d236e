/**
 * Several Handlers on one device. The topology is that of `world.ts`, and besides:
 *
 *     two Hosts, one Proxy device          one Host device, one Proxy device
 *
 *     user ─ br0 ─ eth0 [proxy]            user ─ br0 ─ eth0 [proxy]
 *                   │   └── wire ── [host]  vm0 ─ vm       │ └─ wire ─┐
 *                   └────── wire ── [host2] vm0 ─ vm2      └── wire ─ brvm [host] ─┬ vm
 *                                                                                 └ vm2
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import type { VnetServer } from '../../../tools/lab/server.ts';
import { ping, sendFrames, sniff, sniffed, transfer } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { LAN, MAC, World } from './world.ts';

await ensurePrivileges();

const VM = '192.168.77.50';
const VM2 = '192.168.77.51';
const vm2 = { ns: 'vm2', dev: 'eth0' };
const EVERYBODY = 'ff'.repeat(6);

async function allReachAll(world: World): Promise<void> {
  const at = { user: LAN.user, vm: VM, vm2: VM2 } as const;
  for (const [from] of Object.entries(at)) {
    for (const [to, address] of Object.entries(at)) {
      if (from === to) continue;
      const seen = await ping(world.lab, from, address, { count: 10 });
      assert.equal([seen.received, seen.duplicates], [10, 0], `${from} → ${to}\n${seen.output}`);
    }
  }
}

/** Broadcast frames of one machine, and how often each of the others hears them. */
async function heardBy(
  world: World,
  from: string,
  mac: string,
  listeners: readonly string[],
): Promise<number[]> {
  const mark = '88b5b40a';
  const frames = (word: string, count: number) =>
    Array.from(
      { length: count },
      () => `${EVERYBODY}${mac.replaceAll(':', '')}${mark}${word}${'00'.repeat(46)}`,
    );
  const ears = await Promise.all(listeners.map((ns) => sniff(world.lab, ns, 'eth0', mark)));
  await sendFrames(world.lab, from, 'eth0', frames('0001', 50));
  // What went round would come before the frame that is sent after it has had time to: a ping round trip through all.
  await ping(world.lab, from, LAN.user, { count: 5, interval: 0.1 });
  await sendFrames(world.lab, from, 'eth0', frames('0002', 1));
  const last = (lines: readonly string[]) => lines.some((hex) => hex.includes(`${mark}0002`));
  await waitUntil(() => ears.every((ear) => last(sniffed(ear))), { what: 'the last broadcast' });
  const counts = ears.map((ear) => sniffed(ear).length);
  for (const ear of ears) await ear.kill();
  return counts;
}

const hosts = suite('two VMs on two Hosts through one Proxy device');
{
  let world: World;
  let host2: VnetServer;
  hosts.before(async () => {
    world = await World.build({ lan: 'port', host: 'veth', wire: 'tls' });
    host2 = await world.addSecondHost();
    world.proxy.authorize(world.host, host2);
    await world.handle();
    await world.proxy.handle(`${world.to(host2)} ${world.proxyDevice} vm0 PROXY HOST ${MAC.vm2}`);
    await world.setAddress(`${VM}/24`);
    await world.setAddress(`${VM2}/24`, vm2);
  });
  hosts.after(() => world?.close(host2));

  hosts('all three reach each other, nobody hears an answer twice', () => allReachAll(world));
  hosts('a broadcast is heard once by everybody', async () => {
    assert.equal(await heardBy(world, 'vm', MAC.vm, ['user', 'other', 'vm2']), [51, 51, 51]);
    assert.equal(await heardBy(world, 'user', MAC.user, ['other', 'vm', 'vm2']), [51, 51, 51]);
  });
  hosts('a file crosses from VM to VM', async () => {
    const done = await transfer(world.lab, { from: 'vm', to: 'vm2', address: VM2, bytes: 64 << 20 });
    assert.is(done.received.sha256, done.sent.sha256);
  });
  hosts('the end of one Handler leaves the other alone', async () => {
    const own = (await host2.handlers())[0]?.id ?? '';
    await host2.must(`CLOSE ${own}`);
    await world.proxy.waitForHandlers(['binary']);
    assert.is((await ping(world.lab, 'user', VM)).received, 3);
    assert.is((await ping(world.lab, 'user', VM2, { count: 1, wait: 1 })).received, 0);
  });
}

const oneHost = suite('two VMs on one Host device, each with a Handler to one Proxy device');
{
  let world: World;
  oneHost.before(async () => {
    world = await World.build({ lan: 'port', host: 'veth', wire: 'tls' });
    const { lab } = world;
    await world.addVm('vm2', MAC.vm2, 'host', 'vm1');
    await lab.addBridge('host', 'brvm');
    await lab.ip('host', 'link set dev vm0 master brvm', 'link set dev vm1 master brvm');
    for (const mac of [MAC.vm, MAC.vm2]) {
      await world.proxy.handle(`${world.to(world.host)} ${world.proxyDevice} brvm PROXY HOST ${mac}`);
    }
    await world.setAddress(`${VM}/24`);
    await world.setAddress(`${VM2}/24`, vm2);
  });
  oneHost.after(() => world?.close());

  oneHost('all three reach each other, nobody hears an answer twice', () => allReachAll(world));
  oneHost('a broadcast is heard once by everybody, and none goes round', async () => {
    assert.equal(await heardBy(world, 'vm', MAC.vm, ['user', 'other', 'vm2']), [51, 51, 51]);
    assert.equal(await heardBy(world, 'vm2', MAC.vm2, ['user', 'vm']), [51, 51]);
    assert.is((await world.proxy.handlers()).length, 2);
  });
}

hosts.run();
oneHost.run();
