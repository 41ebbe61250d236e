/** Secrets of a real process: where they are not. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDiagnostics } from '../../../io/memory/diagnostics.ts';
import { runCommand } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';
import { describeError } from '../../../tools/vnet/serve/fatal-error.ts';
import { RealServer } from './real-server.ts';

const test = suite('secrets');
const server = new RealServer();
const SECRET = 'hunter2-in-the-clear';

test.before(() => server.start([], { VNET_PASSWORD: SECRET }));
test.after(() => server.close());

test('are on no command line, of the server or of a client', async () => {
  const command = vnet('status', '--server', `tcp://127.0.0.1:${server.ports.get('tcp')}`);
  const { stdout } = await runCommand(command, { env: { VNET_PASSWORD: SECRET } });
  assert.match(stdout, 'real');
  const shown = await runCommand(['ps', '-e', '-ww', '-o', 'args=']);
  assert.not.match(shown.stdout, SECRET);
  for (const name of ['--password', '--secret', '--remote-password']) {
    const refused = await runCommand(vnet('handle', name, SECRET), { anyStatus: true });
    assert.is(refused.status, 2, 'no option takes one');
    assert.not.match(refused.stderr, SECRET);
  }
});

test('are in no answer, no diagnostics and no log', async () => {
  const talk = await server.talk();
  const answers = [
    await talk.last(`HELLO password ${SECRET} ${SECRET} ${SECRET}`),
    await talk.last(`HELLO password "${SECRET}`),
    await talk.last(`HELLO ${SECRET}`),
    await talk.last(`${SECRET}`),
    await talk.last(`HELLO password ${SECRET}`),
    await talk.last(`HANDLE tcp://${SECRET}:x@h password:${SECRET} a b HOST PROXY 52:54:00:00:00:01`),
    await talk.last(`HANDLE tcp://h:1 "password:${SECRET} a b HOST PROXY 52:54:00:00:00:01`),
    await talk.last(`HANDLE tcp://h:1 password:a:b:${SECRET} a b HOST PROXY 52:54:00:00:00:01`),
    await talk.last(`HANDLE peer:none password:${SECRET} a b HOST PROXY 52:54:00:00:00:01`),
    await talk.last(`STATS? ${SECRET}`),
  ];
  talk.socket.end();
  assert.is(answers.filter((line) => line.startsWith('OK')).length, 1);
  for (const line of answers) assert.not.match(line, SECRET);
  assert.not.match(server.program?.stderr ?? '', SECRET);
  assert.not.match(readFileSync(server.path('log/00000001.ndjson'), 'utf8'), SECRET);
});

test('are not in what is said of an error that nobody caught', () => {
  const thrown = [
    new TypeError(`The "secret" argument must be of type string. Received type string ('${SECRET}')`),
    new TypeError(`Received an instance of ${SECRET}`),
    new Error('outer', { cause: new Error(`cannot parse "${SECRET} and "more" of it"`) }),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', secret: SECRET }),
    SECRET,
    { secret: SECRET },
  ];
  const diagnostics = new MemoryDiagnostics();
  for (const error of thrown) diagnostics.error(describeError(error), 'x');
  const said = JSON.stringify(diagnostics.entries);
  assert.not.match(said, SECRET);
  assert.match(said, 'secrets.test');
  assert.match(said, '"code":"ECONNRESET"');
  assert.match(said, 'read ECONNRESET');
});

test('an error that nobody caught ends the process with status 1 and one line', async () => {
  const program = `
    import { standardErrorLog } from './io/diagnostics/standard-error-log.ts';
    import { reportFatalError } from './tools/vnet/serve/fatal-error.ts';
    reportFatalError(standardErrorLog('x'));
    setTimeout(() => { throw new Error('broken by "${SECRET}"'); });
    setInterval(() => {}, 1000);`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
  const ended = await runCommand(node, { anyStatus: true });
  assert.is(ended.status, 1);
  assert.is(ended.stderr.trim().split('\n').length, 1, ended.stderr);
  const line = JSON.parse(ended.stderr) as { level: string; reason: string };
  assert.equal([line.level, line.reason], ['error', 'broken by …']);
});

test.run();
