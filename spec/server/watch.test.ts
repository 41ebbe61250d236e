/** WATCH (PROTOCOL.md section 3). */
import * as assert from 'uvu/assert';
import { handle, handleLine, pair } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('WATCH');
const isEvent = (line: string) => line.startsWith('EVENT ');

scenario('each record is shown as it is written, behind the OK', async (world) => {
  const { host, client } = await pair(world);
  const watcher = await host.client();
  watcher.say('WATCH');
  await world.settle();
  const before = host.journal.lines.length;
  const id = await handle(client);
  const lines = watcher.lines();
  assert.is(lines[0], 'OK');
  assert.ok(lines.slice(1).every(isEvent));
  assert.is(lines.length - 1, host.journal.lines.length - before);
  const records = host.history().slice(before);
  for (const [i, { seq, actor, event, from, to }] of records.entries()) {
    const wanted = `EVENT seq=${seq} time=`;
    const line = lines[i + 1] ?? '';
    assert.ok(line.startsWith(wanted), `${line} begins ${wanted}`);
    assert.ok(line.includes(` actor=${actor} `) && line.includes(` to=${to}`), line);
    assert.ok(line.includes(` event=${event.type} `), line);
    assert.ok(from === '' || line.includes(` from=${from} `), line);
  }
  assert.ok(lines.some((line) => line.includes(`actor=handler:${id}`) && line.includes('to=binary')));
});

scenario(
  'the next line ends the watch and is carried out; nothing of it or behind it is shown',
  async (world) => {
    const { host, client } = await pair(world);
    for (const [line, wanted] of [
      ['HANDLERS?', /^OK count=\d+$/],
      ['NONSENSE', /^ERR 400 unknown-command/],
      ['HELLO password x', /^ERR 405 wrong-state/],
      ['CLOSE 00112233445566778899', /^ERR 404 no-such-handler/],
      ['HELP?', /^OK$/],
      ['DONE', /^OK$/],
    ] as const) {
      const watcher = await host.client();
      assert.is(await watcher.ask('WATCH'), 'OK');
      client.say('HANDLERS?');
      await client.answer();
      assert.ok(watcher.lines().every(isEvent));
      watcher.say(line);
      const answer = await watcher.answer();
      assert.match(answer.at(-1) ?? '', wanted);
      assert.not(answer.some(isEvent), `${line}: ${answer.join('|')}`);
      client.say('HANDLERS?', 'STATUS?');
      await world.settle();
      client.lines();
      assert.equal(watcher.lines(), [], line);
    }
  },
);

scenario('an empty line ends the watch and does nothing else', async (world) => {
  const { host, client } = await pair(world);
  const watcher = await host.client();
  watcher.say('WATCH');
  await watcher.answer();
  watcher.say('');
  await world.settle();
  watcher.lines();
  await client.ask('HANDLERS?');
  assert.equal(watcher.lines(), []);
  assert.is(await watcher.ask('HANDLERS?'), 'OK count=0');
});

scenario('WATCH behind WATCH watches on, and a pipelined line ends it at once', async (world) => {
  const { host, client } = await pair(world);
  const watcher = await host.client();
  watcher.say('WATCH', 'WATCH');
  await world.settle();
  assert.equal(
    watcher.lines().filter((line) => !isEvent(line)),
    ['OK', 'OK'],
  );
  await client.ask('HANDLERS?');
  assert.is(watcher.lines().filter(isEvent).length, 1, 'each record once');
  watcher.say('', 'WATCH', 'HANDLERS?');
  await world.settle();
  assert.equal(watcher.lines(), ['OK', 'OK count=0']);
});

scenario('a client that is too slow is told how many records it missed', async (world) => {
  const { host, client } = await pair(world, { host: { limits: { unread: 70_000 } } });
  const watcher = await host.client();
  await watcher.ask('WATCH');
  watcher.link.pause();
  const before = host.journal.lines.length;
  const macs = Array.from(
    { length: 400 },
    (_, i) =>
      `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
  );
  for (let i = 0; i < 60; i++) {
    assert.match(await client.ask(handleLine({ remote: 'tcp://nowhere', macs: macs.join(' ') })), /^ERR 502/);
  }
  const written = host.journal.lines.length - before;
  watcher.link.resume();
  await world.settle();
  const lines = watcher.lines();
  const missed = lines
    .map((line) => Number(/^EVENT missed=(\d+)$/.exec(line)?.[1] ?? 0))
    .filter((n) => n > 0);
  assert.ok(missed.length > 0, 'it did miss some');
  const shown = lines.filter((line) => line.startsWith('EVENT seq=')).length;
  assert.is(shown + missed.reduce((a, b) => a + b, 0), written);
});

scenario('the end of the stream ends a session that watches', async (world) => {
  const { host, client } = await pair(world);
  const watcher = await host.client();
  await watcher.ask('WATCH');
  watcher.end();
  await world.settle();
  assert.ok(watcher.closed && !watcher.broken);
  await client.ask('HANDLERS?');
});

scenario('a client that watches anew and anew and reads nothing is listened to once', async (world) => {
  const { host, client } = await pair(world, { host: { limits: { unread: 70_000 } } });
  const watcher = await host.client();
  await watcher.ask('WATCH');
  watcher.link.pause();
  const macs = Array.from({ length: 256 }, (_, i) => `02:00:00:00:00:${i.toString(16).padStart(2, '0')}`);
  const line = handleLine({ remote: 'tcp://nowhere', macs: macs.join(' ') });
  for (let i = 0; i < 80; i++) assert.match(await client.ask(line), /^ERR 502/);
  const taken = () => host.history('session:').filter(({ event }) => event.type === 'WATCH').length - 1;
  watcher.say(...Array.from({ length: 500 }, () => 'WATCH'));
  await world.elapse(100);
  assert.is(taken(), 1);
  watcher.link.resume();
  await world.elapse(1_000);
  assert.is(taken(), 500, 'the rest when it reads on');
});

scenario.run();
