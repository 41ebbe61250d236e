/** SIGHUP at a real process: every file is read again, all of them or none. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testCa } from '../../unit/net/test-ca.ts';
import { RealServer } from './real-server.ts';

const test = suite('SIGHUP');
const server = new RealServer();
const policy = (commands: string[]) =>
  server.write('policy.json', JSON.stringify({ rules: [{ name: 'look', identities: ['*'], commands }] }));
const status = async (key: string) => {
  const talk = await server.talk('unix');
  await talk.ask('HELLO local');
  const lines = await talk.ask('STATUS?');
  talk.socket.end();
  return lines.find((line) => line.startsWith(`STATUS ${key} `))?.split(' ')[2];
};
const hello = async (identity: string, secret: string) =>
  (await server.talk()).last(`HELLO password ${identity} ${secret}`);

test.before(async () => {
  await server.key('own');
  const ca = await testCa();
  const { cert, key } = await ca.issue('own', '127.0.0.1', new Date(Date.now() + 10 * 86_400_000));
  server.write('soon.crt', cert);
  server.write('soon.key', key);
  server.write('current.crt', readFileSync(server.path('own.crt'), 'utf8'));
  server.write('current.key', readFileSync(server.path('own.key'), 'utf8'));
  server.write('peers.json', '[]');
  server.write('authorized', '');
  await server.start([
    ...['--cert', server.path('current.crt'), '--key', server.path('current.key')],
    ...['--password-file', server.passwords({ ann: 'old-secret' }), '--policy', policy(['STATUS?'])],
    ...['--peers', server.path('peers.json'), '--authorized', server.path('authorized')],
  ]);
});
test.after(() => server.close());

test('everything that is new counts from then on', async () => {
  const standing = await server.talk();
  assert.match(await standing.last('HELLO password ann old-secret'), /^OK/);
  assert.match(await standing.last('WATCH'), /^ERR 403 forbidden .*\(rule look\)$/);
  const before = await status('certificate');

  server.passwords({ ann: 'new-secret', bob: 'bobs-secret' });
  policy(['STATUS?', 'WATCH', 'DEVICES?']);
  server.write('current.crt', readFileSync(server.path('soon.crt'), 'utf8'));
  server.write('current.key', readFileSync(server.path('soon.key'), 'utf8'));
  const answer = await server.reload();
  assert.is(answer.msg, 'read again');

  assert.match(await hello('ann', 'old-secret'), /^ERR 403 authentication-failed/);
  assert.match(await hello('ann', 'new-secret'), /^OK/);
  assert.match(await hello('bob', 'bobs-secret'), /^OK/);
  assert.is(await standing.last('WATCH'), 'OK', 'the session stands, and the new policy counts for it');
  standing.socket.end();
  assert.is.not(await status('certificate'), before);
});

test('a certificate that ends soon is warned of, and STATUS? shows when', async () => {
  const warned = server.said.find(({ msg }) => msg === 'a certificate expires soon');
  assert.equal([warned?.level, warned?.certificate, warned?.days], ['warn', 'own', 9]);
  assert.is(await status('certificate_days_left'), '9');
  assert.match((await status('certificate_expires')) ?? '', /^20\d\d-\d\d-\d\dT/);
});

for (const [what, file, broken] of [
  ['policy', 'policy.json', '{"rules": [{"name": "x", "identities": ["*"], "macs": ["nonsense"]}]}'],
  ['password file', 'passwords', 'carol:hunter2\n'],
  ['peers', 'peers.json', 'hunter2'],
  ['authorized', 'authorized', 'hunter2 hunter2 hunter2\n'],
  ['certificate', 'current.crt', 'hunter2'],
] as const) {
  test(`a broken ${what} is refused whole, and with it what is new in the others`, async () => {
    const good = readFileSync(server.path(file), 'utf8');
    const passwords = readFileSync(server.path('passwords'), 'utf8');
    server.passwords({ mallory: 'no-secret' });
    server.write(file, broken);
    const answer = await server.reload();
    assert.equal([answer.level, answer.msg], ['error', 'not read again; what was read before stays']);
    assert.match(String(answer.error), file === 'current.crt' ? 'current.crt' : file);
    assert.not.match(JSON.stringify(answer), 'hunter2', 'what stands in the file is not repeated');
    assert.match(await hello('mallory', 'no-secret'), /^ERR 403/);
    server.write(file, good);
    server.write('passwords', passwords);
    assert.is((await server.reload()).msg, 'read again');
    assert.match(await hello('bob', 'bobs-secret'), /^OK/);
  });
}

test('both are on record', () => {
  const log = readFileSync(server.path('log/00000001.ndjson'), 'utf8');
  for (const secret of ['hunter2', 'old-secret', 'new-secret', '$scrypt']) assert.not.match(log, secret);
  const events = log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { actor: string; event: { type: string } })
    .filter(({ actor }) => actor === 'server')
    .map(({ event }) => event.type);
  assert.is(events.filter((type) => type === 'reloaded').length, 6);
  assert.is(events.filter((type) => type === 'reload-refused').length, 5);
});

test.run();
