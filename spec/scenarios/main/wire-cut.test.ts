// runner: waits
/**
 * The wide-area link is cut for 20 s and comes back; what was closed meanwhile stays closed. The topology is drawn in
 * `world.ts`; the cut is the router's interface `proxy` set down.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { pause, waitUntil } from '../../../tools/lab/wait.ts';
import { World } from './world.ts';

await ensurePrivileges();

const VM = '192.168.77.50';
const reached = async (world: World): Promise<boolean> =>
  (await ping(world.lab, 'user', VM, { count: 1, wait: 1 })).received === 1;

const cut = suite('the wire is cut');
{
  let world: World;
  let handler: string;
  cut.before(async () => {
    world = await World.build({ lan: 'port', host: 'veth', wire: 'tls' });
    handler = await world.handle();
    await world.setAddress(`${VM}/24`);
  });
  cut.after(() => world?.close());

  cut('for 20 s: the same Handler carries again by itself', async () => {
    assert.ok(await reached(world));
    await world.lab.ip('internet', 'link set dev proxy down');
    assert.not(await reached(world));
    // The cut is as long as the test says: nothing is waited for here.
    await pause(20_000);
    // Its last 15 s brought nothing: the wire counts as broken.
    await world.proxy.waitForHandlers(['unauthenticated'], 5000);
    await world.lab.ip('internet', 'link set dev proxy up');
    await waitUntil(() => reached(world), { what: 'the VM to be reached again', deadline: 30_000 });
    for (const server of [world.proxy, world.host]) {
      await server.waitForHandlers(['binary']);
      assert.is((await server.handlers())[0]?.id, handler);
    }
    const seen = await ping(world.lab, 'user', VM, { count: 10 });
    assert.equal([seen.received, seen.duplicates], [10, 0]);
  });

  cut('a CLOSE at the responder meanwhile, even with a crash after it, holds', async () => {
    await world.lab.ip('internet', 'link set dev proxy down');
    await world.host.must(`CLOSE ${handler}`);
    await world.host.waitForHandlers([]);
    await world.host.crash();
    await world.host.start();
    await world.lab.ip('internet', 'link set dev proxy up');
    // It redials, and 410 is the answer.
    await world.proxy.waitForHandlers([], 45_000);
    await world.host.waitForHandlers([]);
    assert.not(await reached(world));
  });
}

cut.run();
