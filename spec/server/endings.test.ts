/** How a wire, and a Handler with it, comes to its end: BYE, devices that go away (PROTOCOL.md sections 4 and 6). */
import * as assert from 'uvu/assert';
import { parseLine } from '../../machines/protocol/parse.ts';
import { beginLine, handle, handleLine, ID, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('endings');

const wires = (world: MemoryWorld, { host, proxy }: Pick<Pair, 'host' | 'proxy'>) =>
  world.internet.between(host.host, proxy.host);
const reset = (world: MemoryWorld, two: Pick<Pair, 'host' | 'proxy'>) =>
  wires(world, two).at(-1)?.wire.reset();

/** A Handler of `proxy` whose initiator is the test. */
async function responder(two: Pair, line: string): Promise<Talker> {
  const wire = await two.proxy.client();
  const answer = await wire.ask(line);
  if (!answer.startsWith('OK handler=')) throw new Error(answer);
  wire.ping();
  return wire;
}

scenario(
  'BYE closed, device-gone and protocol-error end a responder; shutting-down does not',
  async (world) => {
    const two = await pair(world);
    for (const reason of ['closed', 'device-gone', 'protocol-error'] as const) {
      const wire = await responder(two, beginLine());
      wire.sayBye(reason);
      await world.settle();
      assert.ok(wire.ended, 'the receiver answers with its own end');
      wire.end();
      await world.settle();
      assert.is(stateOf(two.proxy, ID), 'none', reason);
    }
    for (const reason of ['shutting-down', 'replaced'] as const) {
      const wire = await responder(two, beginLine());
      wire.sayBye(reason);
      wire.end();
      await world.settle();
      assert.ok(wire.closed);
      assert.is(stateOf(two.proxy, ID), 'handling', reason);
    }
  },
);

scenario('BYE ends or breaks an initiator in the same way', async (world) => {
  const two = await pair(world);
  let wire: Talker | undefined;
  let begins = 0;
  await world.impostor('fake', (talker) => {
    wire = talker;
    talker.say('OK VNET/1 server=fake auth=password');
    talker.heardLine = (line) => {
      const parsed = parseLine(Buffer.from(line), () => 'secret:x' as never);
      if (parsed.kind !== 'command' || parsed.command.verb !== 'BEGIN')
        return talker.say('OK session=1 identity=x');
      const { args } = parsed.command;
      begins++;
      talker.heardLine = undefined;
      talker.say(`OK handler=${args.ok ? args.value.handler : ''} offload=on mtu=1500`);
    };
  });
  for (const reason of ['closed', 'device-gone', 'protocol-error'] as const) {
    const id = await handle(two.client, { remote: 'tcp://fake:7411' });
    wire?.sayBye(reason);
    wire?.end();
    await world.settle();
    assert.is(stateOf(two.host, id), 'none', reason);
    assert.ok(wire?.closed && !wire.broken);
  }
  const id = await handle(two.client, { remote: 'tcp://fake:7411' });
  for (const reason of ['shutting-down', 'replaced'] as const) {
    const before = begins;
    wire?.sayBye(reason);
    wire?.end();
    await world.settle();
    assert.is(stateOf(two.host, id), 'unauthenticated', reason);
    await world.elapse(3_000);
    assert.is(stateOf(two.host, id), 'binary', reason);
    assert.is(begins, before + 1);
  }
  // The other end sends what is no record.
  wire?.records();
  wire?.record(0x42, Buffer.alloc(3));
  await world.settle();
  assert.is(wire?.bye(), 'protocol-error');
  wire?.end();
  await world.settle();
  assert.is(stateOf(two.host, id), 'none');
});

scenario('a wire that breaks before a single record came closes the responder at once', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  await wire.ask(beginLine());
  wire.link.destroy();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'none');
  const bye = await two.proxy.client();
  await bye.ask(beginLine());
  bye.sayBye('shutting-down');
  bye.end();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'handling', 'a BYE is a record, and it was heard');
});

scenario('the device of the responder goes away while it waits', async (world) => {
  const two = await pair(world);
  const waiting = await handle(two.client);
  await world.elapse(1_000);
  world.internet.cut(two.host.host, two.proxy.host);
  wires(world, two).at(-1)?.wire.reset();
  await world.settle();
  two.proxy.devices.delete('lan0');
  await world.settle();
  assert.is(stateOf(two.proxy, waiting), 'handling');
  assert.is(stateOf(two.host, waiting), 'unauthenticated');
  world.internet.heal(two.host.host, two.proxy.host);
  await world.elapse(3_000);
  assert.is(stateOf(two.host, waiting), 'unauthenticated', 'refused with 404, and it tries again');
});

scenario('the device of the initiator goes away while it dials', async (world) => {
  const two = await pair(world);
  // Before it ever stood:
  two.proxy.host.silent = true;
  two.client.say(handleLine());
  await world.elapse(1_000);
  two.host.devices.delete('vm0');
  await world.settle();
  assert.match(two.client.lines().join(), /^ERR 404 no-such-device ./);
  assert.is(two.host.server.handlers.all().length, 0);
  // After that:
  two.host.devices.add({ name: 'vm0' });
  two.proxy.host.silent = false;
  const id = await handle(two.client);
  two.proxy.host.refuses = true;
  reset(world, two);
  await world.elapse(1_000);
  two.host.devices.delete('vm0');
  await world.settle();
  assert.is(stateOf(two.host, id), 'unauthenticated');
  two.proxy.host.refuses = false;
  two.host.devices.add({ name: 'vm0' });
  await world.elapse(3_000);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario('the device of a responder goes before a single record came: BYE device-gone', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  await wire.ask(beginLine());
  two.proxy.devices.delete('lan0');
  await world.settle();
  assert.is(wire.bye(), 'device-gone');
  wire.end();
  await world.settle();
  assert.is(stateOf(two.proxy, ID), 'none');
});

scenario('the device goes away while BEGIN is out', async (world) => {
  const two = await pair(world);
  two.proxy.devices.delay = 1_000;
  two.client.say(handleLine());
  await world.elapse(500);
  assert.is(only(two.host).state, 'handling');
  two.host.devices.delete('vm0');
  await world.elapse(5_000);
  assert.match(two.client.lines().join(), /^ERR 404 no-such-device ./);
  assert.is(two.proxy.server.handlers.all().length, 0);
  assert.is(two.proxy.devices.opened('lan0').length, 0);
});

scenario.run();
