/**
 * An interface is deleted under a Handler: it is told of at both ends, on standard error and in HANDLERS?, the Handler waits
 * for it, and carries again when there is one of that name. The topology is drawn in `world.ts`.
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

const VETH = 'link add gone0 type veth peer name gone1';
const cases = [
  { name: 'captured interface', device: 'gone0', make: VETH },
  { name: 'pcap: interface', device: 'pcap:gone0', make: VETH },
  { name: 'bridge', device: 'gone0', make: 'link add gone0 type bridge' },
  { name: 'TAP', device: 'tap:gone0', make: undefined, again: 'tuntap add dev gone0 mode tap' },
];

/** Why a Handler does not carry, as HANDLERS? has it. */
async function whyOf(server: 'proxy' | 'host', handler: string): Promise<string> {
  const all = await world[server].handlers();
  return all.find(({ id }) => id === handler)?.why ?? '';
}

for (const { name, device, make, again = make } of cases) {
  const register = device.startsWith('tap:') && !tapPossible() ? test.skip : test;
  register(`${name}, at the responder`, async () => {
    const { lab, proxy, host } = world;
    if (make) await lab.ip('host', make, 'link set dev gone0 up');
    // Two Handlers on it, and one beside it that must stay.
    const beside = await world.handle();
    const ends = `eth0 ${device} PROXY HOST`;
    const first = await proxy.handle(`${world.to(host)} ${ends} 52:54:00:00:01:01`);
    const second = await proxy.handle(`${world.to(host)} ${ends} 52:54:00:00:01:02`);
    await lab.ip('host', 'link del dev gone0');
    await proxy.waitForHandlers(['binary', 'unauthenticated', 'unauthenticated']);
    await host.waitForHandlers(['binary', 'handling', 'handling']);
    for (const handler of [first, second]) {
      assert.match(await whyOf('host', handler), /^device gone: /);
      assert.match(await whyOf('proxy', handler), /device-away|404 no-such-device/);
    }
    assert.match(host.told, /"msg":"device gone;/);
    assert.match(proxy.told, /"msg":"the device of the other end is gone;/);
    await world.setAddress('192.168.77.50/24');
    assert.is((await ping(lab, 'user', '192.168.77.50')).received, 3);
    await lab.ip('host', again ?? '', 'link set dev gone0 up');
    await proxy.waitForHandlers(['binary', 'binary', 'binary']);
    await host.waitForHandlers(['binary', 'binary', 'binary']);
    for (const handler of [first, second, beside]) await proxy.must(`CLOSE ${handler}`);
    await host.waitForHandlers([]);
    await lab.ip('host', 'link del dev gone0');
  });
}

test('at the initiator too: traffic goes on when it is there again', async () => {
  const { lab, proxy, host } = world;
  const make = async () =>
    lab.ip(
      'proxy',
      'link add gone0 type veth peer name gone1',
      'link set dev gone0 up',
      'link set dev gone1 up',
    );
  await make();
  await lab.ip('proxy', 'addr add 192.168.78.1/24 dev gone1');
  const handler = await proxy.handle(`${world.to(host)} gone0 vm0 PROXY HOST ${MAC.vm}`);
  await lab.ip('proxy', 'link del dev gone0');
  await proxy.waitForHandlers(['unauthenticated']);
  await host.waitForHandlers(['handling']);
  assert.match(await whyOf('proxy', handler), /^device gone: /);
  assert.match(await whyOf('host', handler), /device-away/);
  assert.match(host.told, /"msg":"the device of the other end is gone;/);
  await make();
  await lab.ip('proxy', 'addr add 192.168.78.1/24 dev gone1');
  await proxy.waitForHandlers(['binary']);
  await host.waitForHandlers(['binary']);
  await world.setAddress('192.168.78.50/24');
  assert.is((await ping(lab, 'proxy', '192.168.78.50')).received, 3);
  // CLOSEd while it is away, it stays closed.
  await lab.ip('proxy', 'link del dev gone0');
  await proxy.waitForHandlers(['unauthenticated']);
  await proxy.must(`CLOSE ${handler}`);
  await make();
  await proxy.waitForHandlers([]);
  const [refused] = await proxy.ask(`STATS? ${handler}`);
  assert.match(refused?.last ?? '', /^ERR 404 no-such-handler/);
});

test.run();
