/** The event log of a real server, on real files: what was written before what, segments, damage, a slow watcher. */

import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCommands } from '../../tools/lab/lab.ts';
import { waitUntil } from '../../tools/lab/wait.ts';
import { RealServer, type Session } from './real/server.ts';
import { readTrace } from './real/trace.ts';

const test = suite('log of a real server');
const folder = mkdtempSync(join(tmpdir(), 'vnet-log-'));
const running: RealServer[] = [];
let count = 0;

function server(): RealServer {
  const made = new RealServer(join(folder, String(++count)));
  running.push(made);
  return made;
}

test.after.each(async () => {
  for (const each of running.splice(0)) await each.crash();
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const strace = missingCommands(['strace']).length === 0;
if (!strace) console.log('SKIPPED in part: no strace here, so nobody looks at the order of system calls');

for (const sync of ['interval', 'always'] as const) {
  (strace ? test : test.skip)(`--log-sync ${sync}: no answer leaves before its record`, async () => {
    const real = server();
    const trace = join(real.folder, 'trace');
    const calls = 'trace=write,writev,sendto,sendmsg,fdatasync';
    const prefix = ['strace', '-f', '-yy', '-s', '4000', '-e', calls, '-o', trace];
    await real.start({ args: ['--log-sync', sync], prefix });
    // One after the other, and few: strangers past ten a second would be held back from the log.
    const sessions: Session[] = [];
    while (sessions.length < 6) sessions.push(await real.session());
    await Promise.all(sessions.map((each) => each.ask('HANDLERS?')));
    await Promise.all(sessions.map((each) => each.ask('NONSENSE')));
    await Promise.all(sessions.map((each) => each.ask('HELP?')));
    await Promise.all(sessions.map((each) => each.ask('DONE')));
    const { answers, early, unsynced, writes, records } = readTrace(readFileSync(trace, 'utf8'));
    assert.ok(answers >= 6 * 6, `${answers} answers`);
    assert.equal(early, [], 'answers that left before their record was written');
    if (sync === 'always')
      assert.equal(unsynced, [], 'answers that left before their record was on the disk');
    assert.ok(writes < records, `${records} records by ${writes} writes`);
    for (const child of childrenOf(real.program?.pid)) process.kill(child, 'SIGTERM');
    await real.program?.ended;
    assert.is((await real.replay()).status, 0);
  });
}

/** strace hands no signals on: its child is the one to tell. */
function childrenOf(pid: number | undefined): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

test('segments are begun while sessions live, old ones are dropped, and a start goes on from the newest', async () => {
  const real = await server().start({ args: ['--log-segment-bytes', '4096', '--log-retain-bytes', '20000'] });
  const stays = await real.session();
  for (let round = 0; round < 6; round++) {
    const before = real.segments().at(-1);
    for (let line = 0; line < 12; line++) await stays.ask('HANDLERS?');
    await waitUntil(() => real.segments().at(-1) !== before, { what: 'a new segment' });
  }
  assert.ok(!real.segments().includes('00000001.ndjson'), 'the oldest was dropped');
  const sizes = real.segments().map((name) => statSync(join(real.log, name)).size);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 40_000, sizes.join(' '));
  for (const name of real.segments()) {
    const [head = ''] = readFileSync(join(real.log, name), 'utf8').split('\n');
    assert.is(JSON.parse(head).event.type, 'checkpoint', name);
  }
  const first = await real.replay();
  assert.is(first.status, 0, first.text);
  await real.crash();
  const newest = real.segments().at(-1) ?? '';
  for (const name of real.segments()) if (name !== newest) rmSync(join(real.log, name));
  await real.start({ args: ['--log-segment-bytes', '4096'] });
  await waitUntil(async () => (await real.ask('STATUS?'))[0]?.startsWith('OK') ?? false, {
    what: 'an answer',
  });
  const restarts = real.records().filter(({ event }) => event.type === 'restart');
  assert.is(restarts.length, 1, 'the session that stayed was closed by the restart');
  assert.is(await real.stop(), 0);
  assert.is((await real.replay()).status, 0);
});

test('probes that connect and say nothing cost next to nothing, and are accounted for', async () => {
  const real = await server().start();
  for (let probe = 0; probe < 30; probe++) {
    const link = connect(real.socket);
    await once(link, 'data');
    link.end();
    await once(link.resume(), 'close');
  }
  assert.is((await real.ask('HANDLERS?'))[0], 'OK count=0');
  assert.is(await real.stop(), 0);
  const events = real.records().filter(({ event }) => event.type === '@created' || event.type === 'counted');
  const sessions = events.filter(({ actor }) => actor.startsWith('session:'));
  assert.is(sessions.length, 2, 'the first, and the one that asked');
  assert.is(events.find(({ event }) => event.type === 'counted')?.event.sessions, 29);
  assert.is((await real.replay()).status, 0);
});

test('a second server on the same log is refused, and says why', async () => {
  const first = await server().start();
  const second = new RealServer(first.folder);
  const listen = ['--listen', `unix://${join(first.folder, 'other')}`];
  await second.start({ args: listen });
  running.push(second);
  await second.program?.ended;
  assert.is(second.program?.status, 1);
  assert.match(
    second.program?.stderr ?? '',
    new RegExp(`in use by another server \\(pid ${first.program?.pid}\\)`),
  );
  assert.match((await first.ask('HANDLERS?'))[0] ?? '', /^OK/);
});

test('a torn end is cut off and told of; all other damage stops the start, with its place, and changes nothing', async () => {
  const real = await server().start();
  await real.ask('HANDLERS?', 'HELP?');
  await real.crash();
  const file = join(real.log, '00000001.ndjson');
  appendFileSync(file, '{"seq":99,"time":"2026-');
  await real.start();
  assert.match(real.program?.stderr ?? '', /torn/);
  await real.crash();
  const cut = real.records().find(({ event }) => event.type === 'log-cut');
  assert.is(cut?.event.bytes, 23);
  assert.is((await real.replay()).status, 0);

  const good = readFileSync(file, 'utf8');
  const lines = good.split('\n');
  const changed = lines.with(2, lines[2]!.replace('listening', 'listeninG')).join('\n');
  writeFileSync(file, changed);
  await real.start();
  await real.program?.ended;
  assert.is(real.program?.status, 1);
  const said = real.program?.stderr ?? '';
  assert.match(said, /segment 00000001\.ndjson, record 3: its hash does not fit its content/);
  assert.match(said, /vnet log repair/);
  assert.is(readFileSync(file, 'utf8'), changed, 'the file was not touched');
});

test('a watcher that does not read is told how many it missed, and slows nobody', async () => {
  const real = await server().start();
  const watcher = await real.session();
  await watcher.ask('WATCH');
  watcher.link.pause();
  const busy = await real.session();
  const ROUNDS = 120;
  for (let round = 0; round < ROUNDS; round++) {
    busy.link.write('NONSENSE\n'.repeat(20));
    for (let answers = 0; answers < 20; answers++) await busy.answer();
  }
  watcher.link.resume();
  await watcher.until(() => watcher.lines.some((line) => line.startsWith('EVENT missed=')));
  await busy.ask('HELP?');
  await watcher.until(() => watcher.lines.some((line) => line.includes('event=HELP?')));
  const missed = watcher.lines.map((line) => Number(/^EVENT missed=(\d+)/.exec(line)?.[1] ?? 0));
  const shown = watcher.lines.filter((line) => line.startsWith('EVENT seq=')).length;
  const last = Number(/seq=(\d+)/.exec(watcher.lines.at(-1) ?? '')?.[1]);
  const first = Number(/seq=(\d+)/.exec(watcher.lines[0] ?? '')?.[1]);
  assert.is(shown + missed.reduce((sum, each) => sum + each, 0), last - first + 1);
});

test.run();
