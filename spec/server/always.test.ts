/** The same servers with a log that reaches the disk before anything follows from a record: nothing hangs for it. */
import * as assert from 'uvu/assert';
import { beginLine, handle, handleLine, ID, MAC2, pair, stateOf } from '../support/pair.ts';
import { scenarios } from '../support/scenario.ts';

const scenario = scenarios('log synced always');
const always = { recorder: { sync: 'always' as const } };
const sync = { host: always, proxy: always };

scenario('a Handler comes, breaks, comes back and goes', async (world) => {
  const { host, proxy, client } = await pair(world, sync);
  const id = await handle(client);
  await world.elapse(1_000);
  world.internet.between(host.host, proxy.host).at(-1)?.wire.reset();
  await world.elapse(2_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(stateOf(proxy, id), 'binary');
  assert.is(await client.ask(`CLOSE ${id}`, 5_000), 'OK');
  assert.is(stateOf(proxy, id), 'none');
});

scenario('three CLOSEs at once, two HANDLEs at once, two BEGINs at once', async (world) => {
  const { host, proxy, client } = await pair(world, sync);
  const id = await handle(client);
  const sessions = [client, await host.client(), await host.client()];
  for (const session of sessions) session.say(`CLOSE ${id}`);
  await world.elapse(5_000);
  for (const session of sessions) assert.match(session.lines().join(), /^(OK$|ERR 404 no-such-handler)/);
  for (const session of sessions) session.say(handleLine());
  await world.elapse(5_000);
  const answers = sessions.map((session) => session.lines().join()).sort();
  assert.is(answers.filter((answer) => answer.startsWith('OK handler=')).length, 1);
  assert.is(answers.filter((answer) => answer.startsWith('ERR 409 mac-in-use')).length, 2);
  const wires = [await proxy.client(), await proxy.client()];
  for (const wire of wires) wire.say(beginLine({ local: 'lan1', macs: MAC2 }));
  await world.elapse(1_000);
  wires.at(-1)?.ping();
  await world.elapse(1_000);
  assert.is(stateOf(proxy, ID), 'binary');
});

scenario('pipelined lines, a half-closed client, and a crash', async (world) => {
  const { host, proxy, client } = await pair(world, sync);
  const id = await handle(client, { local: 'tap:t0' });
  client.say('HANDLERS?', 'WATCH', 'STATUS?', handleLine({ macs: MAC2 }), 'DONE');
  client.end();
  await world.elapse(3_000);
  const last = client.lines().filter((line) => /^(OK|ERR)/.test(line));
  assert.is(last.length, 5);
  assert.match(last[3] ?? '', /^OK handler=/);
  await host.restart();
  await world.elapse(3_000);
  assert.is(stateOf(host, id), 'binary');
  assert.is(stateOf(proxy, id), 'binary');
});

scenario.run();
