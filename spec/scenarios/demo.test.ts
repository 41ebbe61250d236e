/** `vnet demo` as a user starts it: to its end, and broken off by ^C. The topology is drawn in tools/vnet/demo/network.ts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../tools/lab/privilege.ts';
import { Program, runCommand } from '../../tools/lab/program.ts';
import { vnet } from '../../tools/lab/server.ts';

await ensurePrivileges();

const test = suite('demo');

/** Namespaces of this very process, by its prefix. */
async function namespacesOf(pid: number | undefined): Promise<string[]> {
  const { stdout } = await runCommand(['ip', 'netns', 'list']);
  return stdout.split('\n').filter((name) => name.startsWith(`vn${pid?.toString(36)}.`));
}

test('comes to its end, all as it should be, and leaves nothing', async () => {
  const demo = new Program('demo', vnet('demo'));
  await demo.ended;
  assert.is(demo.status, 0, demo.tail(4000));
  assert.match(demo.stdout, 'crossed with equal SHA-256');
  assert.match(demo.stdout, /All as it should be/);
  assert.equal(await namespacesOf(demo.pid), []);
});

test('^C in the middle cleans up', async () => {
  const demo = new Program('demo', vnet('demo'));
  await demo.waitFor(/vnet serve/);
  assert.is.not((await namespacesOf(demo.pid)).length, 0);
  demo.signal('SIGINT');
  await demo.ended;
  assert.is(demo.status, 130);
  assert.equal(await namespacesOf(demo.pid), []);
});

test('says what it does not understand', async () => {
  const wrong = await runCommand(vnet('demo', '--keeep'), { anyStatus: true });
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /unknown option '--keeep' \(Did you mean --keep\?\)/);
});

test.run();
