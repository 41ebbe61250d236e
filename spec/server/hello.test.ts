/** HELLO, and how many sessions may be there without it (PROTOCOL.md sections 3 and 4). */
import * as assert from 'uvu/assert';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';
import type { Talker } from '../support/talker.ts';

const scenario = scenarios('HELLO');

async function stranger(station: Station, way: Parameters<Station['connect']>[0] = {}): Promise<Talker> {
  const talker = await station.connect(way);
  await talker.answer();
  return talker;
}

scenario('one argument means identity default, two name one; the answer says which', async (world) => {
  const station = await world
    .station('north', { passwords: { default: 'pw-default', ann: 'pw-ann' } })
    .start();
  assert.match(
    await (await stranger(station)).ask('HELLO password pw-default'),
    /^OK session=[0-9a-f]{8,} identity=default$/,
  );
  assert.match(
    await (await stranger(station)).ask('HELLO password ann pw-ann'),
    /^OK session=[0-9a-f]{8,} identity=ann$/,
  );
  assert.match(
    await (await stranger(station)).ask('HELLO password ann pw-default'),
    /^ERR 403 authentication-failed ./,
  );
  assert.match(
    await (await stranger(station)).ask('HELLO password nobody pw-ann', 1_000),
    /^ERR 403 authentication-failed ./,
  );
  assert.match(await (await stranger(station)).ask('HELLO password not/a/name x'), /^ERR 400 bad-id ./);
  assert.match(await (await stranger(station)).ask('HELLO password'), /^ERR 400 syntax ./);
  assert.match(await (await stranger(station)).ask('HELLO'), /^ERR 400 syntax ./);
});

scenario('cert is good on tls:// only, local on unix:// only', async (world) => {
  const station = world.station('north', {
    listen: ['tcp://0.0.0.0:7411', 'tls://0.0.0.0:7412', 'unix:///run/vnet.sock'],
  });
  const known = world.host(['known']);
  const unknown = world.host(['unknown']);
  station.authenticator.certificate(known.certificate?.fingerprint ?? '', 'ann');
  await station.start();
  const url = `tls://north:7412?pin=${station.host.certificate?.fingerprint}`;
  const ask = async (line: string, way: Parameters<Station['connect']>[0]) =>
    (await (await stranger(station, way)).ask(line, 2_000))
      .replace(/session=\S+/, '')
      .split(' ')
      .slice(0, 3)
      .join(' ');
  assert.is(await ask('HELLO cert', { from: known, url, certificate: true }), 'OK  identity=ann');
  assert.is(await ask('HELLO cert', { from: known, url }), 'ERR 403 authentication-failed');
  assert.is(
    await ask('HELLO cert', { from: unknown, url, certificate: true }),
    'ERR 403 authentication-failed',
  );
  assert.is(await ask('HELLO cert', {}), 'ERR 403 tls-required');
  assert.is(await ask('HELLO cert', { url: 'unix:///run/vnet.sock' }), 'ERR 403 tls-required');
  assert.is(await ask('HELLO local', { url: 'unix:///run/vnet.sock' }), 'OK  identity=local');
  assert.is(await ask('HELLO local', {}), 'ERR 403 authentication-failed');
  assert.is(
    await ask('HELLO local', { from: known, url, certificate: true }),
    'ERR 403 authentication-failed',
  );
});

scenario('a password is not taken on plain tcp:// from afar, right or wrong', async (world) => {
  const station = await world.station('north', { allowPlaintext: false }).start();
  const far = world.host(['far']);
  const talker = await stranger(station, { from: far, url: 'tcp://north:7411' });
  assert.match(await talker.ask('HELLO password secret-of-default'), /^ERR 403 tls-required ./);
  assert.match(await talker.ask('HELLO password wrong'), /^ERR 403 tls-required ./);
  assert.equal(station.authenticator.asked, []);
  assert.match(await (await stranger(station)).ask('HELLO password secret-of-default'), /^OK /);
});

scenario('three failed HELLOs close the session, two and a right one do not', async (world) => {
  const station = await world.station('north').start();
  const talker = await stranger(station);
  for (let i = 0; i < 3; i++) {
    assert.not(talker.ended);
    assert.match(await talker.ask('HELLO password wrong', 2_000), /^ERR 403 authentication-failed ./);
  }
  await world.settle();
  assert.ok(talker.ended);
  const other = await stranger(station);
  for (let i = 0; i < 2; i++) await other.ask('HELLO password wrong', 2_000);
  assert.match(await other.ask('HELLO password secret-of-default', 2_000), /^OK /);
  // HELLO that is no HELLO at all is a wrong line and no failed one.
  const third = await stranger(station);
  for (let i = 0; i < 5; i++) assert.match(await third.ask('HELLO passport x'), /^ERR 400 syntax /);
  assert.match(await third.ask('HELLO password secret-of-default', 2_000), /^OK /);
});

scenario('pipelined lines behind a third failed HELLO are not answered', async (world) => {
  const station = await world.station('north').start();
  const talker = await stranger(station);
  const wrong = 'HELLO password wrong';
  talker.say(wrong, wrong, wrong, 'HELLO password secret-of-default', 'STATUS?');
  await world.elapse(3_000);
  assert.is(talker.lines().length, 3);
  assert.ok(talker.ended);
});

scenario('failed HELLOs delay further ones, and never refuse a right one', async (world) => {
  const station = await world.station('north').start();
  const took = async () => {
    const talker = await stranger(station);
    const before = world.clock.mono();
    assert.match(await talker.ask('HELLO password secret-of-default', 30_000), /^OK /);
    talker.say('DONE');
    return (world.clock.mono() - before) / 1e6;
  };
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const talker = await stranger(station);
      assert.match(await talker.ask('HELLO password wrong', 30_000), /^ERR 403 authentication-failed/);
      talker.say('DONE');
    }
  };
  assert.is(await took(), 0);
  await fail(5);
  const five = await took();
  await fail(5);
  const ten = await took();
  assert.ok(0 < five && five < ten && ten < 1_000, `${five} ms after 5 failures, ${ten} ms after 10`);
  const far = world.host(['far']);
  const talker = await stranger(station, { from: far, url: 'tcp://north:7411' });
  const before = world.clock.mono();
  await talker.ask('HELLO password secret-of-default');
  assert.is(world.clock.mono(), before, 'another address does not wait');
  for (let round = 0; round < 40; round++) await fail(1);
  assert.ok((await took()) <= 10_000);
  await world.elapse(60_000);
  assert.is(await took(), 0);
});

scenario('the HELLO time-out does not end a session whose right HELLO is being checked', async (world) => {
  const station = await world.station('north').start();
  const right = await stranger(station);
  const wrong = await stranger(station);
  await world.elapse(9_000);
  station.authenticator.delay = 5_000;
  right.say('HELLO password secret-of-default');
  wrong.say('HELLO password wrong');
  await world.elapse(6_000);
  assert.match(right.lines().join('|'), /^OK session=\S+ identity=default$/);
  assert.match(wrong.lines().join('|'), /^ERR 403 /);
  assert.ok(wrong.ended, 'its time is over');
  assert.not(right.ended);
});

scenario('no HELLO within 10 s of accept: 408 and close, whatever else was said', async (world) => {
  const station = await world.station('north').start();
  const silent = await stranger(station);
  const busy = await stranger(station);
  for (let second = 0; second < 9; second++) {
    await world.elapse(1_000);
    await busy.ask('HELP?');
  }
  await world.elapse(999);
  assert.not(silent.ended);
  await world.elapse(1);
  for (const talker of [silent, busy]) {
    assert.match(talker.lines().join('|'), /^ERR 408 timeout ./);
    assert.ok(talker.ended);
  }
});

scenario('an idle authenticated session is closed after 10 min; each command counts anew', async (world) => {
  const station = await world.station('north').start();
  const client = await station.client();
  await world.elapse(599_000);
  assert.is(await client.ask('HANDLERS?'), 'OK count=0');
  await world.elapse(599_000);
  assert.match(await client.ask('NONSENSE'), /^ERR 400/);
  await world.elapse(599_000);
  assert.not(client.ended);
  await world.elapse(1_000);
  assert.match(client.lines().join('|'), /^ERR 408 timeout ./);
  assert.ok(client.ended);
});

scenario('a session that watches is not idle; when the watch has ended it is', async (world) => {
  const station = await world.station('north').start();
  const endings = ['', 'NONSENSE', 'CLOSE x', 'HELP?', '"'];
  for (const ending of endings) {
    const client = await station.client();
    assert.is(await client.ask('WATCH'), 'OK');
    await world.elapse(3_600_000);
    assert.not(client.ended);
    client.say(ending);
    await world.elapse(599_999);
    assert.not(client.ended, `ended by ${JSON.stringify(ending)}`);
    client.lines();
    await world.elapse(1);
    assert.match(client.lines().join('|'), /^ERR 408 timeout/, `ended by ${JSON.stringify(ending)}`);
    await world.elapse(5_000);
  }
});

scenario(
  'the ninth unauthenticated session of an address gets 429 in place of the greeting',
  async (world) => {
    const station = await world.station('north').start();
    const eight = await Promise.all(Array.from({ length: 8 }, () => stranger(station)));
    const ninth = await station.connect();
    assert.match((await ninth.answer()).join('|'), /^ERR 429 too-many-sessions ./);
    await world.settle();
    assert.ok(ninth.ended);
    const elsewhere = await station.connect({ from: world.host(['far']), url: 'tcp://north:7411' });
    assert.match((await elsewhere.answer()).join(), /^OK VNET/);
    // An authenticated one does not count, nor one that is closed.
    await eight[0]?.ask('HELLO password secret-of-default');
    assert.match((await (await station.connect()).answer()).join(), /^OK VNET/);
    await eight[1]?.ask('DONE');
    assert.match((await (await station.connect()).answer()).join(), /^OK VNET/);
    assert.match((await (await station.connect()).answer()).join(), /^ERR 429/);
    await world.elapse(10_000);
    assert.match((await (await station.connect()).answer()).join(), /^OK VNET/);
  },
);

scenario('past 64 in all the oldest unauthenticated session gets 429 and is closed', async (world) => {
  const station = await world.station('north').start();
  const client = await station.client();
  const talkers: Talker[] = [];
  for (let host = 0; host < 8; host++) {
    const from = world.host([`h${host}`]);
    for (let i = 0; i < 8; i++) talkers.push(await stranger(station, { from, url: 'tcp://north:7411' }));
  }
  assert.ok(talkers.every(({ ended }) => !ended));
  const one = await station.connect();
  assert.match((await one.answer()).join(), /^OK VNET/);
  await world.settle();
  assert.match(talkers[0]?.lines().join('|') ?? '', /^ERR 429 too-many-sessions ./);
  assert.ok(talkers[0]?.ended);
  assert.is(talkers.filter(({ ended }) => ended).length, 1);
  assert.is(await client.ask('HANDLERS?'), 'OK count=0');
});

scenario('sessions that have become wires take no room from those that ask', async (world) => {
  const station = world.station('north', {
    limits: { sessions: 2, unauthenticatedPerAddress: 100 },
  });
  station.devices.add({ name: 'lan0' });
  await station.start();
  for (let i = 1; i <= 4; i++) {
    const wire = await station.client();
    const id = `${i}`.repeat(16);
    assert.match(
      await wire.ask(`BEGIN ${id} lan0 vm0 PROXY HOST 52:54:00:00:00:0${i} offload=on mtu=1500`),
      /^OK handler=/,
    );
    wire.ping();
    await world.settle();
  }
  const clients = [await station.client(), await station.client()];
  const third = await station.connect();
  assert.match((await third.answer()).join(), /^ERR 429 too-many-sessions/);
  assert.is(clients.length, 2);
});

scenario('DONE is good in each text state, and the server closes behind its OK', async (world) => {
  const station = await world.station('north').start();
  const one = await stranger(station);
  const two = await station.client();
  const three = await station.client();
  await three.ask('WATCH');
  for (const talker of [one, two, three]) {
    talker.lines();
    assert.is((await talker.ask('DONE')).replace(/^EVENT.*/, ''), 'OK');
    await world.settle();
    assert.ok(talker.ended);
    talker.end();
    await world.settle();
    assert.ok(talker.closed && !talker.broken);
  }
});

scenario('a client that never reads its answers or never closes is let go of', async (world) => {
  const station = await world.station('north').start();
  const talker = await station.client();
  talker.say('DONE');
  await world.elapse(1_000);
  assert.ok(talker.ended && !talker.closed, 'its own end is waited for');
  await world.elapse(3_000);
  talker.send('late');
  await world.settle();
  assert.ok(talker.closed);
});

scenario('a stranger may ask for nothing but HELLO, DONE and HELP?', async (world) => {
  const station = await world.station('north').start();
  const talker = await stranger(station);
  const verbs = ['DEVICES?', 'HANDLERS?', 'HANDLE', 'BEGIN', 'CLOSE', 'STATS?', 'STATUS?', 'WATCH'];
  for (const verb of verbs) assert.match(await talker.ask(verb), /^ERR 401 not-authenticated ./, verb);
  assert.match(await talker.ask('HELLO password secret-of-default'), /^OK /);
});

scenario.run();
