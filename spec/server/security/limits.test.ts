/** Bounds on what those may hold who have not authenticated, and those who have. */
import * as assert from 'uvu/assert';
import { TextClient } from '../../../actors/handler/text-client.ts';
import { DEFAULT_LIMITS } from '../../../actors/limits.ts';
import { beginLine, handleLine, MAC, MAC2, pair } from '../../support/pair.ts';
import { scenarios } from '../../support/scenario.ts';
import type { Talker } from '../../support/talker.ts';

const scenario = scenarios('limits');
const TOO_MANY = /^ERR 429 too-many-sessions /;

scenario('the ninth stranger of an address is turned away, whatever the others do', async (world) => {
  const station = await world.station('north').start();
  const strangers: Talker[] = [];
  for (let i = 0; i < 9; i++) strangers.push(await station.connect());
  assert.match(strangers[7]?.lines()[0] ?? '', /^OK VNET/);
  assert.match(strangers[8]?.lines()[0] ?? '', TOO_MANY);
  assert.ok(strangers[8]?.ended);
  const far = await station.connect({ from: world.host(), url: 'tcp://north:7411' });
  assert.match(far.lines()[0] ?? '', /^OK VNET/, 'another address has its own places');
  strangers[0]?.say('HELLO password secret-of-default');
  await world.settle();
  assert.match(
    (await station.connect()).lines()[0] ?? '',
    /^OK VNET/,
    'who has authenticated holds no place',
  );
});

scenario('a /64 of IPv6 addresses has no more than half of all places', async (world) => {
  const station = world.station('north', { listen: ['tcp://[::]:7411'] });
  await station.start();
  const greetings: string[] = [];
  for (let i = 1; i <= 40; i++) {
    const from = world.internet.host(`2001:db8:0:7::${i.toString(16)}`, {});
    greetings.push((await station.connect({ from, url: 'tcp://north:7411' })).lines()[0] ?? '');
  }
  assert.is(greetings.filter((line) => line.startsWith('OK VNET')).length, 32);
  assert.ok(greetings.slice(32).every((line) => TOO_MANY.test(line)));
  const other = world.internet.host('2001:db8:0:8::1', {});
  assert.match(
    (await station.connect({ from: other, url: 'tcp://north:7411' })).lines()[0] ?? '',
    /^OK VNET/,
  );
});

scenario('past all places the oldest stranger makes room', async (world) => {
  const station = await world.station('north', { limits: { unauthenticated: 4 } }).start();
  const strangers: Talker[] = [];
  for (let i = 0; i < 5; i++) {
    strangers.push(await station.connect({ from: world.host(), url: 'tcp://north:7411' }));
  }
  assert.match(strangers[0]?.lines()[1] ?? '', TOO_MANY);
  assert.is(station.server.sessions.strangers, 4);
});

scenario('authenticated sessions have a bound for each address, and wires do not count', async (world) => {
  const limits = { sessionsPerAddress: 2, sessions: 3 };
  const { client, proxy } = await pair(world, { proxy: { limits } });
  assert.match(await client.ask(handleLine(), 15_000), /^OK handler/);
  assert.match(await client.ask(handleLine({ macs: MAC2 }), 15_000), /^OK handler/);
  assert.match(await client.ask(handleLine({ macs: '52:54:00:00:00:03' }), 15_000), /^OK handler/);
  for (let i = 0; i < 2; i++) await proxy.client();
  assert.match((await proxy.connect()).lines()[0] ?? '', /^ERR 429 too-many-sessions .*of this address/);
  const far = { from: world.host(), url: 'tcp://proxy:7411' };
  await proxy.client('default', far);
  assert.match(
    (await proxy.connect(far)).lines()[0] ?? '',
    /^ERR 429 too-many-sessions too many sessions are open/,
  );
});

scenario('those turned away are not kept without bound', async (world) => {
  const station = await world
    .station('north', { limits: { unauthenticatedPerAddress: 1, turnedAway: 2 } })
    .start();
  await station.connect();
  const away: Talker[] = [];
  for (let i = 0; i < 4; i++) away.push(await station.connect());
  assert.ok(away.every((one) => one.ended && TOO_MANY.test(one.lines()[0] ?? '')));
  const areGone = async () => {
    for (const one of away) one.say('HELP?');
    await world.settle();
    return away.map(({ broken }) => broken);
  };
  assert.equal(
    await areGone(),
    [false, false, true, true],
    'the first two are read on, so that the line arrives',
  );
  await world.elapse(1_500);
  assert.equal(await areGone(), [true, true, true, true]);
});

scenario('HELLOs of connections that have gone do not pile up', async (world) => {
  const station = await world.station('north').start();
  for (let i = 0; i < 6; i++) {
    const guesser = await station.connect();
    guesser.say('HELLO password wrong', 'HELLO password wrong');
    await world.elapse(2_000);
  }
  const before = station.authenticator.asked.length;
  for (let i = 0; i < 50; i++) {
    const hasty = await station.connect();
    hasty.say('HELLO password wrong-again');
    await world.settle();
    hasty.link.destroy();
    await world.settle();
  }
  await world.elapse(30_000);
  const places = DEFAULT_LIMITS.unauthenticatedPerAddress;
  assert.ok(station.authenticator.asked.length <= before + places, 'no more than an address has places');
  const good = await station.connect();
  good.lines();
  assert.match(await good.ask('HELLO password secret-of-default', 11_000), /^OK session/);
});

scenario('ten failed HELLOs in a minute cost the right one less than a second', async (world) => {
  const station = await world.station('north').start();
  for (let i = 0; i < 5; i++) {
    const guesser = await station.connect();
    guesser.say('HELLO password wrong', 'HELLO password wrong', 'DONE');
    await world.elapse(2_000);
  }
  const good = await station.connect();
  const since = world.clock.now();
  good.lines();
  assert.match(await good.ask('HELLO password secret-of-default', 1_000), /^OK session/);
  assert.ok(world.clock.now() - since < 1_000);
});

scenario(
  'a thousand failed ones cost the right one ten seconds at most, and another address nothing',
  async (world) => {
    const station = await world.station('north').start();
    for (let i = 0; i < 60; i++) {
      const guesser = await station.connect();
      guesser.say('HELLO password wrong', 'HELLO password wrong', 'HELLO password wrong');
      await world.elapse(500);
    }
    const far = await station.connect({ from: world.host(), url: 'tcp://north:7411' });
    far.lines();
    assert.match(await far.ask('HELLO password secret-of-default', 0), /^OK session/);
    await world.elapse(11_000);
    const good = await station.connect();
    good.lines();
    assert.match(await good.ask('HELLO password secret-of-default', 10_000), /^OK session/);
  },
);

scenario('a stranger is gone after ten seconds, also one that sends a byte now and then', async (world) => {
  const station = await world.station('north').start();
  const silent = await station.connect();
  const slow = await station.connect();
  for (let i = 0; i < 11; i++) {
    slow.send('H');
    await world.elapse(1_000);
  }
  for (const one of [silent, slow]) {
    assert.match(one.lines().at(-1) ?? '', /^ERR 408 timeout/);
    assert.ok(one.ended);
  }
  assert.is(station.server.sessions.count, 0);
});

scenario('a line without end closes the session at 8,192 bytes', async (world) => {
  const station = await world.station('north').start();
  const endless = await station.connect();
  for (let i = 0; i < 9; i++) endless.send('x'.repeat(1024));
  await world.settle();
  assert.match(endless.lines().at(-1) ?? '', /^ERR 413 line-too-long/);
  assert.ok(endless.ended);
});

scenario('another server that sends without end is not read on', async (world) => {
  const near = world.host(['near']);
  let unread = 0;
  await world.impostor('far', (talker) => {
    talker.say('OK VNET/1 server=far auth=password');
    for (let i = 0; i < 100; i++) talker.send(`${'x'.repeat(1023)}\n`.repeat(64));
    unread = talker.link.unsent;
    setImmediate(() => {
      unread = talker.link.unsent;
    });
  });
  const dialling = near.dial('tcp://far:7411', {
    signal: new AbortController().signal,
    clientCertificate: false,
  });
  await world.settle();
  const link = await dialling;
  const heard: string[] = [];
  const talk = new TextClient(link);
  talk.listen((one) => heard.push(one.kind));
  await world.settle();
  assert.equal(heard, ['line']);
  assert.ok(unread > 5_000_000, `${unread} bytes wait at the other end`);
  for (let i = 0; i < 5; i++) {
    talk.listen((one) => heard.push(one.kind));
    await world.settle();
  }
  assert.is(heard.length, 6);
  talk.abort();
});

scenario('the MAC addresses of all Handlers together have a bound', async (world) => {
  const { client, proxy } = await pair(world, { proxy: { limits: { macs: 2 } } });
  assert.match(await client.ask(handleLine({ macs: `${MAC} ${MAC2}` }), 15_000), /^OK handler/);
  const more = await client.ask(handleLine({ macs: '52:54:00:00:00:03' }), 15_000);
  assert.match(more, /ERR 429 too-many-handlers/);
  const direct = await proxy.client();
  assert.match(
    await direct.ask(beginLine({ macs: '52:54:00:00:00:04' })),
    /^ERR 429 too-many-handlers .*2 are the limit/,
  );
});

scenario('the defaults are those of the documentation', async () => {
  const { session, unauthenticated, unauthenticatedPerAddress, handlers } = DEFAULT_LIMITS;
  assert.equal([session.hello, session.idle, session.failedHellos], [10_000, 600_000, 3]);
  assert.equal([unauthenticatedPerAddress, unauthenticated, handlers], [8, 64, 1024]);
});

scenario.run();
