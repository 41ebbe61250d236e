// runner: waits
/**
 * Links over a line that has a length:
 *
 *     near [10.9.0.1, fd09::1] ══ line with delay ══ [10.9.0.2, fd09::2] far
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_LENGTH } from '../../../io/memory/line.ts';
import { Lab } from '../../../tools/lab/lab.ts';
import { Line } from '../../../tools/lab/line.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import type { Program } from '../../../tools/lab/program.ts';

await ensurePrivileges();

const test = suite('long way');
const END = [process.execPath, ...process.execArgv, fileURLToPath(new URL('wire-end.ts', import.meta.url))];
/** Pieces that one end sends, 10 ms apart. */
const PIECES = 20;
let lab: Lab;
let line: Line;

const run = (ns: string, ...words: string[]): Program =>
  lab.spawn(ns, [...END, ...words], { cwd: process.cwd() });

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('near', 'far');
  line = await Line.lay(
    lab,
    { ns: 'near', dev: 'wan0', addresses: ['10.9.0.1/24', 'fd09::1/64'] },
    { ns: 'far', dev: 'wan0', addresses: ['10.9.0.2/24', 'fd09::2/64'] },
  );
});
test.before.each(() => line.set(NO_LENGTH));
test.after(() => lab.close());

for (const scheme of ['tcp', 'tls'] as const) {
  test(`${scheme}: small writes wait for no acknowledgement, whichever end they come from`, async () => {
    const far = run('far', 'listen', `${scheme}://10.9.0.2:0`);
    const [, url = '', pin = ''] = await far.waitFor(/READY (\S+) (\S+)/);
    await line.set({ delay: 40 });
    const near = run('near', 'dial', url, ...(scheme === 'tls' ? [pin] : []));
    await near.ended;
    const reads = (end: Program) => Number(/READS (\d+)/.exec(end.stdout)?.[1]);
    // Held back, they would come in a batch every 80 ms: three or four.
    for (const end of [near, far]) assert.ok(reads(end) >= PIECES / 2, `${reads(end)} reads\n${end.tail()}`);
    await far.stop();
  });
}

test('a link-local address with its interface is listened on and dialled', async () => {
  const { stdout } = await lab.run('far', ['ip', '-br', 'address', 'show', 'dev', 'wan0']);
  const [address = ''] = /fe80::[0-9a-f:]+/.exec(stdout) ?? [];
  for (const scheme of ['tcp', 'tls']) {
    const far = run('far', 'listen', `${scheme}://[${address}%wan0]:0`);
    const [, url = '', pin = ''] = await far.waitFor(/READY (\S+) (\S+)/);
    const near = run('near', 'dial', url, ...(scheme === 'tls' ? [pin] : []));
    const [, peer] = await near.waitFor(/DIALLED \d+ (\S+)/);
    assert.match(peer ?? '', `[${address}%wan0]:`);
    await near.ended;
    await far.stop();
  }
});

test('a name with several addresses, one of them dead, on a way of 400 ms', async () => {
  const far = run('far', 'listen', 'tcp://[::]:0');
  const [, port] = await far.waitFor(/READY \S+:(\d+) /);
  await line.set({ delay: 200 });
  const hosts = join(lab.folder, 'hosts');
  for (const [addresses, way] of [
    [['10.9.0.2', 'fd09::2'], 'both families answer'],
    [['10.9.0.3', '10.9.0.2'], 'the first is dead'],
    [['10.9.0.2', '10.9.0.3'], 'the last is dead'],
    [['fd09::3', '10.9.0.2'], 'IPv6 is dead'],
    [['fd09::2', '10.9.0.3'], 'IPv4 is dead'],
  ] as const) {
    writeFileSync(hosts, addresses.map((address) => `${address} far.test\n`).join(''));
    const script = 'mount --bind "$1" /etc/hosts; shift; exec "$@"';
    const words = [
      'unshare',
      '-m',
      'sh',
      '-c',
      script,
      'sh',
      hosts,
      ...END,
      'dial',
      `tcp://far.test:${port}`,
    ];
    const near = lab.spawn('near', words, { cwd: process.cwd() });
    const [, took, peer = ''] = await near.waitFor(/DIALLED (\d+) (\S+)/);
    assert.match(peer, /^(?:10\.9\.0\.2|\[fd09::2\]):/, way);
    // One attempt may have to be waited for before the good one: 250 + 400 ms.
    assert.ok(Number(took) < 1_500, `${way}: ${took} ms`);
    await near.ended;
  }
  await far.stop();
});

test.run();
