/** One thing happens at every moment of another; whatever comes first, both servers agree at the end. */
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '../../actors/limits.ts';
import { handle, handleLine, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('races');
/** Milliseconds one way; a redial takes nine of these from the first packet to the OK. */
const LATENCY = 10;
/** Longer than everything that could still come: time-outs, farewells, redials, the responder's wait. */
const ALL_OVER = 32_000;
const SHORT = {
  limits: { responder: { grace: 10_000 }, initiator: { ...DEFAULT_LIMITS.initiator, stable: 5_000 } },
};

/** Breaks the wire and waits until the initiator dials again. */
async function redialling(world: MemoryWorld, { host, proxy }: Pair, id: string): Promise<void> {
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.until(
    () => host.steps(`handler:${id}`).at(-1) === 'timer → unauthenticated',
    2_000,
    () => 'a redial',
  );
}

const moments = (until: number, step: number) =>
  Array.from({ length: Math.ceil(until / step) }, (_, i) => i * step);

for (const side of ['host', 'proxy'] as const) {
  scenario(`CLOSE at the ${side} at every moment of a redial`, async (world) => {
    const two = await pair(world, { host: SHORT, proxy: SHORT });
    world.internet.latency = LATENCY;
    for (const at of moments(120, 15)) {
      const id = await handle(two.client);
      await world.elapse(1_000);
      await redialling(world, two, id);
      const closer = await two[side].client('default', {});
      await world.elapse(at);
      assert.is(await closer.ask(`CLOSE ${id}`, 5_000), 'OK', `at ${at} ms`);
      assert.is(stateOf(two[side], id), 'none');
      await world.elapse(ALL_OVER);
      assert.is(stateOf(two.host, id), 'none', `at ${at} ms`);
      assert.is(stateOf(two.proxy, id), 'none', `at ${at} ms`);
    }
  });

  scenario(`the ${side} crashes at every moment of a redial, and comes back`, async (world) => {
    const two = await pair(world, { host: SHORT, proxy: SHORT });
    world.internet.latency = LATENCY;
    const id = await handle(two.client);
    for (const at of moments(120, 15)) {
      await redialling(world, two, id);
      await world.elapse(at);
      await two[side].restart();
      await world.elapse(ALL_OVER);
      assert.is(stateOf(two.host, id), 'binary', `at ${at} ms`);
      assert.is(stateOf(two.proxy, id), 'binary', `at ${at} ms`);
    }
  });

  scenario(`the ${side} ends in good order at every moment of a redial, and comes back`, async (world) => {
    const two = await pair(world, { host: SHORT, proxy: SHORT });
    world.internet.latency = LATENCY;
    const id = await handle(two.client);
    for (const at of moments(120, 15)) {
      await redialling(world, two, id);
      await world.elapse(at);
      await two[side].stop();
      await two[side].start();
      await world.elapse(ALL_OVER);
      assert.is(stateOf(two.host, id), 'binary', `at ${at} ms`);
      assert.is(stateOf(two.proxy, id), 'binary', `at ${at} ms`);
    }
  });

  scenario(`the device of the ${side} goes away at every moment of HANDLE`, async (world) => {
    const two = await pair(world, { host: SHORT, proxy: SHORT });
    world.internet.latency = LATENCY;
    const ifname = side === 'host' ? 'vm0' : 'lan0';
    for (const at of moments(160, 15)) {
      two.client.say(handleLine());
      await world.elapse(at);
      two[side].devices.delete(ifname);
      await world.elapse(ALL_OVER);
      const answer = two.client.lines().join('|');
      assert.match(answer, /^(OK handler=|ERR (404 no-such-device|502 remote-))/, `at ${at} ms`);
      // One that has stood waits for its device; the responder's word for that is the first record.
      const [, id] = /^OK handler=(\w+)/.exec(answer) ?? [];
      if (id !== undefined) {
        // Without a wire neither end hears of the other's CLOSE.
        for (const client of [two.client, await two.proxy.client()]) {
          assert.match(await client.ask(`CLOSE ${id}`, 5_000), /^(OK$|ERR 404 no-such-handler)/);
        }
        await world.elapse(ALL_OVER);
      }
      assert.is(two.host.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
      assert.is(two.proxy.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
      two[side].devices.add({ name: ifname });
      assert.is(two.host.devices.opened('vm0').length + two.proxy.devices.opened('lan0').length, 0);
    }
  });
}

scenario('the other server ends, or crashes, at every moment of HANDLE', async (world) => {
  const two = await pair(world, { host: SHORT, proxy: SHORT });
  world.internet.latency = LATENCY;
  for (const end of ['stop', 'crash'] as const) {
    for (const at of moments(160, 15)) {
      const client = await two.host.client();
      client.say(handleLine());
      await world.elapse(at);
      await two.proxy[end]();
      await two.proxy.start();
      await world.elapse(ALL_OVER);
      const answer = client.lines().join('|');
      if (answer.startsWith('OK')) {
        assert.is(only(two.host).state, 'binary', `${end} at ${at} ms`);
        assert.is(only(two.proxy).state, 'binary', `${end} at ${at} ms`);
        assert.is(await client.ask(`CLOSE ${only(two.host).context.id}`, 5_000), 'OK');
      } else {
        assert.match(
          answer,
          /^ERR (502 remote-(unreachable|refused)|504 remote-timeout) /,
          `${end} at ${at} ms`,
        );
      }
      assert.is(two.host.server.handlers.all().length, 0, `${end} at ${at} ms: ${answer}`);
      assert.is(two.proxy.server.handlers.all().length, 0, `${end} at ${at} ms: ${answer}`);
      client.say('DONE');
    }
  }
});

scenario('the wire is reset at every moment of HANDLE', async (world) => {
  const two = await pair(world, { host: SHORT, proxy: SHORT });
  world.internet.latency = LATENCY;
  for (const at of moments(160, 15)) {
    two.client.say(handleLine());
    const before = world.internet.between(two.host.host, two.proxy.host).length;
    await world.elapse(at);
    world.internet.between(two.host.host, two.proxy.host)[before]?.wire.reset();
    await world.elapse(ALL_OVER);
    const answer = two.client.lines().join('|');
    if (answer.startsWith('OK')) {
      assert.is(only(two.host).state, 'binary', `at ${at} ms`);
      assert.is(await two.client.ask(`CLOSE ${only(two.host).context.id}`, 5_000), 'OK');
    } else {
      assert.match(answer, /^ERR 502 remote-unreachable /, `at ${at} ms`);
    }
    assert.is(two.host.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
    assert.is(two.proxy.server.handlers.all().length, 0, `at ${at} ms: ${answer}`);
  }
});

scenario('two servers HANDLE each other for the same segments at once', async (world) => {
  const { host, proxy, client } = await pair(world, { host: SHORT, proxy: SHORT });
  world.internet.latency = LATENCY;
  const there = await proxy.client();
  const bridge = { roles: 'BRIDGE BRIDGE', macs: '*' };
  client.say(handleLine(bridge));
  there.say(
    handleLine({
      ...bridge,
      remote: 'tcp://host:7411',
      auth: 'password:secret-of-host',
      local: 'lan0',
      far: 'vm0',
    }),
  );
  await world.elapse(ALL_OVER);
  const answers = [client.lines().join(), there.lines().join()];
  const standing = answers.filter((answer) => answer.startsWith('OK')).length;
  assert.ok(standing <= 1, `a loop: ${answers.join(' | ')}`);
  assert.is(host.server.handlers.all().length, standing);
  assert.is(proxy.server.handlers.all().length, standing);
});

scenario.run();
