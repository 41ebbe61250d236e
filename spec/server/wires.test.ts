/** Several wires for one Handler (PROTOCOL.md section 6.1). */
import * as assert from 'uvu/assert';
import { BYE } from '../../machines/frames/records.ts';
import { beginLine, handle, ID, MAC, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('wires');

const begun = beginLine({ options: 'offload=on mtu=1500 wires=4' });

async function begin({ proxy }: Pair, line = begun): Promise<readonly [string, Talker]> {
  const wire = await proxy.client();
  return [await wire.ask(line, 5_000), wire];
}

async function join({ proxy }: Pair, wire: number, identity = 'default'): Promise<readonly [string, Talker]> {
  const talker = await proxy.client(identity);
  return [await talker.ask(`JOIN ${ID} ${wire}`), talker];
}

const byes = (wire: Talker) =>
  wire
    .records()
    .filter(({ type }) => type === BYE)
    .map(({ payload }) => payload.toString());

/** A Handler between both servers over a way of 20 ms, with all its wires. */
async function spread(world: MemoryWorld, options = ''): Promise<Pair & { readonly id: string }> {
  const two = await pair(world);
  world.internet.latency = 20;
  const id = await handle(two.client, { options });
  await world.elapse(1_000);
  return { ...two, id };
}

const wiresOf = (two: Pair, side: 'host' | 'proxy'): readonly number[] =>
  only(two[side]).context.wires?.standing ?? [];
/** Connections that carry the wires, in the order in which they were made. */
const connections = (world: MemoryWorld) =>
  world.internet.connections.filter(({ url }) => url === 'tcp://proxy:7411');

scenario(
  'BEGIN that asks for several is granted so many; one that does not ask is not told',
  async (world) => {
    const two = await pair(world, { proxy: { limits: { responder: { grace: 60_000, wires: 3 } } } });
    assert.is((await begin(two))[0], `OK handler=${ID} offload=on mtu=1500 wires=3`);
    assert.is((await begin(two, beginLine()))[0], `OK handler=${ID} offload=on mtu=1500`);
  },
);

scenario('JOIN gives it more, each of them alone on its connection', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  first.ping();
  const [answer, second] = await join(two, 1);
  assert.is(answer, `OK handler=${ID} wire=1`);
  second.ping();
  await world.settle();
  assert.equal(wiresOf(two, 'proxy'), [0, 1]);
  assert.equal(
    two.proxy.server.sessions.all().map(({ state }) => state),
    ['binary', 'binary'],
  );
  first.link.destroy();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'binary', 'one wire is enough');
  assert.equal(wiresOf(two, 'proxy'), [1]);
  second.link.destroy();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'handling', 'none is too few');
});

scenario('JOIN is refused for what is wrong with it', async (world) => {
  const two = await pair(world);
  assert.match((await join(two, 1))[0], /^ERR 404 no-such-handler /);
  const [, first] = await begin(two);
  first.ping();
  await world.settle();
  assert.match((await join(two, 1, 'other'))[0], /^ERR 403 forbidden /);
  assert.match((await join(two, 4))[0], /^ERR 429 too-many-wires /);
  assert.match((await join(two, 0))[0], /^ERR 400 syntax /);
  assert.match((await join(two, 8))[0], /^ERR 400 syntax /);
  first.link.destroy();
  await world.settle();
  assert.match((await join(two, 1))[0], /^ERR 405 wrong-state /);
});

scenario('JOIN of a number that stands takes it over: BYE replaced, for that wire alone', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  const [, second] = await join(two, 1);
  const [answer, third] = await join(two, 1);
  assert.is(answer, `OK handler=${ID} wire=1`);
  await world.settle();
  assert.equal([byes(first), byes(second), byes(third)], [[], ['replaced'], []]);
  assert.equal(wiresOf(two, 'proxy'), [0, 1]);
  second.end();
  await world.elapse(4_000);
  assert.is(only(two.proxy).state, 'binary');
  assert.equal(wiresOf(two, 'proxy'), [0, 1]);
});

scenario('BEGIN while others stand replaces wire 0 alone', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  const [, second] = await join(two, 1);
  const [answer, again] = await begin(two);
  assert.is(answer, `OK handler=${ID} offload=on mtu=1500 wires=4`);
  await world.settle();
  assert.equal([byes(first), byes(second), byes(again)], [['replaced'], [], []]);
  assert.equal(wiresOf(two, 'proxy'), [0, 1]);
});

scenario('CLOSE ends all of its wires', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  const [, second] = await join(two, 1);
  const boss = await two.proxy.client();
  boss.say(`CLOSE ${ID}`);
  await world.settle();
  assert.equal([byes(first), byes(second)], [['closed'], ['closed']]);
  first.end();
  second.end();
  assert.is((await boss.answer(3_000)).at(-1), 'OK');
});

scenario('a record that is none ends the Handler and tells the other wires', async (world) => {
  const two = await pair(world);
  const [, first] = await begin(two);
  const [, second] = await join(two, 1);
  second.record(0x7f, Buffer.from('no'));
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'none');
  assert.equal([byes(first), byes(second)], [['closed'], ['protocol-error']]);
});

scenario('a way with a length gets all its wires, one without gets one', async (world) => {
  const near = await pair(world);
  await handle(near.client);
  await world.elapse(20_000);
  assert.equal(wiresOf(near, 'host'), [0]);
  assert.is(near.proxy.server.handlers.all()[0]?.context.wires?.most, 4);
});

scenario('it asks for as many as it was told', async (world) => {
  const two = await spread(world, 'wires=2');
  assert.equal(
    [wiresOf(two, 'host'), wiresOf(two, 'proxy')],
    [
      [0, 1],
      [0, 1],
    ],
  );
});

scenario('with wires=1 it is a Handler as it was before there were several', async (world) => {
  const two = await spread(world, 'wires=1');
  assert.is(only(two.host).context.wires, undefined);
  assert.is(only(two.proxy).context.wires, undefined);
});

scenario('a wire that breaks is dialled again, and the Handler stays binary', async (world) => {
  const two = await spread(world);
  assert.equal(wiresOf(two, 'host'), [0, 1, 2, 3]);
  for (const number of [2, 0]) {
    const connection = connections(world).slice(0, 4)[number];
    connection?.wire.reset();
    await world.settle();
    assert.is(only(two.host).state, 'binary');
    assert.is(only(two.proxy).state, 'binary');
    assert.ok(!wiresOf(two, 'host').includes(number), `${number} is gone`);
    await world.elapse(2_000);
    assert.equal(wiresOf(two, 'host'), [0, 1, 2, 3], `${number} is back at the host`);
    assert.equal(wiresOf(two, 'proxy'), [0, 1, 2, 3], `${number} is back at the proxy`);
  }
});

scenario('when none stands it falls back, and comes back with all', async (world) => {
  const two = await spread(world);
  for (const { wire } of connections(world)) wire.reset();
  await world.settle();
  assert.is(only(two.host).state, 'unauthenticated');
  assert.is(only(two.proxy).state, 'handling');
  await world.elapse(5_000);
  assert.equal(
    [wiresOf(two, 'host'), wiresOf(two, 'proxy')],
    [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ],
  );
});

for (const side of ['host', 'proxy'] as const) {
  scenario(`CLOSE at the ${side} leaves no wire, no dial and no timer behind`, async (world) => {
    const two = await spread(world);
    connections(world)[1]!.wire.reset();
    await world.settle();
    assert.not.equal(wiresOf(two, 'host'), [0, 1, 2, 3], 'one is dialled again');
    const client = await two[side].client();
    assert.is(await client.ask(`CLOSE ${two.id}`, 5_000), 'OK');
    client.end();
    await world.elapse(20_000);
    assert.equal([stateOf(two.host, two.id), stateOf(two.proxy, two.id)], ['none', 'none']);
    assert.equal(
      two.proxy.server.sessions.all().map(({ state }) => state),
      [],
    );
    const made = connections(world).length;
    await world.elapse(60_000);
    assert.is(connections(world).length, made, 'nothing is dialled any more');
  });
}

scenario('a server that does not know of several is asked for one', async (world) => {
  const two = await pair(world);
  let asked = '';
  await world.impostor('old', (talker) => {
    talker.say('OK VNET/1 server=old auth=password');
    talker.heardLine = (line) => {
      if (line.startsWith('HELLO')) talker.say('OK session=0123456789abcdef identity=default');
      if (!line.startsWith('BEGIN')) return;
      asked = line;
      talker.say(`OK handler=${line.split(' ')[1]} offload=off mtu=1500`);
    };
  });
  await handle(two.client, { remote: 'tcp://old:7411' });
  assert.match(asked, MAC);
  assert.not.match(asked, 'wires=');
  assert.is(only(two.host).context.wires?.most, 1);
});

scenario('a server that grants more than it was asked for is not believed', async (world) => {
  const two = await pair(world);
  await world.impostor('mad', (talker) => {
    talker.say('OK VNET/1 server=mad auth=password features=colours,wires');
    talker.heardLine = (line) => {
      if (line.startsWith('HELLO')) talker.say('OK session=0123456789abcdef identity=default');
      if (line.startsWith('BEGIN'))
        talker.say(`OK handler=${line.split(' ')[1]} offload=off mtu=1500 wires=8`);
    };
  });
  const answer = await two.client.ask(`HANDLE tcp://mad:7411 password:x vm0 lan0 HOST PROXY ${MAC}`, 15_000);
  assert.match(answer, /^ERR 502 remote-protocol /);
});

scenario.run();
