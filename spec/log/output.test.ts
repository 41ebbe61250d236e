/** Commands whose standard output takes nothing: no stack trace, and never a status that says all went well. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCommand } from '../../tools/lab/program.ts';
import { vnet } from '../../tools/lab/server.ts';
import { RealServer } from './real/server.ts';

const test = suite('standard output that cannot be written');
const folder = mkdtempSync(join(tmpdir(), 'vnet-output-'));
const real = new RealServer(folder);
const at = ['--server', `unix://${real.socket}`];

test.before(async () => {
  await real.start();
});
test.after(async () => {
  await real.crash();
  rmSync(folder, { recursive: true, force: true });
});

/** `vnet …` (`"$@"`) by a shell, with something around it: a redirection or a pipe. */
async function run(words: readonly string[], script: string) {
  const shell = ['bash', '-c', `set -o pipefail; ${script}`, 'bash', ...vnet(...words)];
  const { status, stderr } = await runCommand(shell, { anyStatus: true, input: 'a secret', timeout: 20_000 });
  assert.not.match(stderr, /^\s+at /m, `${words.join(' ')}: a stack trace`);
  return { status, stderr };
}

const COMMANDS: readonly (readonly string[])[] = [
  ['passwd', 'ann'],
  ['keygen', join(folder, 'keys')],
  ['--help'],
  ['--version'],
  ['serve', '--help'],
  ['log', '--help'],
  ['completions', 'bash'],
  ['status', ...at],
  ['devices', ...at],
  ['watch', ...at],
  ['log', 'show', real.log],
  ['log', 'verify', real.log],
  ['log', 'export', real.log, '--actor', 'server'],
  ['replay', real.log],
  ['replay', real.log, '--format', 'json'],
  ['replay', real.log, '--format', 'html'],
  ['conform', `unix://${real.socket}`, '--list'],
];

for (const words of COMMANDS) {
  test(`a full disk: vnet ${words.slice(0, 2).join(' ')}`, async () => {
    // What is watched has to happen.
    const happens = setInterval(() => void real.ask('NONSENSE'), 200);
    const { status, stderr } = await run(words, '"$@" >/dev/full').finally(() => clearInterval(happens));
    assert.is(status, 1, stderr);
    assert.match(stderr, /^vnet: cannot write: no space left on device \(ENOSPC\)$/m);
  });
}

test('a reader that stops early is no error: quiet, with the status of SIGPIPE', async () => {
  for (const words of [['--help'], ['log', 'show', real.log], ['replay', real.log]]) {
    const { status, stderr } = await run(words, '"$@" | (exec <&-; true)');
    assert.is(status, 141, stderr);
    assert.is(stderr, '');
  }
});

test('an error that cannot be told is an error all the same', async () => {
  assert.is((await run(['nonsense'], '"$@" 2>/dev/full')).status, 2);
  assert.is((await run(['replay', join(folder, 'nothing')], '"$@" >/dev/full 2>/dev/full')).status, 1);
});

test('a key that finds no room leaves nothing behind that would be in the way of the next one', async () => {
  const keys = join(folder, 'no-room');
  const { status, stderr } = await run(['keygen', keys, '--name', 'ann'], 'ulimit -f 0; "$@"');
  assert.is(status, 1);
  assert.match(stderr, /^vnet keygen: .*EFBIG: /);
  assert.equal(readdirSync(keys), []);
  assert.is((await run(['keygen', keys, '--name', 'ann'], '"$@"')).status, 0);
});

test('a file that can take a part only', async () => {
  const html = ['replay', real.log, '--format', 'html'];
  const { status, stderr } = await run(html, `ulimit -f 4; "$@" >'${join(folder, 'page')}'`);
  assert.is(status, 1, stderr);
  assert.match(stderr, /cannot write: file too large \(EFBIG\)/);
});

test.run();
