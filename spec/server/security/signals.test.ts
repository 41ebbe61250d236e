/** Signals at a real server: none opens a debugger, none but SIGTERM and SIGINT ends it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VNET } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

const test = suite('signals');
const dir = mkdtempSync(join(tmpdir(), 'vnet-signals-'));
test.after(() => rmSync(dir, { recursive: true, force: true }));

function start(name: string) {
  const at = join(dir, name);
  const child = spawn(
    process.execPath,
    [VNET, 'serve', '--name', name, '--listen', `unix://${at}.sock`, '--log', `${at}-log`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return { child, said, ended: once(child, 'exit') as Promise<[number | null, string | null]> };
}

/** Ports that sockets of this process listen on, by /proc. */
function listens(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch (error) {
        // Closed since it was listed.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9]))
      .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)),
  );
}

test('SIGUSR1 opens no debugger, SIGUSR2 ends nothing, both are told of', async () => {
  const { child, said, ended } = start('standing');
  await waitUntil(() => said.out.includes('READY'), { what: 'READY' });
  child.kill('SIGUSR1');
  child.kill('SIGUSR2');
  await waitUntil(() => /SIGUSR1/.test(said.err) && /SIGUSR2/.test(said.err), { what: 'a line for each' });
  assert.equal(listens(child.pid ?? 0), []);
  child.kill('SIGHUP');
  child.kill('SIGTERM');
  assert.equal(await ended, [0, null]);
  assert.not.match(said.err, 'Debugger listening');
});

test('SIGHUP, SIGUSR1 and SIGUSR2 while it starts do not end it', async () => {
  const { child, said, ended } = start('starting');
  // From the moment on at which Node runs our code; before that nothing of ours can decide.
  await waitUntil(() => catches(child.pid ?? 0), { what: 'the signals to be taken', every: 1 });
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) child.kill(signal);
  await waitUntil(() => said.out.includes('READY'), { what: 'READY' });
  assert.equal(listens(child.pid ?? 0), []);
  child.kill('SIGTERM');
  assert.equal(await ended, [0, null]);
});

/** Whether SIGHUP is caught, which is the first that we take. */
function catches(pid: number): boolean {
  const mask = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) & 1n) === 1n;
}

test.run();
