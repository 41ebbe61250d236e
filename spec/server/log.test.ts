/** The event log of a server as a whole, and what goes on when it cannot be written (PROTOCOL.md section 7). */
import * as assert from 'uvu/assert';
import { beginLine, handle, handleLine, ID, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';
import type { Station } from '../support/station.ts';

const scenario = scenarios('log');
const FULL = new Error('ENOSPC: no space left on device');

function fill(station: Station): void {
  station.expectedErrors.push('the log cannot be written; HANDLE, BEGIN and CLOSE are refused');
  station.journal.appendFault = FULL;
}

scenario('every record is written before what follows from it can be seen', async (world) => {
  const { host, proxy, client } = await pair(world);
  // A dial, a line, a frame, each carries what is on record at that moment.
  const seen: string[] = [];
  const events = () => host.history('handler:').map(({ event }) => event.type);
  await world.impostor('watching', (talker) => {
    seen.push(`dial after ${events().join(' ')}`);
    talker.heardLine = (line) => {
      seen.push(`${line.split(' ')[0]} after ${events().at(-1)}`);
      talker.say(line.startsWith('HELLO') ? 'OK session=1 identity=x' : 'ERR 403 forbidden no');
    };
    talker.say('OK VNET/1 server=x auth=password');
  });
  await client.ask(handleLine({ remote: 'tcp://watching:7411' }));
  assert.match(
    seen.join('|'),
    /^dial after @created device-open\|HELLO after dialled\|BEGIN after (hello-taken|begin-sent)$/,
  );
  assert.is(proxy.server.handlers.all().length, 0);
});

scenario('records have the fields of section 7, and the chain begins at 1', async (world) => {
  const { host, client } = await pair(world);
  await handle(client);
  const records = host.history();
  for (const [i, record] of records.entries()) {
    assert.is(record.seq, i + 1);
    assert.match(record.time, /^2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.match(record.actor, /^(server|session:[0-9a-f]+|handler:[0-9a-f]+|device:\S+)$/);
    assert.match(record.state, /^[0-9a-f]{16}$/);
    assert.is(record.prev, i === 0 ? '' : records[i - 1]?.hash);
    assert.is(record.boot, 'boot1');
  }
  assert.equal([...new Set(records.map(({ actor }) => actor.split(':')[0]))].sort(), [
    'device',
    'handler',
    'server',
    'session',
  ]);
});

scenario(
  'a line that does not parse is on record as its verb and length, without its words',
  async (world) => {
    const { host, client } = await pair(world);
    const lines = [
      'HELLO password hunter2-a x y',
      'HANDLE tcp://x password:hunter2-b',
      'HANDLE tcp://x password:hunter2-c vm0 lan0 HOST PROXY zz',
      'hunter2-d',
      'BEGIN hunter2-e "',
      'CLOSE hunter2-f',
      `HANDLE tcp://proxy password:hunter2-g vm0 nope0 HOST PROXY ${MAC2}`,
    ];
    for (const line of lines) assert.match(await client.ask(line, 2_000), /^ERR /);
    const stranger = await host.connect();
    for (const line of [
      'HELLO password hunter2-h',
      'HELLO password x hunter2-i',
      'HANDLE tcp://x password:hunter2-j',
    ]) {
      stranger.say(line);
    }
    await world.elapse(3_000);
    const text = host.journal.lines.join('\n');
    assert.not(
      text.includes('hunter2'),
      text.split('\n').find((line) => line.includes('hunter2')),
    );
    const [bad] = host
      .history('session:')
      .filter(({ event }) => event.type === 'bad-line' && event.verb === 'BEGIN');
    assert.is(bad?.event.length, 'BEGIN hunter2-e "'.length);
  },
);

scenario('log full: HANDLE, BEGIN, JOIN and CLOSE get 507; all else goes on', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client, { options: 'wires=2' });
  const there = await proxy.client();
  for (const station of [host, proxy]) fill(station);
  // Something has to be written before it is known.
  await client.ask('HANDLERS?');
  await there.ask('HANDLERS?');
  for (const [talker, line] of [
    [client, handleLine({ macs: MAC2 })],
    [client, `CLOSE ${id}`],
    [there, beginLine({ macs: MAC2 })],
    [there, `JOIN ${id} 1`],
    [there, `CLOSE ${id}`],
  ] as const) {
    assert.match(await talker.ask(line), /^ERR 507 log-unavailable ./, line);
  }
  assert.is(await client.ask('HANDLERS?'), 'OK count=1');
  assert.match((await client.list('STATUS?')).join('|'), /STATUS log_state "failing: .*ENOSPC/);
  const newcomer = await host.client();
  assert.is(await newcomer.ask('DONE'), 'OK');
  proxy.journal.appendFault = undefined;
  await world.elapse(1_100);
  // Frames go on, and a wire that breaks is dialled again.
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'binary');
  assert.not(host.journal.lines.some((line) => line.includes('wire-lost')));
  // It heals by itself, and what was held comes first, in order.
  host.journal.appendFault = undefined;
  await world.elapse(1_100);
  assert.ok(host.journal.lines.some((line) => line.includes('wire-lost')));
  assert.match(await client.ask(handleLine({ macs: MAC2 })), /^OK /);
  assert.is(await client.ask(`CLOSE ${id}`), 'OK');
});

scenario('the first HANDLE that meets the full log is refused and leaves no trace', async (world) => {
  const { host, client } = await pair(world);
  fill(host);
  assert.match(await client.ask(handleLine()), /^ERR 507 log-unavailable ./);
  assert.is(await client.ask('HANDLERS?'), 'OK count=0');
  assert.equal(host.secrets.refs(), []);
  host.journal.appendFault = undefined;
  await world.elapse(1_100);
  assert.not(host.journal.lines.some((line) => line.includes('"handler:')));
  assert.match(await client.ask(handleLine()), /^OK /);
});

scenario('the first BEGIN and the first CLOSE, too; the session is text and goes on', async (world) => {
  const { proxy } = await pair(world);
  const wire = await proxy.client();
  fill(proxy);
  assert.match(await wire.ask(beginLine()), /^ERR 507 log-unavailable ./);
  assert.is(await wire.ask('HANDLERS?'), 'OK count=0');
  proxy.journal.appendFault = undefined;
  await world.elapse(1_100);
  assert.match(await wire.ask(beginLine()), /^OK /);
  wire.ping();
  const client = await proxy.client();
  proxy.journal.appendFault = FULL;
  assert.match(await client.ask(`CLOSE ${ID}`), /^ERR 507 log-unavailable ./);
  assert.is(stateOf(proxy, ID), 'binary');
  proxy.journal.appendFault = undefined;
  await world.elapse(1_100);
  client.say(`CLOSE ${ID}`);
  await world.elapse(3_100);
  assert.is(stateOf(proxy, ID), 'none');
});

scenario(
  'a redial meets a full log at the responder: refused, tried again, and taken when it heals',
  async (world) => {
    const { host, proxy, client } = await pair(world);
    const id = await handle(client);
    fill(proxy);
    world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
    await world.elapse(10_000);
    assert.is(stateOf(host, id), 'unauthenticated');
    assert.ok(host.history(`handler:${id}`).some(({ event }) => event.remote === '507 log-unavailable'));
    proxy.journal.appendFault = undefined;
    await world.elapse(15_000);
    assert.is(stateOf(host, id), 'binary');
  },
);

scenario('a log that fails while a HANDLE is under way lets it come to its end', async (world) => {
  const { host, proxy, client } = await pair(world);
  world.internet.latency = 20;
  client.say(handleLine());
  await world.elapse(50);
  fill(host);
  await world.elapse(1_000);
  assert.match(client.lines().join(), /^OK handler=/);
  host.journal.appendFault = undefined;
  await world.elapse(2_000);
  assert.is(host.server.handlers.all()[0]?.state, 'binary');
  assert.is(proxy.server.handlers.all()[0]?.state, 'binary');
});

scenario(
  'past the bound records are lost, a gap stands for them, and the next run goes on from there',
  async (world) => {
    const { host, proxy, client } = await pair(world, { host: { recorder: { heldRecords: 5 } } });
    const id = await handle(client);
    fill(host);
    for (let i = 0; i < 3; i++) {
      world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
      await world.elapse(10_000);
    }
    assert.match((await client.list('STATUS?')).join('|'), /log_state "failing: .*lost=\d+/);
    host.journal.appendFault = undefined;
    await world.elapse(2_000);
    assert.is(host.history('server').filter(({ event }) => event.type === 'gap').length, 1);
    assert.is(stateOf(host, id), 'binary');
    await host.restart();
    await world.elapse(3_000);
    assert.is(stateOf(host, id), 'binary');
    const next = await host.client();
    assert.is(await next.ask(`CLOSE ${id}`), 'OK');
  },
);

scenario('a server that ends while its log is full still says BYE', async (world) => {
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  fill(host);
  host.expectedErrors.push('records of the log are lost');
  await host.stop();
  assert.is(stateOf(proxy, id), 'handling');
  host.journal.appendFault = undefined;
  await host.start();
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'binary');
});

scenario(
  'sessions that never authenticate are on record whole up to 10 a second, then counted',
  async (world) => {
    const station = await world.station('north').start();
    for (let i = 0; i < 40; i++) {
      const talker = await station.connect();
      talker.say('HELP?', 'DONE');
      await world.settle();
    }
    await world.elapse(2_000);
    const created = station.history('session:').filter(({ event }) => event.type === '@created').length;
    assert.ok(created >= 5 && created <= 12, `${created}`);
    const counted = station.history('server').filter(({ event }) => event.type === 'counted');
    const sum = counted.reduce((total, { event }) => total + Number(event.sessions), 0);
    assert.is(created + sum, 40);
    // One that does authenticate is there from its first record on, also in the midst of a flood.
    for (let i = 0; i < 20; i++) (await station.connect()).say('DONE');
    const client = await station.client();
    await client.ask('HANDLERS?');
    const { id } = station.server.sessions.all().find(({ state }) => state === 'authenticated') ?? { id: '' };
    assert.equal(station.steps(`session:${id}`), [
      '@created → unauthenticated',
      'HELLO → unauthenticated',
      'verified → authenticated',
      'HANDLERS? → authenticated',
    ]);
  },
);

scenario('an objection of the policy is on record with its rule', async (world) => {
  const { host, client } = await pair(world, {
    host: {
      forbids: (identity, { verb }) =>
        verb === 'HANDLE' ? { rule: 'no-handles', text: `${identity} may not` } : undefined,
    },
  });
  assert.match(await client.ask(handleLine()), /^ERR 403 forbidden default may not/);
  const [refused] = host.history('session:').filter(({ event }) => event.type === 'HANDLE');
  assert.equal(refused?.event.objection, { reason: 'forbidden', rule: 'no-handles' });
  assert.is(await client.ask('HANDLERS?'), 'OK count=0');
});

scenario.run();
