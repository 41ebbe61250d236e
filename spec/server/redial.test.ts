/** What becomes of a Handler whose wire breaks (PROTOCOL.md sections 4 and 6). */
import * as assert from 'uvu/assert';
import { handle, handleLine, MAC, MAC2, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('redial');

const wires = (world: MemoryWorld, { host, proxy }: Pick<Pair, 'host' | 'proxy'>) =>
  world.internet.between(host.host, proxy.host);
const reset = (world: MemoryWorld, two: Pick<Pair, 'host' | 'proxy'>) =>
  wires(world, two).at(-1)?.wire.reset();

/** Milliseconds of each event of a type that a Handler got, from the first on. */
function timesOf(station: Station, id: string, type: string): number[] {
  const times = station
    .history(`handler:${id}`)
    .filter(({ event }) => event.type === type)
    .map(({ mono }) => mono / 1e6);
  return times.map((time) => time - (times[0] ?? 0));
}

scenario(
  'a wire that breaks: the initiator dials again, the responder waits and is taken up',
  async (world) => {
    const two = await pair(world);
    const id = await handle(two.client);
    await world.elapse(1_000);
    reset(world, two);
    await world.settle();
    assert.is(stateOf(two.host, id), 'unauthenticated');
    assert.is(stateOf(two.proxy, id), 'handling');
    assert.is(two.proxy.devices.opened('lan0').length, 1, 'its device is kept open');
    await world.elapse(700);
    assert.is(stateOf(two.host, id), 'binary');
    assert.is(stateOf(two.proxy, id), 'binary');
    assert.is(two.host.devices.opened('vm0').length, 1);
    const order = two.proxy.steps(`handler:${id}`);
    assert.equal(order.slice(3, 6), ['wire-lost → handling', 'begin → binary', 'first-record → binary']);
  },
);

scenario('the first delay is 0.5 s, doubling to 10 s, each a fifth more or less', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  two.proxy.host.refuses = true;
  reset(world, two);
  await world.elapse(100_000);
  const failures = two.host
    .history(`handler:${id}`)
    .filter(({ event }) => event.type === 'dial-failed' || event.type === 'wire-lost')
    .map(({ mono }) => mono / 1e6);
  const delays = failures.slice(1).map((time, i) => time - (failures[i] ?? 0));
  for (const [i, wanted] of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000].entries()) {
    const delay = delays[i] ?? 0;
    assert.ok(
      delay >= wanted * 0.8 - 1 && delay <= wanted * 1.2 + 1,
      `delay ${i} is ${delay}, about ${wanted}`,
    );
  }
  assert.ok(new Set(delays.slice(5).map(Math.round)).size > 1, 'with jitter');
  two.proxy.host.refuses = false;
  await world.elapse(13_000);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario('the delay starts anew after 60 s of binary, and not before', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  const redialled = async () => {
    reset(world, two);
    const before = world.clock.mono();
    await world.until(
      () => stateOf(two.host, id) === 'binary',
      20_000,
      () => 'a new wire',
    );
    return (world.clock.mono() - before) / 1e6;
  };
  await world.elapse(1_000);
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    times.push(await redialled());
    await world.elapse(59_000);
  }
  for (const [i, wanted] of [500, 1_000, 2_000, 4_000].entries()) {
    assert.ok(Math.abs((times[i] ?? 0) - wanted) <= wanted * 0.2 + 1, `${times}`);
  }
  await world.elapse(2_000);
  const anew = await redialled();
  assert.ok(anew <= 601, `${anew}`);
});

scenario('each try takes 10 s at most, whatever it waits for', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  // Nothing answers at all.
  world.internet.cut(two.host.host, two.proxy.host);
  wires(world, two).at(-1)?.wire.reset();
  await world.elapse(40_000);
  const tries = two.host
    .history(`handler:${id}`)
    .filter(({ event }) => event.type === 'timer')
    .map(({ event, mono }) => ({ timer: event.timer, at: mono / 1e6 }));
  const redials = tries.filter(({ timer }) => timer === 'redial');
  const ends = tries.filter(({ timer }) => timer === 'dial');
  assert.ok(ends.length >= 2);
  for (const [i, end] of ends.entries()) assert.is(Math.round(end.at - (redials[i]?.at ?? 0)), 10_000);
  world.internet.heal(two.host.host, two.proxy.host);
  await world.elapse(20_000);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario('a wire on which nothing is received for 15 s is broken, at both ends', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  await world.elapse(20_000);
  assert.is(stateOf(two.host, id), 'binary', 'PING and PONG keep it');
  world.internet.cut(two.host.host, two.proxy.host);
  await world.elapse(9_000);
  assert.is(stateOf(two.host, id), 'binary');
  await world.elapse(6_100);
  assert.is(stateOf(two.host, id), 'unauthenticated');
  assert.is(stateOf(two.proxy, id), 'handling');
  world.internet.heal(two.host.host, two.proxy.host);
  await world.elapse(15_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(stateOf(two.proxy, id), 'binary');
});

scenario(
  'a redial while the other end still believes in the old wire takes the Handler over',
  async (world) => {
    const two = await pair(world);
    const id = await handle(two.client);
    await world.elapse(1_000);
    // The initiator's end breaks, and the responder hears nothing of it.
    const [first] = wires(world, two);
    first?.wire.cut();
    first?.dialled.resetCame();
    await world.elapse(1_000);
    assert.is(stateOf(two.host, id), 'binary');
    assert.is(stateOf(two.proxy, id), 'binary');
    assert.not(two.proxy.steps(`handler:${id}`).some((step) => step.startsWith('wire-lost')));
    await world.elapse(60_000);
    assert.is(stateOf(two.proxy, id), 'binary', 'nor does the end of the old wire harm it');
    assert.is(timesOf(two.host, id, 'wire-lost').length, 1);
    const open = two.proxy.server.sessions.all().filter(({ state }) => state === 'binary');
    assert.is(open.length, 1, 'the session of the old wire is closed, that of the new one is not');
  },
);

scenario(
  'a responder waits 60 s with its device open, then it is closed; the initiator goes on',
  async (world) => {
    const two = await pair(world);
    const id = await handle(two.client);
    world.internet.cut(two.host.host, two.proxy.host);
    wires(world, two).at(-1)?.wire.reset();
    await world.elapse(59_900);
    assert.is(stateOf(two.proxy, id), 'handling');
    assert.is(two.proxy.devices.opened('lan0').length, 1);
    await world.elapse(200);
    assert.is(stateOf(two.proxy, id), 'none');
    assert.is(two.proxy.devices.opened('lan0').length, 0);
    assert.is(stateOf(two.host, id), 'unauthenticated');
    world.internet.heal(two.host.host, two.proxy.host);
    await world.elapse(25_000);
    assert.is(stateOf(two.host, id), 'binary', 'an expired wait leaves no memory that would refuse it');
    assert.is(stateOf(two.proxy, id), 'binary');
  },
);

scenario('a refusal does not end a Handler that stood: it dials again until it is taken', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  await two.proxy.restart();
  two.proxy.devices.delete('lan0');
  await world.elapse(30_000);
  assert.is(stateOf(two.host, id), 'unauthenticated');
  assert.ok(timesOf(two.host, id, 'dial-failed').length >= 3);
  two.proxy.devices.add({ name: 'lan0' });
  await world.elapse(15_000);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario(
  'a waiting Handler yields its MAC addresses to another BEGIN of the same identity',
  async (world) => {
    const two = await pair(world);
    const first = await handle(two.client);
    await world.elapse(1_000);
    two.host.crash();
    await world.settle();
    wires(world, two).at(-1)?.wire.reset();
    await world.settle();
    assert.is(stateOf(two.proxy, first), 'handling');
    const third = world.station('third', { passwords: { default: 'secret-of-third' } });
    third.devices.add({ name: 'vm0' });
    await third.start();
    const client = await third.client();
    assert.match(
      await client.ask(handleLine({ auth: 'password:other:secret-of-other' })),
      /^ERR 502 remote-refused ERR 409 mac-in-use/,
      'not to another identity',
    );
    const second = await handle(client);
    assert.is(stateOf(two.proxy, first), 'none');
    assert.is(stateOf(two.proxy, second), 'binary');
    assert.match(two.proxy.steps(`handler:${first}`).at(-1) ?? '', /^yield → closed$/);
    await two.host.start();
    await world.elapse(20_000);
    assert.is(stateOf(two.proxy, second), 'binary', 'one that stands does not yield');
    assert.is(stateOf(two.host, first), 'unauthenticated');
  },
);

scenario('a Handler that is not waiting does not yield', async (world) => {
  const two = await pair(world);
  await handle(two.client);
  const more = handleLine({ local: 'vm1', macs: `${MAC} ${MAC2}` });
  assert.match(await two.client.ask(more), /^ERR 502 remote-refused ERR 409 mac-in-use/);
});

scenario('a BRIDGE that waits gives way to another one of the same identity', async (world) => {
  const two = await pair(world);
  const bridge = { roles: 'BRIDGE BRIDGE', macs: '*' };
  const first = await handle(two.client, bridge);
  await world.elapse(1_000);
  await two.host.stop();
  await world.settle();
  assert.is(stateOf(two.proxy, first), 'handling');
  await two.host.start({ resume: false });
  const client = await two.host.client();
  await client.ask(`CLOSE ${first}`);
  const second = await handle(client, bridge);
  assert.is(stateOf(two.proxy, first), 'none');
  assert.is(stateOf(two.proxy, second), 'binary');
});

scenario('thirty Handlers that dial one server again at once: none is turned away for it', async (world) => {
  const two = await pair(world);
  const macs = Array.from({ length: 30 }, (_, i) => `52:54:00:00:01:${(i + 16).toString(16)}`);
  const ids: string[] = [];
  for (const mac of macs) ids.push(await handle(two.client, { macs: mac }));
  two.proxy.authenticator.delay = 60;
  await two.host.restart();
  // Six at a time, 60 ms each.
  await world.elapse(2_000);
  for (const id of ids) assert.is(stateOf(two.host, id), 'binary');
  for (const id of ids) {
    const again = two.host.steps(`handler:${id}`).filter((step) => step.startsWith('dial-failed'));
    assert.equal(again, []);
  }
});

scenario('a HANDLE does not stand behind thirty Handlers that dial again, nor a CLOSE', async (world) => {
  const two = await pair(world);
  const macs = Array.from({ length: 30 }, (_, i) => `52:54:00:00:01:${(i + 16).toString(16)}`);
  const ids: string[] = [];
  for (const mac of macs) ids.push(await handle(two.client, { macs: mac }));
  two.proxy.authenticator.delay = 1_500;
  await two.host.restart();
  const client = await two.host.client();
  const last = ids.at(-1) ?? '';
  assert.is(await client.ask(`CLOSE ${last}`, 1_000), 'OK');
  const answer = await client.ask(handleLine({ macs: MAC2 }), 4_000);
  assert.match(answer, /^OK handler=/);
  await world.elapse(10_000);
  for (const id of ids.slice(0, -1)) assert.is(stateOf(two.host, id), 'binary');
  assert.is(stateOf(two.host, last), 'none');
});

scenario.run();
