// runner: waits
/**
 * Faults of the way between two servers, and of the machine at its end, on real kernels. The topology is drawn in
 * `../main/world.ts`; what happens to the way happens at the router's interface `proxy`.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import type { VnetServer } from '../../../tools/lab/server.ts';
import { valuesOf } from '../../../tools/lab/talk.ts';
import { ping, transfer } from '../../../tools/lab/traffic.ts';
import { pause, waitUntil } from '../../../tools/lab/wait.ts';
import { connections, starve } from '../../soak/process.ts';
import { Router } from '../../soak/underlay.ts';
import { LAN, MAC, WAN, World } from '../main/world.ts';

await ensurePrivileges();

const VM = '192.168.77.50';
const test = suite('faults of the way');
let world: World;
let router: Router;
let handler: string;

test.before(async () => {
  world = await World.build({ lan: 'port', host: 'veth', wire: 'tls' });
  router = new Router(world.lab, 'internet', 'proxy');
  handler = await world.handle();
  await world.setAddress(`${VM}/24`);
  await reached();
});
test.after(() => world?.close());

const answers = async (): Promise<boolean> =>
  (await ping(world.lab, 'user', VM, { count: 1, wait: 1 })).received === 1;
const reached = () => waitUntil(answers, { what: 'the VM to be reached', deadline: 40_000 });

/** How often the wire of the Handler was lost so far, by the log of the Proxy. */
const losses = (): number =>
  world.proxy
    .records()
    .filter(({ actor, event }) => actor === `handler:${handler}` && event.type === 'wire-lost').length;

/** The Handler is the same, binary at both ends, and every ping is answered once. */
async function allIsWell(): Promise<void> {
  await reached();
  for (const server of [world.proxy, world.host]) {
    await server.waitForHandlers(['binary']);
    assert.is((await server.handlers())[0]?.id, handler);
  }
  const seen = await ping(world.lab, 'user', VM, { count: 10 });
  assert.equal([seen.received, seen.duplicates], [10, 0], seen.output);
}

test('5 % of all packets are lost: a transfer arrives whole, by the same wire', async () => {
  await router.lose(5);
  const bytes = 4 * 2 ** 20;
  const { sent, received } = await transfer(world.lab, { from: 'user', to: 'vm', address: VM, bytes });
  assert.equal([received.bytes, received.sha256], [bytes, sent.sha256]);
  await router.lose(0);
  await allIsWell();
  assert.is(losses(), 0);
});

test('all packets are lost for 4 s: the same wire goes on', async () => {
  await router.lose(100);
  assert.not(await answers());
  await pause(3_000);
  await router.lose(0);
  await allIsWell();
  assert.is(losses(), 0);
});

test('the MTU of the way is lowered: the longest frames of the LAN still cross whole', async () => {
  await router.mtu(1280);
  const seen = await ping(world.lab, 'user', VM, { count: 5, size: 1472, whole: true });
  assert.is(seen.received, 5, seen.output);
  await router.mtu(1500);
  await allIsWell();
  assert.is(losses(), 0);
});

/** What a HANDLE comes to while a server has so many descriptors left; a Handler that stands is closed then. */
async function askStarved(server: VnetServer, left: number, line: string): Promise<string> {
  const pid = server.program?.pid ?? 0;
  // A session that is just being closed would leave one more.
  await waitUntil(() => connections(pid) === 1, { what: 'the wire to be the only connection' });
  const feed = starve(pid, left);
  try {
    const answer = (await world.proxy.ask(`HANDLE ${line}`))[0]?.last ?? '';
    await reached();
    const { handler: made } = valuesOf(answer);
    if (made !== undefined) await world.proxy.must(`CLOSE ${made}`);
    return answer;
  } finally {
    feed();
  }
}

for (const [name, least] of [
  ['host', 0],
  // The session in which it is asked needs one.
  ['proxy', 1],
] as const) {
  test(`no descriptor is left at the ${name}: what stands goes on, what is new is refused, and works again`, async () => {
    const server = world[name];
    const ends = name === 'host' ? 'eth0 tap:starved' : 'tap:starved vm0';
    const refused: string[] = [];
    for (let left = least; ; left++) {
      assert.ok(left < 20, refused.at(-1));
      const answer = await askStarved(server, left, `${world.to(world.host)} ${ends} PROXY HOST ${MAC.vm2}`);
      if (answer.startsWith('OK ')) break;
      refused.push(answer);
      assert.match(answer, /^ERR 50[02] /);
      await waitUntil(() => server.must('STATUS?'), { what: 'it to take connections again' });
    }
    await waitUntil(async () => !(await world.lab.hasLink(name, 'starved')), { what: 'the TAP to go' });
    // What needs no descriptor more goes on until there: the interfaces can still be asked for.
    assert.match(refused.join('\n'), /ERR 500 internal starved: \/dev\/net\/tun: Too many open files/);
    await allIsWell();
    assert.is(losses(), 0);
  });
}

test('the initiator gets another address: it dials again from there', async () => {
  const before = losses();
  await world.lab.ip(
    'proxy',
    `address del ${WAN.proxy}/24 dev wan0`,
    'address add 198.51.100.77/24 dev wan0',
    'route replace 203.0.113.0/24 via 198.51.100.1',
  );
  await allIsWell();
  assert.is(losses(), before + 1);
  assert.match((await world.host.handlers())[0]?.peer ?? '', /^198\.51\.100\.77/);
});

test('the other server is frozen past all time-outs, and thawed: the same Handler carries again', async () => {
  const before = losses();
  world.host.program?.signal('SIGSTOP');
  await world.proxy.waitForHandlers(['unauthenticated'], 25_000);
  world.host.program?.signal('SIGCONT');
  await allIsWell();
  assert.ok(losses() > before);
});

test('the user’s own interfaces are as they were', async () => {
  await world.assertInterfacesUntouched();
  assert.is((await ping(world.lab, 'vm', LAN.user)).received, 3);
});

test.run();
