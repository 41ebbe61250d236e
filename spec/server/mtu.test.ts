/** A device whose MTU changes: both ends hold frames against what it is now (PROTOCOL.md sections 3.1 and 6). */
import * as assert from 'uvu/assert';
import { parseLine } from '../../machines/protocol/parse.ts';
import { beginLine, handle, ID, MAC, only, type Pair, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Talker } from '../support/talker.ts';
import type { MemoryWorld } from '../support/world.ts';

const scenario = scenarios('MTU');

const NOTE = 0x80;
const notes = (wire: Talker): string[] =>
  wire
    .records()
    .filter(({ type }) => type === NOTE)
    .map(({ payload }) => payload.toString());

/** A broadcast frame of the VM with so many bytes of payload, put on the VM's segment. */
function send({ host }: Pick<Pair, 'host'>, payload: number, ifname = 'vm0'): void {
  const frame = Buffer.alloc(14 + payload);
  frame.fill(0xff, 0, 6);
  Buffer.from(MAC.replaceAll(':', ''), 'hex').copy(frame, 6);
  frame.writeUInt16BE(0x88b5, 12);
  const station = host.devices.hub(ifname).attach({ ifname: 'station', mtu: 65_535 });
  station.send([frame]);
  void station.close();
}

async function dropped(world: MemoryWorld, two: Pair, payload: number): Promise<number> {
  const before = only(two.host).counters?.txDropped['too-big'] ?? 0;
  send(two, payload);
  await world.settle();
  return (only(two.host).counters?.txDropped['too-big'] ?? 0) - before;
}

scenario(
  'of the responder: the initiator drops what is longer now, and takes what is longer later',
  async (world) => {
    const two = await pair(world);
    const id = await handle(two.client);
    assert.is(await dropped(world, two, 1500), 0);
    two.proxy.devices.setMtu({ ifname: 'lan0' }, 1400);
    await world.settle();
    assert.is(only(two.host).context.farMtu, 1400);
    assert.is(await dropped(world, two, 1401), 1);
    assert.is(await dropped(world, two, 1400), 0);
    await world.elapse(2_000);
    two.proxy.devices.setMtu({ ifname: 'lan0' }, 9000);
    await world.elapse(2_000);
    assert.is(only(two.host).context.farMtu, 9000);
    assert.is(await dropped(world, two, 1500), 0);
    assert.is(stateOf(two.host, id), 'binary', 'without a new wire');
    assert.is(world.internet.between(two.host.host, two.proxy.host).length, 1);
  },
);

scenario('of the initiator: the responder knows, and a new BEGIN says it', async (world) => {
  const two = await pair(world);
  const id = await handle(two.client);
  two.host.devices.setMtu({ ifname: 'vm0' }, 1280);
  await world.settle();
  assert.is(only(two.proxy).context.farMtu, 1280);
  world.internet.between(two.host.host, two.proxy.host).at(-1)?.wire.reset();
  await world.elapse(3_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(only(two.proxy).context.farMtu, 1280);
  await two.proxy.restart();
  await world.elapse(30_000);
  assert.is(stateOf(two.host, id), 'binary');
  assert.is(only(two.proxy).context.farMtu, 1280);
});

scenario('while there is no wire: the next BEGIN and its answer say what it is now', async (world) => {
  const two = await pair(world);
  await handle(two.client);
  await world.elapse(1_000);
  two.proxy.host.refuses = true;
  world.internet.between(two.host.host, two.proxy.host).at(-1)?.wire.reset();
  await world.elapse(2_000);
  two.host.devices.setMtu({ ifname: 'vm0' }, 1300);
  two.proxy.devices.setMtu({ ifname: 'lan0' }, 1350);
  await world.elapse(2_000);
  two.proxy.host.refuses = false;
  await world.elapse(15_000);
  assert.is(only(two.proxy).context.farMtu, 1300);
  assert.is(only(two.host).context.farMtu, 1350);
});

scenario('while BEGIN is out', async (world) => {
  const two = await pair(world);
  two.proxy.devices.delay = 1_000;
  two.client.say(`HANDLE tcp://proxy:7411 password:secret-of-proxy vm0 lan0 HOST PROXY ${MAC}`);
  await world.elapse(500);
  assert.is(only(two.host).state, 'handling');
  two.host.devices.setMtu({ ifname: 'vm0' }, 1300);
  await world.elapse(2_000);
  assert.match(two.client.lines().join(), /^OK handler=/);
  assert.is(only(two.proxy).context.farMtu, 1300);
});

scenario(
  'a TAP that took the other end’s MTU goes on following it, until somebody else sets it',
  async (world) => {
    const two = await pair(world);
    await handle(two.client, { local: 'tap:vm9' });
    assert.is(two.host.devices.look('vm9')?.mtu, 1500);
    two.proxy.devices.setMtu({ ifname: 'lan0' }, 1400);
    await world.elapse(2_000);
    assert.is(two.host.devices.look('vm9')?.mtu, 1400);
    assert.is(only(two.proxy).context.farMtu, 1400);
    two.host.devices.setMtu({ ifname: 'vm9' }, 1300);
    await world.elapse(2_000);
    assert.is(only(two.proxy).context.farMtu, 1300);
    two.proxy.devices.setMtu({ ifname: 'lan0' }, 1450);
    await world.elapse(2_000);
    assert.is(two.host.devices.look('vm9')?.mtu, 1300, 'it is not ours to choose any more');
  },
);

scenario('the TAP of a responder follows, too; two that follow each other come to rest', async (world) => {
  const two = await pair(world);
  await handle(two.client, { local: 'tap:vm9', far: 'tap:lan9' });
  two.host.devices.setMtu({ ifname: 'vm9' }, 1300);
  await world.elapse(3_000);
  assert.is(two.proxy.devices.look('lan9')?.mtu, 1300);
  assert.is(only(two.host).context.farMtu, 1300);
  two.host.devices.setMtu({ ifname: 'vm9' }, 1350);
  two.proxy.devices.setMtu({ ifname: 'lan9' }, 1340);
  await world.elapse(10_000);
  const records = two.host.journal.lines.length + two.proxy.journal.lines.length;
  await world.elapse(30_000);
  assert.is(two.host.journal.lines.length + two.proxy.journal.lines.length, records, 'nothing goes on');
  assert.is(only(two.host).context.farMtu, two.proxy.devices.look('lan9')?.mtu);
  assert.is(only(two.proxy).context.farMtu, two.host.devices.look('vm9')?.mtu);
});

scenario('a server that knows no notes is told by BEGIN', async (world) => {
  const two = await pair(world);
  const begun: number[] = [];
  await world.impostor('fake', (talker) => {
    talker.say('OK VNET/1 server=fake auth=password features=wires');
    talker.heardLine = (line) => {
      const parsed = parseLine(Buffer.from(line), () => 'secret:x' as never);
      if (parsed.kind !== 'command' || parsed.command.verb !== 'BEGIN')
        return talker.say('OK session=1 identity=x');
      const { args } = parsed.command;
      if (!args.ok) throw new Error(line);
      begun.push(args.value.mtu);
      talker.heardLine = undefined;
      talker.say(`OK handler=${args.value.handler} offload=on mtu=1500`);
    };
  });
  const id = await handle(two.client, { remote: 'tcp://fake:7411' });
  two.host.devices.setMtu({ ifname: 'vm0' }, 1400);
  await world.elapse(1_000);
  assert.equal(begun, [1500, 1400]);
  assert.is(stateOf(two.host, id), 'binary');
});

scenario('an initiator that knows no notes loses its wire, and asks again', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  assert.match(await wire.ask(beginLine()), / mtu=1500/);
  wire.ping();
  await world.settle();
  wire.records();
  two.proxy.devices.setMtu({ ifname: 'lan0' }, 1400);
  await world.settle();
  assert.is(wire.bye(), 'shutting-down');
  assert.is(stateOf(two.proxy, ID), 'handling');
  const again = await two.proxy.client();
  assert.match(await again.ask(beginLine()), / mtu=1400/);
  // One that has shown that it knows them is told without.
  again.record(NOTE, Buffer.from('mtu=1500'));
  again.ping();
  await world.settle();
  again.records();
  two.proxy.devices.setMtu({ ifname: 'lan0' }, 1300);
  await world.elapse(1_500);
  assert.equal(notes(again), ['mtu=1300']);
  assert.is(stateOf(two.proxy, ID), 'binary');
});

scenario('a change beyond what the other end can send costs no wire', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  assert.match(await wire.ask(beginLine({ options: 'offload=on mtu=1300' })), / mtu=1500/);
  wire.ping();
  await world.settle();
  for (const mtu of [1400, 1300]) {
    two.proxy.devices.setMtu({ ifname: 'lan0' }, mtu);
    await world.elapse(1_500);
    assert.is(stateOf(two.proxy, ID), 'binary', `${mtu}`);
    assert.is(only(two.proxy).context.mtu, mtu);
  }
  wire.records();
  two.proxy.devices.setMtu({ ifname: 'lan0' }, 1299);
  await world.elapse(1_500);
  assert.is(wire.bye(), 'shutting-down', 'it has to be told of this one');
});

scenario('what a note says is held to its bounds, and a flood of them is not on record', async (world) => {
  const two = await pair(world);
  const wire = await two.proxy.client();
  await wire.ask(beginLine());
  wire.ping();
  for (const text of ['mtu=67', 'mtu=65536', 'mtu=1e3', 'mtu=', 'mtu', 'other=1', `mtu=${'9'.repeat(200)}`]) {
    wire.record(NOTE, Buffer.from(text));
  }
  await world.settle();
  assert.is(only(two.proxy).context.farMtu, 1500);
  const before = two.proxy.journal.lines.length;
  for (let round = 0; round < 1_000; round++) wire.record(NOTE, Buffer.from(`mtu=${1000 + (round % 400)}`));
  await world.elapse(4_000);
  assert.is(only(two.proxy).context.farMtu, 1199, 'the last one counts');
  assert.ok(two.proxy.journal.lines.length - before < 5);
});

scenario.run();
