import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replay } from '../../../tools/vnet/commands/replay.ts';
import { describeFields } from '../../../tools/vnet/replay/describe.ts';
import { changes, changeText } from '../../../tools/vnet/replay/diff.ts';
import { openSource, single } from '../../../tools/vnet/replay/merged-steps.ts';
import { parseTime, parseUntil } from '../../../tools/vnet/replay/source.ts';
import { move } from '../../../tools/vnet/replay/step-session.ts';
import { StepCursor } from '../../../tools/vnet/replay/stepper.ts';
import { HANDLER, History, scratch, twoServers } from './history.ts';
import { Terminal } from './terminal.ts';

const replaying = suite('vnet replay');

const place = scratch();
replaying.after(() => place.remove());

const history = new History('one');
const handler = history.handle();
history.tell(handler, { type: 'dialled', peer: '127.0.0.1:7412' });
const good = history.write(path.join(place.dir, 'good'), [5]);

async function run(...args: string[]): Promise<Terminal & { readonly code: number }> {
  const terminal = new Terminal();
  const code = await replay(args, terminal);
  return Object.assign(terminal, { code });
}

/** A copy of the log with one line changed. */
function doctored(name: string, seq: number, change: (line: string) => string): string {
  const copy = new History('one');
  copy.lines.splice(0, copy.lines.length, ...history.lines);
  copy.lines[seq - 1] = change(copy.lines[seq - 1]!);
  return copy.write(path.join(place.dir, name));
}

replaying('text: a line for each transition, then the verdict', async () => {
  const { code, stdout, stderr } = await run(good);
  assert.is(code, 0);
  assert.is(stderr, '');
  const lines = stdout.trimEnd().split('\n');
  assert.is(lines.length, history.lines.length + 1);
  assert.match(
    lines.find((line) => line.includes('HANDLE '))!,
    /^2026-01-31 12:00:00\.\d{6} {2}#6 +session:c3f2a91bc3f2a91bc +authenticated → handling +HANDLE handler=3f2a91bc3f2a91bc remote=tcp:\/\/127\.0\.0\.1:7412 auth=password:default:… .*⇒ .*open handler=/,
  );
  assert.match(
    lines.at(-1)!,
    /^OK: 9 records replayed, every state agrees; the last is #9, hash [0-9a-f]{16}…$/,
  );
});

replaying('json: a line each, the last one is the verdict', async () => {
  const { code, stdout } = await run(good, '--format', 'json');
  assert.is(code, 0);
  const values = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.is(values.length, history.lines.length + 1);
  assert.equal(values[8]?.effects, [{ type: 'sayHello', params: {} }]);
  assert.match(JSON.stringify(values[8]?.context), '"peer":"127.0.0.1:7412"');
  assert.match(JSON.stringify(values[9]), '{"verdict":{"kind":"ok","records":9,');
});

replaying('--actor, --until and --quiet', async () => {
  assert.is((await run(good, '--actor', handler)).stdout.trimEnd().split('\n').length, 4);
  const until = await run(good, '--until', '4');
  assert.is(until.stdout.trimEnd().split('\n').length, 6);
  assert.match(until.stdout, /up to --until/);
  assert.match((await run(good, '-q', '--until', '2026-01-31T12:00:00.003')).stdout, /^OK: 4 records/);
  assert.match((await run(good, '--quiet')).stdout, /^OK: 9 records.*\n$/);
});

replaying('a record that does not agree is status 1, and shown', async () => {
  // The chain is whole: what is wrong is what the machine is said to have done.
  const lying = new History('one');
  lying.handle();
  lying.tell(handler, { type: 'dialled', peer: 'x' });
  lying.lie(handler, { type: 'hello-taken' }, 'binary');
  const { code, stdout } = await run(lying.write(path.join(place.dir, 'lying')), '-q');
  assert.is(code, 1);
  assert.match(
    stdout,
    /^DISAGREES: record 10, handler:3f2a91bc3f2a91bc, event hello-taken: .*'binary'.*'authenticated'/,
  );
  assert.match(stdout, /the record says +binary \(state/);
  assert.match(stdout, /the machine says +authenticated \(state/);
});

replaying('a damaged log is status 2, with the number of the record', async () => {
  const changed = doctored('changed', 4, (line) =>
    line.replace('127.0.0.1', '127.0.0.9').replace('HELLO', 'HELLA'),
  );
  const { code, stdout } = await run(changed, '-q');
  assert.is(code, 2);
  assert.match(stdout, /^DAMAGED: record 4: its hash does not fit/);
  assert.match(
    (
      await run(
        doctored('gone', 4, () => '{}'),
        '-q',
      )
    ).stdout,
    /^DAMAGED: record 4: it has no field/,
  );
});

replaying('what is no log, and wrong usage, is status 2', async () => {
  const nowhere = await run(path.join(place.dir, 'nowhere'));
  assert.is(nowhere.code, 2);
  assert.match(nowhere.stderr, /nowhere/);
  for (const args of [
    [],
    ['a', 'b', 'c'],
    [good, '--format', 'pdf'],
    [good, '--until', 'soon'],
    [good, '--step', '-q'],
  ]) {
    assert.is((await run(...args)).code, 2, args.join(' '));
  }
});

replaying('a torn end is no damage, and told', async () => {
  const torn = doctored('torn', 1, (line) => line);
  fs.appendFileSync(path.join(torn, '00000001.ndjson'), '{"seq":10,"ti');
  const { code, stderr } = await run(torn, '-q');
  assert.is(code, 0);
  assert.match(stderr, /13 bytes of one that was not completed/);
});

replaying('times may be cut short; of --until the whole of it counts', () => {
  assert.is(parseUntil('17'), 17);
  assert.is(parseTime('2026-01-31', '--since', 'begin'), '2026-01-31T00:00:00.000000Z');
  assert.is(parseTime('2026-01-31 12:30', '--until', 'end'), '2026-01-31T12:30:59.999999Z');
  assert.is(parseTime('2026-01-31T12:30:05Z', '--until', 'end'), '2026-01-31T12:30:05.999999Z');
  assert.is(parseTime('2026-01-31T12:30:05', '--since', 'begin'), '2026-01-31T12:30:05.000000Z');
  assert.is(parseTime('2026-01-31T12:30:05.25Z', '--until', 'end'), '2026-01-31T12:30:05.259999Z');
  for (const text of ['', 'x', '2026', '2026-13-01', '2026-01-31T25:00', '12:00']) {
    assert.throws(() => parseTime(text, '--since', 'begin'), /takes a time in UTC/, text);
  }
});

replaying('values in a few words', () => {
  const text = describeFields({
    type: 'x',
    jitter: 0.3,
    why: 'it broke',
    nothing: null,
    list: [1, 2, 3, 4, 5, 6],
    args: { remote: { kind: 'peer', name: 'home' }, auth: { kind: 'password', identity: 'a', secret: 's' } },
    role: { role: 'PROXY', multicast: false },
    device: { kind: 'tap', ifname: 'vm0', mtu: 1400 },
    deep: { a: { b: { c: { d: 1 } } } },
  });
  assert.is(
    text,
    'why="it broke" list=1,2,3,4,+2 remote=peer:home auth=password:a:… role=PROXY:multicast=off device=tap:vm0?mtu=1400 deep={a={b={c={…}}}}',
  );
  assert.is(describeFields({ text: 'abcdefgh' }, 10), 'text=abcd…');
});

replaying('what changed in a context', () => {
  const before = { a: 1, list: [1], inner: { x: 1, y: 2 }, gone: true };
  const after = { a: 1, list: [1, 2], inner: { x: 1, y: 3 }, fresh: null };
  assert.equal(changes(before, after).map(changeText), [
    'list: [1] → [1,2]',
    'inner.y: 2 → 3',
    'fresh: (none) → null',
    'gone: true → (none)',
  ]);
  assert.equal(changes(before, before), []);
});

replaying('steps go forward and back', () => {
  const cursor = new StepCursor(() => single(openSource(good), {}));
  assert.match(move(cursor, 'n').text, /^\n#1 {2}/);
  assert.match(move(cursor, 'p').text, /this is the first/);
  assert.match(
    move(cursor, '8').text,
    /#8 .*\n {2}state {4}unauthenticated → unauthenticated\n {2}event {4}device-open\n/,
  );
  assert.match(move(cursor, '').text, /#9 .*peer: null → "127\.0\.0\.1:7412"/s);
  assert.match(move(cursor, 'n').text, /this is the last/);
  assert.match(move(cursor, 'p').text, /#8 /);
  assert.match(move(cursor, 'g').text, /#1 /);
  assert.match(move(cursor, 'a').text, /#2 .*start/s);
  assert.match(move(cursor, 'a').text, /nothing more of server/);
  assert.is(cursor.current?.record.seq, 2);
  assert.match(move(cursor, '99').text, /no record 99/);
  assert.match(move(cursor, 'G').text, /#9 /);
  assert.match(move(cursor, 'huh').text, /n next/);
  assert.is(move(cursor, 'q').over, true);
  assert.is(cursor.verdicts?.[0]?.verdict.kind, 'ok');
});

replaying('mermaid: what was said, and states with visits counted', async () => {
  const { code, stdout, stderr } = await run(good, '--format', 'mermaid');
  assert.is(code, 0);
  assert.match(stderr, /^OK: 9 records/);
  assert.is(stdout.match(/```/g)?.length, 4);
  assert.match(
    stdout,
    /client->>server: HELLO method=password identity=default\n {2}server-->>client: OK session=c3f/,
  );
  assert.match(stdout, /server->>peer: connects\n {2}peer-->>server: greeting\n {2}server->>peer: HELLO\n/);
  assert.match(stdout, /state "unauthenticated \(1\)" as session_unauthenticated/);
  assert.match(stdout, /session_authenticated --> session_handling : 1/);
});

replaying('an exported actor is played elsewhere', async () => {
  const { near } = twoServers();
  const dir = near.write(path.join(place.dir, 'near'));
  const { log } = await import('../../../tools/vnet/commands/log.ts');
  const terminal = new Terminal();
  assert.is(await log(['export', dir, '--actor', `handler:${HANDLER}`], terminal), 0);
  const file = path.join(place.dir, 'handler.ndjson');
  fs.writeFileSync(file, terminal.stdout);
  assert.match((await run(file, '-q')).stdout, /^OK: 13 records replayed/);
  fs.writeFileSync(file, terminal.stdout.replace('"reason":"silence"', '').replace('silence', 'noise'));
  assert.is((await run(file, '-q')).code, 2);
  fs.writeFileSync(file, 'something else\n');
  assert.match((await run(file)).stderr, /not what `vnet log export` writes/);
});

replaying.run();
