/**
 * An interface is deleted under a Handler: both ends close it with `device-gone`, on record, and the servers go on.
 * The topology is drawn in `world.ts`.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { MAC, World } from './world.ts';

await ensurePrivileges();

const test = suite('a device goes away');
let world: World;
test.before(async () => {
  world = await World.build({ lan: 'port', host: 'veth', wire: 'tls' });
});
test.after(() => world?.close());

/** Records that speak of it; of which actors. */
const mentions = (name: 'proxy' | 'host', handler: string): boolean =>
  world[name]
    .records()
    .some(
      (record) => record.actor === `handler:${handler}` && JSON.stringify(record).includes('device-gone'),
    );

const cases = [
  {
    name: 'captured interface',
    proxyDevice: 'eth0',
    device: 'gone0',
    make: 'link add gone0 type veth peer name gone1',
  },
  {
    name: 'pcap: interface',
    proxyDevice: 'eth0',
    device: 'pcap:gone0',
    make: 'link add gone0 type veth peer name gone1',
  },
  { name: 'bridge', proxyDevice: 'eth0', device: 'gone0', make: 'link add gone0 type bridge' },
  { name: 'TAP', proxyDevice: 'eth0', device: 'tap:gone0', make: undefined },
];

for (const { name, proxyDevice, device, make } of cases) {
  const register = device.startsWith('tap:') && !tapPossible() ? test.skip : test;
  register(`${name}, at the responder`, async () => {
    const { lab, proxy, host } = world;
    if (make) await lab.ip('host', make, 'link set dev gone0 up');
    // Two Handlers on it, and one beside it that must stay.
    const beside = await world.handle();
    const ends = `${proxyDevice} ${device} PROXY HOST`;
    const first = await proxy.handle(`${world.to(host)} ${ends} 52:54:00:00:01:01`);
    const second = await proxy.handle(`${world.to(host)} ${ends} 52:54:00:00:01:02`);
    await lab.ip('host', 'link del dev gone0');
    await proxy.waitForHandlers(['binary']);
    await host.waitForHandlers(['binary']);
    for (const handler of [first, second]) {
      assert.ok(mentions('proxy', handler), 'on record at the Proxy');
      assert.ok(mentions('host', handler), 'on record at the Host');
    }
    await world.setAddress('192.168.77.50/24');
    assert.is((await ping(lab, 'user', '192.168.77.50')).received, 3);
    await proxy.must(`CLOSE ${beside}`);
    await host.waitForHandlers([]);
  });
}

test('at the initiator too, and the device can be made again', async () => {
  const { lab, proxy, host } = world;
  const make = async () =>
    lab.ip('proxy', 'link add gone0 type veth peer name gone1', 'link set dev gone0 up');
  await make();
  const line = `${world.to(host)} gone0 vm0 PROXY HOST ${MAC.vm}`;
  const handler = await proxy.handle(line);
  await lab.ip('proxy', 'link del dev gone0');
  await proxy.waitForHandlers([]);
  await host.waitForHandlers([]);
  assert.ok(mentions('proxy', handler));
  const [refused] = await proxy.ask(`HANDLE ${line}`);
  assert.match(refused?.last ?? '', /^ERR 404 no-such-device/);
  await make();
  await proxy.must(`CLOSE ${await proxy.handle(line)}`);
});

test.run();
