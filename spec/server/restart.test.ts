/** The end of a server, and the next run (PROTOCOL.md sections 4 and 7). */
import * as assert from 'uvu/assert';
import { PING } from '../../machines/frames/records.ts';
import { beginLine, handle, handleLine, ID, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('restart');

scenario('stop says BYE shutting-down to all, closes no Handler, and takes less than 5 s', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  const wire = await two.proxy.client();
  await wire.ask(beginLine({ local: 'lan1' }));
  wire.ping();
  await world.settle();
  wire.records();
  const before = world.clock.mono();
  await two.proxy.stop();
  assert.ok((world.clock.mono() - before) / 1e9 < 5);
  assert.is(wire.bye(), 'shutting-down');
  assert.is(stateOf(two.host, id), 'unauthenticated', 'for the other end a broken wire');
  const live = two.proxy.fold().fold.live();
  assert.is(live.get(`handler:${id}`)?.snapshot.value, 'handling');
  assert.is(live.get(`handler:${ID}`)?.snapshot.value, 'handling');
  assert.is(live.get('server')?.snapshot.value, 'stopped');
  assert.match(two.proxy.steps('server').at(-1) ?? '', /^stop → stopped$/);
  await rejects(() => two.proxy.connect());
});

async function rejects(work: () => Promise<unknown>): Promise<void> {
  const failed = await work().then(
    () => false,
    () => true,
  );
  assert.ok(failed);
}

scenario('stop with an initiator: the responder waits, and a restart dials again', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  await world.elapse(1_000);
  await two.host.stop();
  assert.is(stateOf(two.proxy, id), 'handling');
  assert.ok(two.client.ended);
  assert.is(two.host.devices.opened('vm0').length, 0);
  await world.elapse(30_000);
  await two.host.start();
  await world.elapse(1_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(stateOf(two.proxy, id), 'binary');
});

scenario('stop in the middle of everything', async (world) => {
  const two = await pair(world);
  two.proxy.devices.delay = 300;
  world.internet.latency = 20;
  for (let at = 0; at < 600; at += 40) {
    const client = await two.host.client();
    client.say(handleLine());
    await world.elapse(at);
    await two.host.stop();
    await two.host.start({ resume: false });
    for (const { context } of two.host.server.handlers.all()) {
      const other = await two.host.client();
      assert.is(await other.ask(`CLOSE ${context.id}`, 5_000), 'OK');
    }
    await world.elapse(61_000);
    assert.is(two.proxy.server.handlers.all().length, 0, `after ${at} ms`);
  }
});

scenario(
  'sessions and responders of the run before are closed first, then initiators dial',
  async (world) => {
    const two = await pair(world);
    const id = await handle(two.client);
    const there = await two.proxy.client();
    const back = await handle(there, {
      remote: 'tcp://host:7411',
      auth: 'password:secret-of-host',
      local: 'lan1',
      far: 'vm1',
    });
    await world.elapse(1_000);
    const before = two.host.journal.lines.length;
    await two.host.restart();
    await world.elapse(5_000);
    const records = two.host.history().slice(before);
    const restarts = records
      .filter(({ event }) => event.type === 'restart')
      .map(({ actor, to }) => `${actor} ${to}`);
    const sessions = restarts.filter((each) => each.startsWith('session:'));
    assert.ok(sessions.length >= 2 && sessions.every((each) => each.endsWith(' closed')));
    assert.ok(restarts.includes(`handler:${back} closed`), 'the responder of the run before');
    const firstDial = records.findIndex(
      ({ actor, event }) => actor === `handler:${id}` && event.type === 'restart',
    );
    const lastClosed = records.findLastIndex(({ event, to }) => event.type === 'restart' && to === 'closed');
    assert.ok(firstDial > lastClosed);
    assert.is(stateOf(two.host, id), 'binary');
    assert.is(stateOf(two.proxy, id), 'binary');
    assert.is(stateOf(two.host, back), 'binary', 'the other server dialled again');
  },
);

scenario(
  'a crash at any moment of HANDLE: what is on record is taken up, and CLOSE ends it',
  async (world) => {
    const two = await pair(world);
    world.internet.latency = 10;
    for (let at = 0; at <= 120; at += 10) {
      const client = await two.host.client();
      client.say(handleLine());
      await world.elapse(at);
      await two.host.restart();
      await world.elapse(20_000);
      const all = two.host.server.handlers.all();
      if (at > 40) assert.is(all.length, 1, `${at} ms`);
      for (const { context, state } of all) {
        assert.is(state, 'binary', `${at} ms`);
        const other = await two.host.client();
        assert.is(await other.ask(`CLOSE ${context.id}`, 5_000), 'OK');
        await other.ask('DONE', 1_000);
      }
      await world.elapse(61_000);
      assert.is(two.proxy.server.handlers.all().length, 0, `${at} ms`);
      assert.equal(two.host.secrets.refs(), [], 'the secret of a Handler goes with it');
    }
  },
);

scenario('the secret of an inline auth outlives a crash with its Handler, and no longer', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  assert.is(two.host.secrets.refs().length, 1);
  await two.host.restart();
  await world.elapse(2_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(two.host.secrets.refs().length, 1);
  const client = await two.host.client();
  await client.ask(`CLOSE ${id}`);
  assert.equal(two.host.secrets.refs(), []);
  assert.match(await client.ask(handleLine({ auth: 'password:wrong' }), 2_000), /^ERR 502/);
  assert.equal(two.host.secrets.refs(), [], 'nor does that of one that came to nothing stay');
  two.host.secrets.put('secret:left-over', 'x');
  await two.host.restart();
  assert.equal(two.host.secrets.refs(), []);
});

scenario('a secret that cannot be stored: 507, and nothing is dialled', async (world) => {
  const two = await pair(world);
  two.host.secrets.fault = new Error('ENOSPC');
  assert.match(await two.client.ask(handleLine()), /^ERR 507 log-unavailable ./);
  assert.is(world.internet.between(two.host.host, two.proxy.host).length, 0);
  two.host.secrets.fault = undefined;
  assert.match(await two.client.ask(handleLine()), /^OK /);
});

scenario('--no-resume leaves the Handlers: listed, not dialled, good to be closed', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  await two.host.stop();
  await two.host.start({ resume: false });
  const dials = world.internet.between(two.host.host, two.proxy.host).length;
  await world.elapse(100_000);
  assert.is(world.internet.between(two.host.host, two.proxy.host).length, dials);
  const client = await two.host.client();
  assert.match(
    (await client.list('HANDLERS?')).join(),
    new RegExp(`^HANDLER ${id} state=unauthenticated side=initiator`),
  );
  await two.host.stop();
  await two.host.start();
  await world.elapse(5_000);
  assert.is(stateOf(two.host, id), 'binary', 'a later run may resume it');
  await two.host.stop();
  await two.host.start({ resume: false });
  const next = await two.host.client();
  assert.is(await next.ask(`CLOSE ${id}`), 'OK');
  assert.is(await next.ask('HANDLERS?'), 'OK count=0');
});

scenario('a Handler that was CLOSEd does not come back', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  const stays = await handle(two.client, { macs: MAC2 });
  await two.client.ask(`CLOSE ${id}`);
  await two.host.restart();
  await world.elapse(5_000);
  assert.is(stateOf(two.host, id), 'none');
  assert.is(stateOf(two.host, stays), 'binary');
});

scenario('both servers crash at once and come back', async (world) => {
  const two = await pair(world);
  const ids = [await handle(two.client), await handle(two.client, { macs: MAC2 })];
  two.host.crash();
  two.proxy.crash();
  await world.elapse(5_000);
  await two.host.start();
  await world.elapse(10_000);
  await two.proxy.start();
  await world.elapse(15_000);
  for (const id of ids) {
    assert.is(stateOf(two.host, id), 'binary');
    assert.is(stateOf(two.proxy, id), 'binary');
  }
});

scenario('a server that dialled itself takes both sides up again', async (world) => {
  const { host, client } = await pair(world);
  const id = await handle(client, { remote: 'tcp://127.0.0.1', auth: 'password:secret-of-host', far: 'vm1' });
  await host.restart();
  await world.elapse(5_000);
  assert.is(stateOf(host, id), 'binary+binary');
  const next = await host.client();
  assert.is(await next.ask(`CLOSE ${id}`, 5_000), 'OK');
  assert.is(await next.ask('HANDLERS?'), 'OK count=0');
});

scenario('a log of which only the newest segment is kept is enough to go on from', async (world) => {
  const recorder = { segmentBytes: 8_000 };
  const two = await pair(world, { host: { recorder }, proxy: { recorder } });
  const [id, closed] = [await handle(two.client), await handle(two.client, { macs: MAC2 })];
  const there = await two.proxy.client();
  await there.ask(`CLOSE ${closed}`, 5_000);
  for (let i = 0; i < 60; i++) {
    await two.client.ask('HANDLERS?');
    await there.ask('HANDLERS?');
  }
  await world.elapse(61_000);
  for (const { journal } of [two.host, two.proxy]) {
    assert.ok(journal.segments.length > 1);
    journal.keep = 1;
    journal.retain();
  }
  await two.host.restart();
  await two.proxy.restart();
  await world.elapse(30_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(stateOf(two.proxy, id), 'binary');
  assert.is(stateOf(two.host, closed), 'none');
  assert.ok(two.proxy.server.wasClosed(closed), 'what was CLOSEd is remembered');
});

scenario('a device that is not there at the restart is waited for', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  two.host.crash();
  two.host.devices.delete('vm0');
  await two.host.start();
  await world.elapse(20_000);
  assert.is(stateOf(two.host, id), 'unauthenticated');
  two.host.devices.add({ name: 'vm0' });
  await world.elapse(15_000);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario('new connections are not taken while the server ends', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  await wire.ask(beginLine());
  wire.ping();
  await world.settle();
  let over = false;
  void two.proxy.server.stop('SIGTERM').then(() => {
    over = true;
  });
  await rejects(() => two.proxy.connect());
  await world.elapse(4_000);
  assert.ok(over);
  assert.ok(wire.records().every(({ type }) => type !== PING || true));
  two.proxy.crash();
});

scenario.run();
