/** TAP interfaces that a server creates (PROTOCOL.md section 3.1). */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { handle, handleLine, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';

const scenario = scenarios('TAPs');
const DAY = 24 * 3_600_000;

scenario(
  'are made when none stands, on record before that, and removed with their last Handler',
  async (world) => {
    const { host, client } = await pair(world);
    const openTap = host.devices.openTap.bind(host.devices);
    let recorded = false;
    host.devices.openTap = (name, options) => {
      recorded = host.history('device:tap:t0').some(({ event }) => event.type === '@created');
      return openTap(name, options);
    };
    const first = await handle(client, { local: 'tap:t0' });
    assert.ok(recorded);
    const second = await handle(client, { local: 'tap:t0', macs: MAC2 });
    assert.is(host.devices.opened('t0').length, 1);
    assert.match(
      (await client.list('DEVICES?')).join('|'),
      /DEVICE t0 kind=tap .*backends=tap,\S+ local=yes handlers=2/,
    );
    await client.ask(`CLOSE ${first}`);
    assert.ok(host.devices.find('t0'));
    await client.ask(`CLOSE ${second}`);
    await world.settle();
    assert.is(host.devices.find('t0'), undefined);
  },
);

scenario('stay when a waiting Handler gives way to a new one on them', async (world) => {
  const two = await pair(world);
  const first = await handle(two.client, { far: 'tap:t0' });
  await world.elapse(1_000);
  two.host.crash();
  await world.settle();
  world.internet.between(two.host.host, two.proxy.host).at(-1)?.wire.reset();
  await world.settle();
  assert.is(stateOf(two.proxy, first), 'handling');
  const ifindex = two.proxy.devices.find('t0')?.ifindex;
  const third = world.station('third', { passwords: { default: 'secret-of-third' } });
  third.devices.add({ name: 'vm0' });
  await third.start();
  const second = await handle(await third.client(), { far: 'tap:t0' });
  assert.is(stateOf(two.proxy, second), 'binary');
  assert.is(stateOf(two.proxy, first), 'none');
  assert.is(two.proxy.devices.find('t0')?.ifindex, ifindex, 'the same interface, with its addresses');
});

scenario('a TAP that stood before is never removed', async (world) => {
  const { host, client } = await pair(world);
  host.devices.add({ name: 't0', kind: 'tap' });
  const id = await handle(client, { local: 'tap:t0' });
  await client.ask(`CLOSE ${id}`);
  await world.settle();
  assert.ok(host.devices.find('t0'));
  await handle(client, { local: 'tap:t0' });
  await host.restart();
  await world.elapse(2_000);
  const again = await host.client();
  const [line = ''] = await again.list('HANDLERS?');
  await again.ask(`CLOSE ${line.split(' ')[1]}`);
  await world.elapse(DAY);
  assert.ok(host.devices.find('t0'));
});

scenario(
  'stay over an orderly end and over a crash, with their Handlers, and are removed with them then',
  async (world) => {
    for (const end of ['stop', 'crash'] as const) {
      const name = end === 'stop' ? 't1' : 't2';
      const { host, client } = end === 'stop' ? await pair(world) : await secondPair(world);
      const id = await handle(client, { local: `tap:${name}` });
      await host[end]();
      assert.ok(host.devices.find(name), end);
      await host.start();
      await world.elapse(2_000);
      assert.is(stateOf(host, id), 'binary', end);
      assert.is(host.devices.opened(name).length, 1);
      const again = await host.client();
      assert.is(await again.ask(`CLOSE ${id}`), 'OK');
      await world.settle();
      assert.is(host.devices.find(name), undefined, end);
    }
  },
);

async function secondPair(world: Parameters<typeof pair>[0]) {
  const host = world.station('host2', { passwords: { default: 'secret-of-host2' } });
  await host.start();
  return { host, client: await host.client() };
}

scenario('with --no-resume they stay with their Handlers, and go with CLOSE', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  await host.stop();
  await host.start({ resume: false });
  await world.elapse(120_000);
  assert.ok(host.devices.find('t0'));
  const again = await host.client();
  assert.is(await again.ask(`CLOSE ${id}`), 'OK');
  await world.settle();
  assert.is(host.devices.find('t0'), undefined);
});

scenario(
  'of a responder: kept for a restart while its initiator may come back, removed when none does',
  async (world) => {
    const { host, proxy, client } = await pair(world);
    const id = await handle(client, { far: 'tap:t0' });
    assert.ok(proxy.devices.find('t0'));
    await proxy.restart();
    await world.elapse(30_000);
    assert.is(stateOf(proxy, id), 'binary');
    assert.ok(proxy.devices.find('t0'));
    await world.elapse(120_000);
    assert.ok(proxy.devices.find('t0'));
    proxy.crash();
    host.crash();
    await world.elapse(1_000);
    await proxy.start();
    await world.elapse(61_000);
    assert.is(proxy.devices.find('t0'), undefined, 'a start that does not need it');
    assert.not([...proxy.fold().fold.live().keys()].some((actor) => actor.startsWith('device:')));
  },
);

scenario('a crash between the record and the making, or before the end of the removal', async (world) => {
  const { host, client } = await pair(world);
  host.devices.delay = 100;
  client.say(handleLine({ local: 'tap:t0' }));
  await world.elapse(50);
  assert.is(host.devices.find('t0'), undefined);
  await host.restart();
  await world.elapse(2_000);
  assert.ok(host.devices.find('t0'));
  const again = await host.client();
  const [line = ''] = await again.list('HANDLERS?');
  const id = line.split(' ')[1];
  // The removal is cut short.
  host.devices.removeTap = () => new Promise(() => undefined);
  again.say(`CLOSE ${id}`);
  await world.elapse(1_000);
  assert.equal(again.lines(), ['OK']);
  assert.ok(host.devices.find('t0'));
  host.crash();
  Reflect.deleteProperty(host.devices, 'removeTap');
  await host.start();
  await world.elapse(1_000);
  assert.is(host.devices.find('t0'), undefined);
});

scenario('one that cannot be opened again stays ours: it goes with its last Handler', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  host.crash();
  host.devices.fault = new DeviceError('device-busy', 'in use by another program');
  await host.start();
  await world.elapse(5_000);
  assert.is(stateOf(host, id), 'unauthenticated');
  host.devices.fault = undefined;
  await world.elapse(10_000);
  assert.is(stateOf(host, id), 'binary');
  const again = await host.client();
  assert.is(await again.ask(`CLOSE ${id}`), 'OK');
  await world.settle();
  assert.is(host.devices.find('t0'), undefined);
});

/** From the record of the verb on the log takes nothing, as when the disk is full at this very moment. */
function failBehind(station: Station, verb: string): void {
  const append = station.journal.append.bind(station.journal);
  station.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
  station.journal.append = (lines) => {
    append(lines);
    if (!lines.some((line) => line.includes(`"type":"${verb}"`))) return;
    station.journal.append = append;
    station.journal.appendFault = new Error('ENOSPC: no space left on device');
  };
}

scenario('is not made when it cannot be put on record: a crash would leave it to nobody', async (world) => {
  const { host, proxy, client } = await pair(world);
  failBehind(host, 'HANDLE');
  assert.match(await client.ask(handleLine({ local: 'tap:t0' })), /^ERR 507 log-unavailable ./);
  assert.is(host.devices.find('t0'), undefined);
  await host.restart();
  host.journal.appendFault = undefined;
  await world.elapse(2_000);
  const again = await host.client();
  failBehind(proxy, 'BEGIN');
  const answer = await again.ask(handleLine({ far: 'tap:t0' }), 15_000);
  assert.match(answer, /^ERR 502 remote-refused .*507 log-unavailable/);
  assert.is(proxy.devices.find('t0'), undefined);
  await proxy.restart();
  proxy.journal.appendFault = undefined;
  await world.elapse(2_000);
  await handle(again, { local: 'tap:t0', far: 'tap:t0' });
});

scenario('that is on record is opened again also while the log cannot be written', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  host.crash();
  host.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
  host.journal.appendFault = new Error('ENOSPC: no space left on device');
  await host.start();
  await world.elapse(5_000);
  assert.is(stateOf(host, id), 'binary');
  host.journal.appendFault = undefined;
  await world.elapse(2_000);
  const again = await host.client();
  assert.is(await again.ask(`CLOSE ${id}`), 'OK');
  await world.settle();
  assert.is(host.devices.find('t0'), undefined);
});

scenario('one that cannot be made fails HANDLE and leaves nothing on record that stands', async (world) => {
  const { host, client } = await pair(world);
  host.devices.taps = false;
  assert.match(await client.ask(handleLine({ local: 'tap:t0' })), /^ERR 400 bad-device ./);
  assert.not([...host.fold().fold.live().keys()].some((actor) => actor.startsWith('device:')));
});

scenario('one that somebody deletes is waited for until CLOSE, and may be made anew', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  host.devices.delete('t0');
  await world.settle();
  assert.is(stateOf(host, id), 'unauthenticated');
  assert.is(await client.ask(`CLOSE ${id}`), 'OK');
  await world.elapse(5_000);
  assert.is(stateOf(host, id), 'none');
  const next = await handle(client, { local: 'tap:t0' });
  await client.ask(`CLOSE ${next}`);
  await world.settle();
  assert.is(host.devices.find('t0'), undefined);
});

for (const end of ['stop', 'crash'] as const) {
  scenario(
    `one under a responder waits over a ${end} for the initiator, with its addresses`,
    async (world) => {
      const two = await pair(world);
      const id = await handle(two.client, { far: 'tap:t0' });
      const ifindex = two.proxy.devices.find('t0')?.ifindex;
      await two.proxy[end]();
      await two.proxy.start();
      await world.settle();
      assert.is(two.proxy.devices.find('t0')?.ifindex, ifindex);
      world.internet.between(two.host.host, two.proxy.host).at(-1)?.wire.reset();
      await world.elapse(5_000);
      assert.is(stateOf(two.proxy, id), 'binary');
      assert.is(two.proxy.devices.find('t0')?.ifindex, ifindex);
    },
  );
}

scenario('one that was renamed goes by its index, and who has its old name stays as it is', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  host.devices.rename('t0', 't9');
  host.devices.add({ name: 't0', kind: 'tap' });
  assert.match(
    (await client.list('DEVICES?')).join('|'),
    /DEVICE t9 kind=tap .* handlers=1.*DEVICE t0 .* handlers=0/,
  );
  assert.is(await client.ask(`CLOSE ${id}`), 'OK');
  await world.settle();
  assert.is(host.devices.find('t9'), undefined);
  assert.ok(host.devices.find('t0'));
});

scenario('one that is being removed is waited for by the next HANDLE', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { local: 'tap:t0' });
  const removeTap = host.devices.removeTap.bind(host.devices);
  host.devices.removeTap = (name) =>
    new Promise((done) => world.clock.after(500, () => done(removeTap(name))));
  client.say(`CLOSE ${id}`, handleLine({ local: 'tap:t0' }));
  assert.equal(await client.answer(1_000), ['OK']);
  assert.match((await client.answer(5_000)).join(), /^OK handler=/);
  assert.is(host.devices.opened('t0').length, 1);
});

scenario('a Handler that is closed while it waits for one leaves nothing open', async (world) => {
  const { host, client } = await pair(world);
  const other = await host.client();
  const id = await handle(client, { local: 'tap:t0' });
  const removeTap = host.devices.removeTap.bind(host.devices);
  host.devices.removeTap = (name) =>
    new Promise((done) => world.clock.after(500, () => done(removeTap(name))));
  client.say(`CLOSE ${id}`, handleLine({ local: 'tap:t0' }));
  await world.elapse(100);
  assert.is(client.lines()[0], 'OK');
  const [waiting] = host.server.handlers.all();
  assert.is(await other.ask(`CLOSE ${waiting?.context.id}`), 'OK');
  assert.match(client.lines().join(), /^ERR 410 handler-closed/);
  await world.elapse(2_000);
  assert.is(host.devices.find('t0'), undefined);
  assert.not([...host.fold().fold.live().keys()].some((actor) => actor.startsWith('device:')));
});

scenario('without mtu= and a bridge one takes the MTU of the other end', async (world) => {
  const { host, proxy, client } = await pair(world);
  proxy.devices.add({ name: 'jumbo0', mtu: 9000 });
  proxy.devices.add({ name: 'slim0', mtu: 1400 });
  await handle(client, { local: 'tap:t0', far: 'jumbo0' });
  assert.is(host.devices.find('t0')?.mtu, 9000);
  await handle(client, { local: 'tap:t1', far: 'slim0' });
  assert.is(host.devices.find('t1')?.mtu, 1400);
  await handle(client, { local: 'tap:t2?mtu=1300', far: 'jumbo0', macs: MAC2 });
  assert.is(host.devices.find('t2')?.mtu, 1300);
  host.devices.add({ name: 'big0', mtu: 4000 });
  await handle(client, { local: 'big0', far: 'tap:t3' });
  assert.is(proxy.devices.find('t3')?.mtu, 4000, 'at the responder');
  await handle(client, { local: 'big0', far: 'tap:t4?mtu=1280', macs: MAC2 });
  assert.is(proxy.devices.find('t4')?.mtu, 1280);
  host.devices.add({ name: 'stood', kind: 'tap', mtu: 1500 });
  await handle(client, { local: 'tap:stood', far: 'jumbo0', macs: '02:00:00:00:00:77' });
  assert.is(host.devices.find('stood')?.mtu, 1500, 'one that stood keeps its own');
  host.devices.add({ name: 'br0', kind: 'bridge', mtu: 1450 });
  await handle(client, { local: 'tap:t5?bridge=br0', far: 'jumbo0', macs: '02:00:00:00:00:78' });
  assert.is(host.devices.find('t5')?.mtu, 1450, 'in a bridge it has that of the bridge');
});

scenario('what it took is what the next BEGIN says, and what frames are held against', async (world) => {
  const { host, proxy, client } = await pair(world);
  proxy.devices.add({ name: 'jumbo0', mtu: 9000 });
  const id = await handle(client, { local: 'tap:t0', far: 'jumbo0', options: 'announce=off' });
  const farMtu = () => {
    const [handler] = proxy.server.handlers.byId(id);
    return handler?.context.farMtu;
  };
  assert.is(farMtu(), 9000);
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(farMtu(), 9000);
  await host.restart();
  await world.elapse(3_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(farMtu(), 9000);
});

scenario.run();
