/**
 * The laboratory itself, with a bridge in place of anything of ours:
 *
 *     a [10.7.0.1] ──── sw [br0, DHCP 10.7.0.254] ──── b [10.7.0.2, then by DHCP]
 */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab, missingCommands } from '../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../tools/lab/privilege.ts';
import { CommandError, runCommand } from '../../tools/lab/program.ts';
import {
  askForLease,
  ping,
  sendFrames,
  serveLeases,
  sniff,
  sniffed,
  transfer,
} from '../../tools/lab/traffic.ts';
import { waitUntil } from '../../tools/lab/wait.ts';

await ensurePrivileges();

const test = suite('lab');
let lab: Lab;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('a', 'sw', 'b');
  await lab.addBridge('sw', 'br0', { addresses: ['10.7.0.254/24'] });
  await lab.addCable(
    { ns: 'a', dev: 'eth0', mac: '52:54:00:00:00:0a', addresses: ['10.7.0.1/24', 'fd07::1/64'] },
    { ns: 'sw', dev: 'a', bridge: 'br0' },
  );
  await lab.addCable(
    { ns: 'b', dev: 'eth0', mac: '52:54:00:00:00:0b', addresses: ['10.7.0.2/24', 'fd07::2/64'] },
    { ns: 'sw', dev: 'b', bridge: 'br0' },
  );
});
test.after(() => lab.close());

test('pings and counts', async () => {
  for (const address of ['10.7.0.2', 'fd07::2']) {
    const seen = await ping(lab, 'a', address, { count: 5 });
    assert.equal([seen.sent, seen.received, seen.duplicates], [5, 5, 0], seen.output);
  }
  const lost = await ping(lab, 'a', '10.7.0.77', { count: 1, wait: 1 });
  assert.is(lost.received, 0);
});

test('transfers bytes and digests both ends', async () => {
  const done = await transfer(lab, { from: 'a', to: 'b', address: '10.7.0.2', bytes: 10_000_001 });
  assert.is(done.received.bytes, 10_000_001);
  assert.is(done.received.sha256, done.sent.sha256);
});

test('sends and hears raw frames, tag and all', async () => {
  const frame = `52540000000b52540000000a8100a06488b5${'c0ffee'.repeat(20)}`;
  const ear = await sniff(lab, 'b', 'eth0', '88b5c0ffee');
  await sendFrames(lab, 'a', 'eth0', [frame]);
  await waitUntil(() => sniffed(ear).length > 0, { what: 'the frame' });
  assert.equal(sniffed(ear), [frame]);
  await ear.kill();
});

test('leases an address', async () => {
  const server = await serveLeases(lab, 'sw', {
    dev: 'br0',
    first: '10.7.0.100',
    last: '10.7.0.110',
    router: '10.7.0.254',
  });
  const lease = await askForLease(lab, 'b', 'eth0');
  assert.match(lease.address, /^10\.7\.0\.1\d\d$/);
  assert.is(lease.router, '10.7.0.254');
  assert.is((await ping(lab, 'a', lease.address)).received, 3);
  await server.stop();
});

test('says what went wrong', async () => {
  try {
    await lab.run('a', ['sh', '-c', 'echo sorry >&2; exit 3']);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, CommandError);
    assert.match((error as Error).message, /exit 3` ended with status 3: sorry/);
  }
  assert.equal(missingCommands(['sh', 'no-such-command']), ['no-such-command']);
});

test('takes everything down with it', async () => {
  const other = new Lab();
  await other.addNamespaces('x');
  const program = other.spawn('x', ['sleep', '1000']);
  const name = other.fullName('x');
  assert.match((await runCommand(['ip', 'netns', 'list'])).stdout, name);
  other.close();
  await program.ended;
  assert.not.match((await runCommand(['ip', 'netns', 'list'])).stdout, name);
  assert.not(existsSync(other.folder));
});

test.run();
