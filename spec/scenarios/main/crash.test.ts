// runner: waits
/**
 * `kill -9` of either server, then a new start: traffic again within 45 s without anybody typing. Once with captured
 * interfaces, once with TAPs, which outlive the crash. The topology is drawn in `world.ts`.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { tapSuite } from '../tap-suite.ts';
import { World, type WorldOptions } from './world.ts';

await ensurePrivileges();

const VM = '192.168.77.50';
const reached = async (world: World): Promise<boolean> =>
  (await ping(world.lab, 'user', VM, { count: 1, wait: 1 })).received === 1;

function crashes(name: string, options: WorldOptions): void {
  const test = (options.host === 'tap' ? tapSuite : suite)(`kill -9, ${name}`);
  let world: World;
  let handler: string;
  test.before(async () => {
    world = await World.build(options);
    handler = await world.handle();
    await world.setAddress(`${VM}/24`);
    await waitUntil(() => reached(world), { what: 'the VM to be reached' });
  });
  test.after(() => world?.close());

  for (const side of ['proxy', 'host'] as const) {
    test(`of the ${side}, and a new start`, async () => {
      await world[side].crash();
      await world[side].start();
      await waitUntil(() => reached(world), { what: 'the VM to be reached again', deadline: 45_000 });
      await world.proxy.waitForHandlers(['binary']);
      await world.host.waitForHandlers(['binary']);
      assert.is((await world.proxy.handlers())[0]?.id, handler);
      const seen = await ping(world.lab, 'user', VM, { count: 10 });
      assert.equal([seen.received, seen.duplicates], [10, 0]);
    });
  }

  test('of both at once', async () => {
    await Promise.all([world.proxy.crash(), world.host.crash()]);
    await Promise.all([world.proxy.start(), world.host.start()]);
    await waitUntil(() => reached(world), { what: 'the VM to be reached again', deadline: 45_000 });
  });

  test('what was closed stays closed over a new start', async () => {
    await world.proxy.must(`CLOSE ${handler}`);
    await Promise.all([world.proxy.crash(), world.host.crash()]);
    await Promise.all([world.proxy.start(), world.host.start()]);
    await world.proxy.waitForHandlers([]);
    await world.host.waitForHandlers([]);
    assert.not(await reached(world));
    if (options.host === 'tap') assert.not(await world.lab.hasLink('host', 'vm0'), 'the TAP is gone too');
    if (options.lan === 'tap') assert.not(await world.lab.hasLink('proxy', 'vnet0'), 'the TAP is gone too');
  });
  test.run();
}

crashes('captured interfaces', { lan: 'port', host: 'veth', wire: 'tls' });
crashes('TAPs', { lan: 'tap', host: 'tap', wire: 'tls' });
