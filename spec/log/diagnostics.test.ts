/** A real server whose standard error or output takes nothing: it goes on, counts what it could not say, and ends well. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { vnet } from '../../tools/lab/server.ts';
import { waitUntil } from '../../tools/lab/wait.ts';
import { RealServer } from './real/server.ts';

const test = suite('diagnostics of a real server');
const folder = mkdtempSync(join(tmpdir(), 'vnet-diagnostics-'));
const running: RealServer[] = [];
let count = 0;

test.after.each(async () => {
  for (const each of running.splice(0)) await each.crash();
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Standard error by a shell: `exec "$@"` behind this. */
async function server(redirection: string, before = ''): Promise<RealServer> {
  const real = new RealServer(join(folder, String(++count)));
  running.push(real);
  return real.start({ prefix: ['sh', '-c', `${before} exec "$@" ${redirection}`, 'sh'] });
}

async function dropped(real: RealServer): Promise<number> {
  const session = await real.session();
  const status = await session.ask('STATUS?');
  session.end();
  return Number(/^STATUS diagnostics_dropped (\d+)$/m.exec(status.join('\n'))?.[1]);
}

/** Has the server say something. */
const provoke = (real: RealServer) => real.program?.signal('SIGUSR2');

async function dropsSome(real: RealServer): Promise<void> {
  assert.ok(real.program?.running, real.program?.tail());
  await waitUntil(
    async () => {
      for (let each = 0; each < 20; each++) {
        provoke(real);
        await new Promise(setImmediate);
      }
      return (await dropped(real)) > 0;
    },
    { what: 'diagnostics that are dropped', deadline: 20_000, every: 20 },
  );
  assert.is(await real.stop(), 0);
}

test('a full disk, a reader that went away and one that does not read: dropped and counted', async () => {
  const nobodyReads = `mkfifo ${folder}/pipe; exec 9<>${folder}/pipe; head -c 65000 /dev/zero >&9;`;
  for (const [redirection, before] of [['2>/dev/full'], ['2>&9', nobodyReads]] as const) {
    await dropsSome(await server(redirection, before));
  }
  const broken = new RealServer(join(folder, 'broken'));
  running.push(broken);
  const words = ['serve', '--listen', `unix://${broken.socket}`, '--log', broken.log];
  const [command = '', ...args] = vnet(...words);
  // Node makes a socket of it, not a pipe.
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await new Promise((ready) => child.stdout.once('data', ready));
    child.stderr.destroy();
    await waitUntil(
      async () => {
        child.kill('SIGUSR2');
        return (await dropped(broken)) > 0;
      },
      { what: 'diagnostics that nobody takes', deadline: 20_000, every: 20 },
    );
    child.kill('SIGTERM');
    assert.is(await new Promise((ended) => child.once('exit', ended)), 0);
  } finally {
    child.kill('SIGKILL');
  }
});

/** Starts a server with another kind of standard error, which it leaves unread or hangs up; hands signals on, and ends as it does. */
const OTHER_ENDS = `
import fcntl, os, pty, signal, subprocess, sys
kind = sys.argv[1]
far, near = os.pipe() if kind == 'pipe' else pty.openpty()
command = sys.argv[2:]
if kind == 'pipe':
  fcntl.fcntl(near, fcntl.F_SETPIPE_SZ, 4096)
  command = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] + command
server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=near)
for name in (signal.SIGUSR2, signal.SIGTERM): signal.signal(name, lambda number, _: server.send_signal(number))
ready = server.stdout.readline()
if kind == 'hung-up': os.close(far)
os.write(1, ready)
sys.exit(server.wait() % 256)`;

for (const kind of ['unread', 'hung-up', 'pipe']) {
  const what = kind === 'pipe' ? 'a pipe of another user that nobody reads' : `a terminal that is ${kind}`;
  test(`${what} is no reason to stop, nor to end with a crash`, async () => {
    const real = new RealServer(join(folder, String(++count)));
    chmodSync(folder, 0o755);
    chmodSync(real.folder, 0o777);
    running.push(real);
    await real.start({ prefix: ['python3', '-c', OTHER_ENDS, kind] });
    await dropsSome(real);
  });
}

test('what stands in a file is whole lines, and nothing is dropped', async () => {
  const file = join(folder, 'stderr');
  const real = await server(`2>>${file}`);
  provoke(real);
  await waitUntil(() => readFileSync(file, 'utf8').includes('SIGUSR2'), { what: 'a line' });
  assert.is(await dropped(real), 0);
  assert.is(await real.stop(), 0);
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) JSON.parse(line);
});

test('READY that cannot be written ends the server with status 1 and a word', async () => {
  for (const redirection of ['>/dev/full', '| true']) {
    const at = join(folder, `ready${++count}`);
    const words = ['serve', '--listen', `unix://${at}.sock`, '--log', at]
      .map((word) => `'${word}'`)
      .join(' ');
    const run = spawnSync(
      'bash',
      ['-c', `set -o pipefail; sleep 0.2; ${vnet().join(' ')} ${words} ${redirection}`],
      {
        encoding: 'utf8',
        timeout: 20_000,
        killSignal: 'SIGKILL',
      },
    );
    assert.is(run.status, 1, `${redirection}: ${run.stderr}`);
    assert.match(run.stderr, /^vnet serve: cannot write: (no space left on device|broken pipe) /m);
    assert.not.match(run.stderr, /fault of the program/);
    const stop = readFileSync(join(at, '00000001.ndjson'), 'utf8').trim().split('\n').at(-1) ?? '';
    assert.is(JSON.parse(stop).event.type, 'stop', 'it ended in good order');
  }
});

test.run();
