/** BEGIN, said by hand: the switch to the binary phase (PROTOCOL.md sections 4 and 6). */
import * as assert from 'uvu/assert';
import { DeviceError } from '../../io/ports.ts';
import { BYE, PING } from '../../machines/frames/records.ts';
import { beginLine, ID, only, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('BEGIN');

scenario('the byte after the LF of the answer to BEGIN is binary, at once', async (world) => {
  const { proxy } = await pair(world);
  const wire = await proxy.client();
  assert.is(await wire.ask(beginLine()), `OK handler=${ID} offload=on mtu=1500`);
  wire.ping(Buffer.from('abcdefgh'));
  await world.settle();
  const [record] = wire.records().filter(({ type }) => type !== PING);
  assert.equal([record?.type, record?.payload.toString()], [3, 'abcdefgh']);
});

scenario('BEGIN says whether super-frames are taken, and the MTU of its own device', async (world) => {
  const { proxy } = await pair(world);
  proxy.devices.add({ name: 'jumbo0', mtu: 9000 });
  const wire = await proxy.client();
  assert.is(
    await wire.ask(beginLine({ local: 'jumbo0', options: 'offload=off mtu=1400' })),
    `OK handler=${ID} offload=off mtu=9000`,
  );
});

scenario('bytes between BEGIN and its answer: 400 syntax, close, and no Handler stays', async (world) => {
  const { proxy } = await pair(world);
  proxy.devices.delay = 100;
  const wire = await proxy.client();
  wire.say(beginLine());
  await world.elapse(50);
  wire.send('x');
  await world.elapse(1_000);
  assert.match(wire.lines().join('|'), /^ERR 400 syntax ./);
  assert.ok(wire.ended);
  assert.is(proxy.server.handlers.all().length, 0);
  assert.is(proxy.devices.opened('lan0').length, 0);
  const pipelining = await proxy.client();
  pipelining.say(beginLine(), 'HANDLERS?');
  await world.elapse(1_000);
  assert.match(pipelining.lines().join('|'), /^ERR 400 syntax [^|]*$/);
  assert.ok(pipelining.ended);
  assert.is(proxy.server.handlers.all().length, 0);
});

scenario('after an ERR to BEGIN the session is text again', async (world) => {
  const { proxy } = await pair(world);
  const session = await proxy.client();
  assert.match(await session.ask(beginLine({ local: 'nope0' })), /^ERR 404 no-such-device ./);
  assert.is(await session.ask('HANDLERS?'), 'OK count=0');
  proxy.devices.fault = new DeviceError('internal', 'broken');
  assert.match(await session.ask(beginLine()), /^ERR 500 internal broken$/);
  proxy.devices.fault = undefined;
  assert.is(await session.ask('HANDLERS?'), 'OK count=0');
  assert.match(await session.ask(beginLine()), /^OK handler=/);
});

scenario('BEGIN behind which the stream ends is answered, and no Handler stays', async (world) => {
  const { proxy } = await pair(world);
  const wire = await proxy.connect();
  wire.say('HELLO password secret-of-proxy', beginLine());
  wire.end();
  await world.elapse(1_000);
  assert.is(wire.lines().at(-1), `OK handler=${ID} offload=on mtu=1500`);
  await world.elapse(5_000);
  assert.ok(wire.ended);
  assert.is(proxy.server.handlers.all().length, 0);
  const refused = await proxy.connect();
  refused.say('HELLO password secret-of-proxy', beginLine({ local: 'nope0' }));
  refused.end();
  await world.elapse(1_000);
  assert.match(refused.lines().at(-1) ?? '', /^ERR 404 no-such-device/);
  assert.ok(refused.ended);
});

scenario('a connection that is lost between BEGIN and its answer leaves no Handler', async (world) => {
  const { proxy } = await pair(world);
  proxy.devices.delay = 100;
  const wire = await proxy.client();
  wire.say(beginLine());
  await world.elapse(50);
  world.internet.connections.at(-1)?.wire.reset();
  await world.elapse(1_000);
  assert.is(proxy.server.handlers.all().length, 0);
  assert.is(proxy.devices.opened('lan0').length, 0);
});

scenario('a record that is none is BYE protocol-error and closes the Handler at both ends', async (world) => {
  const { proxy } = await pair(world);
  for (const [type, bytes] of [
    [0x05, 4],
    [0x7f, 0],
    [0x00, 13],
    [0x02, 7],
  ] as const) {
    const wire = await proxy.client();
    await wire.ask(beginLine());
    wire.ping();
    await world.settle();
    wire.record(type, Buffer.alloc(bytes));
    await world.settle();
    assert.is(wire.bye(), 'protocol-error', `type ${type}`);
    wire.end();
    await world.settle();
    assert.is(proxy.server.handlers.all().length, 0);
  }
  const tolerant = await proxy.client();
  await tolerant.ask(beginLine());
  tolerant.record(0x80, Buffer.alloc(100));
  tolerant.record(0xff, Buffer.alloc(0));
  await world.settle();
  assert.not(tolerant.records().some(({ type }) => type === BYE));
  assert.is(only(proxy).state, 'binary');
});

scenario.run();
