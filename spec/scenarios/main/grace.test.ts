// runner: waits
/**
 * How long a responder, and a TAP that it made, wait for an initiator that does not come back; here 4 s in place of
 * a minute. The topology is drawn in `world.ts`.
 */
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { waitForPing } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { tapSuite } from '../tap-suite.ts';
import { World } from './world.ts';

await ensurePrivileges();

const VM = '192.168.77.50';
const test = tapSuite('the grace of a responder');
let world: World;
test.before(async () => {
  world = await World.build({ lan: 'port', host: 'tap', wire: 'tls', limits: { 'grace-ms': 4000 } });
});
test.after(() => world?.close());

const tapIsGone = () =>
  waitUntil(async () => !(await world.lab.hasLink('host', 'vm0')), { what: 'the TAP to go', every: 200 });

test('a start without the Handler keeps its TAP with its address, and then removes it', async () => {
  await world.handle();
  await world.setAddress(`${VM}/24`);
  await Promise.all([world.proxy.crash(), world.host.crash()]);
  await world.host.start();
  await world.host.waitForHandlers([]);
  const { stdout } = await world.lab.run('host', ['ip', 'address', 'show', 'dev', 'vm0']);
  assert.match(stdout, VM);
  await tapIsGone();
});

test('an initiator that comes later still gets its Handler', async () => {
  await world.proxy.start();
  await world.proxy.waitForHandlers(['binary'], 45_000);
  await world.dressTap();
  await world.setAddress(`${VM}/24`);
  await waitForPing(world.lab, 'user', VM);
});

test('a responder whose initiator stays away closes its Handler and removes the TAP', async () => {
  await world.proxy.crash();
  await world.host.waitForHandlers(['handling']);
  await world.host.waitForHandlers([], 10_000);
  await tapIsGone();
});

test.run();
