/** CLOSE, and what both ends know of it (PROTOCOL.md sections 3 and 4). */
import * as assert from 'uvu/assert';
import { BYE, encodeBye } from '../../machines/frames/records.ts';
import { beginLine, handle, handleLine, ID, MAC2, only, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';

const scenario = scenarios('CLOSE');
const DAY = 24 * 3_600_000;

scenario('is good at either server and closes at both', async (world) => {
  const { host, proxy, client } = await pair(world);
  const there = await proxy.client();
  for (const side of [client, there]) {
    const id = await handle(client);
    assert.is(await side.ask(`CLOSE ${id}`), 'OK');
    assert.is(stateOf(host, id), 'none');
    assert.is(stateOf(proxy, id), 'none');
    assert.is(host.devices.opened('vm0').length, 0);
    assert.is(proxy.devices.opened('lan0').length, 0);
    assert.match(await side.ask(`CLOSE ${id}`), /^ERR 404 no-such-handler ./);
    assert.match(await side.ask(`STATS? ${id}`), /^ERR 404 no-such-handler ./);
  }
});

scenario('OK comes once the other end was told, or after 3 s when it could not be', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 50;
  const id = await handle(client);
  client.say(`CLOSE ${id}`);
  await world.elapse(90);
  assert.equal(client.lines(), []);
  assert.is(stateOf(host, id), 'none');
  assert.is(stateOf(proxy, id), 'none');
  await world.elapse(200);
  assert.equal(client.lines(), ['OK']);
  const cut = await handle(client);
  world.internet.cut(host.host, proxy.host);
  client.say(`CLOSE ${cut}`);
  await world.elapse(2_900);
  assert.equal(client.lines(), []);
  await world.elapse(200);
  assert.equal(client.lines(), ['OK']);
});

scenario('says BYE closed on the wire, half-closes, and reads on', async (world) => {
  const { proxy } = await pair(world);
  const wire = await proxy.client();
  await wire.ask(beginLine());
  wire.ping();
  await world.settle();
  wire.records();
  const client = await proxy.client();
  client.say(`CLOSE ${ID}`);
  await world.settle();
  assert.equal(
    wire.records().map(({ type, payload }) => [type, payload.toString()]),
    [[BYE, 'closed']],
  );
  assert.ok(wire.ended && !wire.closed);
  wire.ping();
  wire.frame(Buffer.alloc(60));
  await world.elapse(1_000);
  assert.equal(client.lines(), [], 'the other end has not ended yet');
  wire.end();
  await world.settle();
  assert.ok(wire.closed && !wire.broken);
  assert.equal(client.lines(), ['OK']);
});

scenario('while it dials: HANDLE answers 410 and nothing stays', async (world) => {
  const { host, proxy, client } = await pair(world);
  const other = await host.client();
  const states: [string, () => void][] = [
    ['unauthenticated', () => (proxy.host.silent = true)],
    ['handling', () => (proxy.devices.delay = 5_000)],
  ];
  for (const [state, slow] of states) {
    slow();
    client.say(handleLine());
    await world.elapse(1_000);
    assert.is(only(host).state, state);
    assert.is(await other.ask(`CLOSE ${only(host).context.id}`), 'OK');
    assert.match(client.lines().join(), /^ERR 410 handler-closed ./);
    assert.is(host.server.handlers.all().length, 0);
    proxy.host.silent = false;
    proxy.devices.delay = 0;
    await world.elapse(10_000);
    assert.is(proxy.server.handlers.all().length, 0);
    assert.is(proxy.devices.opened('lan0').length, 0);
  }
  // While its device is being opened:
  host.devices.delay = 1_000;
  client.say(handleLine());
  await world.elapse(500);
  assert.is(await other.ask(`CLOSE ${only(host).context.id}`), 'OK');
  assert.match(client.lines().join(), /^ERR 410 handler-closed ./);
  await world.elapse(2_000);
  assert.is(host.devices.opened('vm0').length, 0);
  host.devices.delay = 0;
  assert.match(await client.ask(handleLine()), /^OK /);
});

scenario(
  'while BEGIN is under way at the responder: 410 to BEGIN, 502 to HANDLE, and no redial',
  async (world) => {
    const { host, proxy, client } = await pair(world);
    const there = await proxy.client();
    proxy.devices.delay = 1_000;
    client.say(handleLine());
    await world.elapse(500);
    const id = only(proxy).context.id;
    assert.is(await there.ask(`CLOSE ${id}`), 'OK');
    assert.match(client.lines().join(), /^ERR 502 remote-refused ERR 410 handler-closed/);
    assert.is(stateOf(host, id), 'none');
    await world.elapse(2_000);
    assert.is(proxy.devices.opened('lan0').length, 0);
  },
);

scenario('between two wires, at the initiator', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  await world.elapse(1_000);
  proxy.host.refuses = true;
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.elapse(3_000);
  assert.is(await client.ask(`CLOSE ${id}`), 'OK');
  assert.is(stateOf(host, id), 'none');
  proxy.host.refuses = false;
  await world.elapse(70_000);
  assert.is(stateOf(proxy, id), 'none');
  assert.is(world.internet.between(host.host, proxy.host).length, 1, 'nobody dials any more');
});

scenario('between two wires, at the responder: the initiator hears 410 and ends', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  await world.elapse(1_000);
  world.internet.cut(host.host, proxy.host);
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.settle();
  const there = await proxy.client();
  assert.is(await there.ask(`CLOSE ${id}`), 'OK');
  assert.is(stateOf(proxy, id), 'none');
  world.internet.heal(host.host, proxy.host);
  await world.elapse(20_000);
  assert.is(stateOf(host, id), 'none');
  assert.ok(host.history(`handler:${id}`).some(({ event }) => event.remote === '410 handler-closed'));
});

scenario(
  'a responder remembers what it CLOSEd for 24 h, across restarts, and then no more',
  async (world) => {
    const { proxy } = await pair(world);
    const client = await proxy.client();
    const begin = async () => {
      const wire = await proxy.client();
      const answer = await wire.ask(beginLine());
      wire.ping();
      await world.settle();
      if (answer.startsWith('ERR')) wire.say('DONE');
      return [answer.split(' ').slice(0, 3).join(' '), wire] as const;
    };
    const [, wire] = await begin();
    wire.end();
    await client.ask(`CLOSE ${ID}`, 5_000);
    assert.is((await begin())[0], 'ERR 410 handler-closed');
    await proxy.restart();
    await world.settle();
    assert.is((await begin())[0], 'ERR 410 handler-closed');
    await proxy.stop();
    await proxy.start();
    await world.elapse(DAY - 10_000);
    assert.is((await begin())[0], 'ERR 410 handler-closed');
    await world.elapse(10_000);
    assert.match((await begin())[0], /^OK handler=/, 'also when nothing else was closed since');
  },
);

scenario('an expired wait, a yielded one and a restart leave no such memory', async (world) => {
  const { proxy } = await pair(world);
  const begin = async () => {
    const wire = await proxy.client();
    const answer = await wire.ask(beginLine());
    wire.ping();
    await world.settle();
    return [answer, wire] as const;
  };
  const [, expiring] = await begin();
  expiring.link.destroy();
  await world.elapse(61_000);
  assert.is(stateOf(proxy, ID), 'none');
  const [again, next] = await begin();
  assert.match(again, /^OK /);
  await proxy.restart();
  assert.ok(next);
  assert.match((await begin())[0], /^OK /);
});

/** What ends a Handler in the same instant in which it is CLOSEd. */
const ENDS = {
  'bytes ahead of the answer to a BEGIN': (_: Talker, again: Talker) => void again.send(`${beginLine()}\nx`),
  'a client that goes behind its BEGIN': (_: Talker, again: Talker) => {
    again.say(beginLine());
    again.link.destroy();
  },
  'a wire that breaks before its first record': (wire: Talker) => void wire.link.destroy(),
  'BYE of the other end': (wire: Talker) => void wire.send(encodeBye('closed')),
};

for (const [what, end] of Object.entries(ENDS)) {
  scenario(`what was CLOSEd stays closed also when it was just ending by itself: ${what}`, async (world) => {
    for (const closeFirst of [false, true]) {
      const proxy = world.station(closeFirst ? 'first' : 'last', { recorder: { sync: 'always' } });
      proxy.devices.add({ name: 'lan0' });
      await proxy.start();
      const [client, wire, again] = [await proxy.client(), await proxy.client(), await proxy.client()];
      await wire.ask(beginLine());
      if (closeFirst) client.say(`CLOSE ${ID}`);
      end(wire, again);
      if (!closeFirst) client.say(`CLOSE ${ID}`);
      await world.elapse(5_000);
      const [answer = ''] = client.lines();
      assert.match(answer, /^(OK$|ERR 404 )/);
      assert.is(stateOf(proxy, ID), 'none');
      const late = await (await proxy.client()).ask(beginLine());
      assert.match(
        late,
        answer === 'OK' ? /^ERR 410 handler-closed/ : /^OK /,
        `CLOSE was answered ${answer}`,
      );
    }
  });
}

scenario('the initiator keeps no memory of it: it makes the ids', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client);
  await client.ask(`CLOSE ${id}`);
  assert.not(host.server.wasClosed(id));
  const next = await handle(client);
  assert.is.not(next, id);
  assert.match(next, /^[0-9a-f]{16,64}$/);
});

for (const at of ['host', 'proxy'] as const) {
  scenario(`by three sessions of the ${at} at the same time: each is answered`, async (world) => {
    const { host, proxy, client } = await pair(world);
    const server = { host, proxy }[at];
    const id = await handle(client);
    const sessions = [await server.client(), await server.client(), await server.client()];
    for (const session of sessions) session.say(`CLOSE ${id}`, 'HANDLERS?');
    await world.elapse(5_000);
    for (const session of sessions) {
      const lines = session.lines();
      assert.match(lines[0] ?? '', /^(OK$|ERR 404 no-such-handler)/);
      assert.is(lines[1], 'OK count=0', lines.join('|'));
    }
    assert.is(stateOf(host, id), 'none');
    assert.is(stateOf(proxy, id), 'none');
  });
}

scenario('by two sessions of a server that dialled itself', async (world) => {
  const { host, client } = await pair(world);
  const other = await host.client();
  const id = await handle(client, { remote: 'tcp://127.0.0.1', auth: 'password:secret-of-host', far: 'vm1' });
  for (const session of [client, other]) session.say(`CLOSE ${id}`, 'HANDLERS?');
  await world.elapse(5_000);
  for (const session of [client, other]) {
    const lines = session.lines();
    assert.match(lines[0] ?? '', /^(OK$|ERR 404 no-such-handler)/);
    assert.is(lines[1], 'OK count=0');
  }
});

scenario('by both ends at once is normal', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 20;
  const there = await proxy.client();
  const id = await handle(client);
  client.say(`CLOSE ${id}`);
  there.say(`CLOSE ${id}`);
  await world.elapse(1_000);
  assert.equal(client.lines(), ['OK']);
  assert.equal(there.lines(), ['OK']);
  assert.is(stateOf(host, id), 'none');
  assert.is(stateOf(proxy, id), 'none');
  const [wire] = world.internet.between(host.host, proxy.host);
  assert.ok(wire);
});

scenario('as the OK of its HANDLE is on the way', async (world) => {
  const { host, proxy, client } = await pair(world);
  const other = await host.client();
  const there = await proxy.client();
  world.internet.latency = 30;
  // One way takes 30 ms: BEGIN arrives after some, its answer 30 ms later. CLOSE comes at every moment of it.
  for (let at = 0; at <= 330; at += 15) {
    for (const side of [other, there]) {
      client.say(handleLine());
      await world.elapse(at);
      const station = side === other ? host : proxy;
      const id = station.server.handlers.all()[0]?.context.id;
      if (id !== undefined) side.say(`CLOSE ${id}`);
      await world.elapse(5_000);
      const answer = client.lines().join('|');
      if (id === undefined) {
        assert.match(answer, /^OK /);
        assert.is(await client.ask(`CLOSE ${only(host).context.id}`, 5_000), 'OK');
      } else {
        assert.match(answer, /^(OK handler=|ERR 410 handler-closed|ERR 502 remote-\S+)/, `at ${at} ms`);
        assert.equal(side.lines(), ['OK'], `at ${at} ms`);
        await world.elapse(20_000);
      }
      assert.is(host.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
      assert.is(proxy.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
    }
  }
  await client.ask('DONE');
});

scenario('a HANDLE that times out as its OK is on the way leaves nothing anywhere', async (world) => {
  const latency = 20;
  const { host, proxy, client } = await pair(world);
  world.internet.latency = latency;
  for (let early = -60; early <= 60; early += 10) {
    // HANDLE's 15 s run out while BEGIN's answer crosses.
    proxy.devices.delay = 15_000 - 7 * latency - early;
    client.say(handleLine());
    await world.elapse(16_000);
    const answer = client.lines().join('|');
    assert.match(answer, /^(OK handler=|ERR 504 remote-timeout)/);
    if (answer.startsWith('OK')) await client.ask(`CLOSE ${only(host).context.id}`, 5_000);
    proxy.devices.delay = 0;
    await world.elapse(2_000);
    assert.is(host.server.handlers.all().length, 0, answer);
    assert.is(proxy.server.handlers.all().length, 0, answer);
    assert.is(proxy.devices.opened('lan0').length, 0);
  }
});

scenario('and HANDLE again at once, with the same addresses and devices', async (world) => {
  const { host, proxy, client } = await pair(world);
  for (const local of ['vm0', 'tap:t0']) {
    for (let i = 0; i < 3; i++) {
      const id = await handle(client, { local });
      client.say(`CLOSE ${id}`, handleLine({ local }));
      assert.is((await client.answer(5_000)).at(-1), 'OK');
      const answer = (await client.answer(5_000)).at(-1) ?? '';
      assert.match(answer, /^OK handler=/);
      assert.is(await client.ask(`CLOSE ${answer.slice('OK handler='.length)}`, 5_000), 'OK');
    }
  }
  assert.is(host.server.handlers.all().length + proxy.server.handlers.all().length, 0);
});

scenario('touches no other Handler and no other session', async (world) => {
  const { host, proxy, client } = await pair(world);
  const other = await host.client();
  const stays = await handle(client);
  const goes = await handle(client, { macs: MAC2 });
  await client.ask(`CLOSE ${goes}`);
  assert.is(stateOf(host, stays), 'binary');
  assert.is(stateOf(proxy, stays), 'binary');
  assert.is(host.devices.opened('vm0').length, 1);
  assert.is(await other.ask('HANDLERS?'), 'OK count=1');
});

scenario('a client that goes away behind CLOSE does not stop it', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  client.say(`CLOSE ${id}`);
  client.end();
  await world.settle();
  assert.equal(client.lines(), ['OK']);
  const next = await host.client();
  const second = await handle(next);
  next.say(`CLOSE ${second}`);
  world.internet.connections.at(-2)?.wire.cut('a');
  await world.settle();
  next.link.destroy();
  await world.elapse(5_000);
  assert.is(stateOf(host, second), 'none');
  assert.is(stateOf(proxy, second), 'none');
});

scenario.run();
