/** BEGIN with the id of a Handler that stands (PROTOCOL.md section 4). */
import * as assert from 'uvu/assert';
import { BYE } from '../../machines/frames/records.ts';
import { beginLine, ID, MAC, MAC2, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';

const scenario = scenarios('take-over');
const OK = `OK handler=${ID} offload=on mtu=1500`;

async function begin({ proxy }: Pair, identity = 'default', change: Parameters<typeof beginLine>[0] = {}) {
  const wire = await proxy.client(identity);
  return [await wire.ask(beginLine(change), 5_000), wire] as const;
}

const byes = (wire: Talker) =>
  wire
    .records()
    .filter(({ type }) => type === BYE)
    .map(({ payload }) => payload.toString());

scenario('in binary: the old wire gets BYE replaced, which ends that wire only', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  first.ping();
  await world.settle();
  const [answer, second] = await begin(two);
  assert.is(answer, OK);
  assert.equal(byes(first), ['replaced']);
  assert.ok(first.ended);
  second.ping();
  await world.settle();
  assert.is(only(two.proxy).state, 'binary');
  first.ping();
  first.end();
  await world.elapse(5_000);
  assert.ok(first.closed);
  assert.is(only(two.proxy).state, 'binary', 'the end of the old wire is not that of the Handler');
  const states = two.proxy.server.sessions.all().map(({ state }) => state);
  assert.equal(states, ['binary'], 'the old session is closed, the new one is not');
  assert.is(two.proxy.devices.opened('lan0').length, 1);
  // And the new wire does its work.
  second.link.destroy();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'handling');
  assert.equal(two.proxy.server.sessions.all(), []);
});

scenario('an old wire whose other end is silent does not hold anything up', async (world) => {
  const two = await pair(world);
  const wires: Talker[] = [];
  for (let i = 0; i < 4; i++) {
    const [answer, wire] = await begin(two);
    assert.is(answer, OK);
    wire.ping();
    await world.elapse(500);
    wires.push(wire);
  }
  assert.equal(
    wires.slice(0, 3).map((wire) => byes(wire).join()),
    ['replaced', 'replaced', 'replaced'],
  );
  await world.elapse(3_000);
  const client = await two.proxy.client();
  wires[3]?.records();
  client.say(`CLOSE ${ID}`);
  await world.settle();
  assert.equal(byes(wires[3] as Talker), ['closed']);
});

scenario('in handling, waiting: it goes on with the new wire', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  first.ping();
  await world.settle();
  first.link.destroy();
  await world.elapse(30_000);
  assert.is(stateOf(two.proxy, ID), 'handling');
  const [answer, second] = await begin(two);
  assert.is(answer, OK);
  second.ping();
  await world.elapse(14_000);
  second.ping();
  await world.elapse(14_000);
  second.ping();
  await world.elapse(10_000);
  assert.is(stateOf(two.proxy, ID), 'binary', 'its wait does not run out any more');
});

scenario(
  'in handling, while its device is being opened: the older BEGIN is 409, the newer one OK',
  async (world) => {
    const two = await pair(world);
    two.proxy.devices.delay = 1_000;
    const [first, second] = [await two.proxy.client(), await two.proxy.client()];
    first.say(beginLine());
    await world.elapse(300);
    second.say(beginLine());
    await world.elapse(300);
    assert.match(first.lines().join(), /^ERR 409 handler-exists ./);
    await world.elapse(1_000);
    assert.equal(second.lines(), [OK]);
    assert.is(await first.ask('HANDLERS?'), 'OK count=1', 'the older session is text again');
    first.link.destroy();
    second.ping();
    await world.elapse(1_000);
    assert.is(stateOf(two.proxy, ID), 'binary', 'and its end is nothing to the Handler');
  },
);

scenario('by two sessions in one tick: one of them has the wire', async (world) => {
  const two = await pair(world);
  for (const standing of [false, true]) {
    const [first, second] = [await two.proxy.client(), await two.proxy.client()];
    first.say(beginLine());
    second.say(beginLine());
    await world.settle();
    const won = [first, second].filter((talker) => {
      const line = Buffer.from(talker.held).toString('latin1').split('\n')[0] ?? '';
      if (line.startsWith('OK')) return true;
      assert.match(line, /^ERR 409 handler-exists/);
      return false;
    });
    assert.ok(won.length >= 1);
    won.at(-1)?.ping();
    await world.elapse(1_000);
    assert.is(stateOf(two.proxy, ID), 'binary', `standing: ${standing}`);
  }
});

scenario(
  'with other devices, roles or addresses it is 409 handler-exists, and nothing changes',
  async (world) => {
    const two = await pair(world);
    const [, first] = await begin(two);
    first.ping();
    await world.settle();
    first.records();
    const changes: Parameters<typeof beginLine>[0][] = [
      { local: 'lan1' },
      { local: 'packet:lan0' },
      { far: 'vm1' },
      { roles: 'HOST PROXY' },
      { roles: 'PROXY:multicast=off HOST' },
      { macs: MAC2 },
      { macs: `${MAC} ${MAC2}` },
    ];
    for (const change of changes) {
      const [answer] = await begin(two, 'default', change);
      assert.match(answer, /^ERR 409 handler-exists ./, JSON.stringify(change));
    }
    const [other] = await begin(two, 'other');
    assert.match(other, /^ERR 409 handler-exists ./, 'another identity');
    assert.equal(byes(first), []);
    assert.is(only(two.proxy).state, 'binary');
    // The order and letter case of the addresses are not another set of them.
    const [same] = await begin(two, 'default', { macs: `${MAC.toUpperCase()} ${MAC}` });
    assert.is(same, OK);
  },
);

scenario('another identity gets 409 also while it waits', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  first.ping();
  await world.settle();
  first.link.destroy();
  await world.settle();
  assert.match((await begin(two, 'other'))[0], /^ERR 409 handler-exists ./);
  assert.is(stateOf(two.proxy, ID), 'handling');
});

scenario('says anew whether super-frames are taken, and what the MTU of the initiator is', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  first.ping();
  await world.settle();
  const [answer] = await begin(two, 'default', { options: 'offload=off mtu=1400' });
  assert.is(answer, `OK handler=${ID} offload=off mtu=1500`);
  const { context } = only(two.proxy);
  assert.is(context.farMtu, 1400);
  assert.is(context.offload, false);
  const [quiet] = await begin(two, 'default', { options: 'offload=on mtu=1500 announce=off l2cp=on' });
  assert.is(quiet, OK);
  assert.equal(only(two.proxy).context.options, { offload: true, announce: false, l2cp: true });
});

scenario(
  'of a Handler that a newer session brought: the end of the older one does not touch it',
  async (world) => {
    const two = await pair(world);
    const [, first] = await begin(two);
    first.ping();
    await world.settle();
    // The old wire breaks in the same moment as the new BEGIN comes.
    const second = await two.proxy.client();
    first.link.destroy();
    second.say(beginLine());
    await world.settle();
    second.ping();
    await world.elapse(5_000);
    assert.is(stateOf(two.proxy, ID), 'binary');
    assert.ok(!second.ended);
  },
);

scenario.run();
