// runner: waits
/**
 * kill -9 in the middle of work, again and again: the server comes back with the Handlers that it should have, leaves
 * no TAP and no child process behind, touches nothing of the user's, and its log can be replayed.
 *
 *     tap:n0 … tap:n2, pcap:user0 ── near, killed ══ tcp on loopback ══ far ── tap:f0 … tap:f3
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SeededChance } from '../../../io/memory/chance.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { VNET } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { RealServer } from '../../log/real/server.ts';
import { tapSuite } from '../tap-suite.ts';
import { inOwnMounts } from './own-mounts.ts';

await ensurePrivileges();

const KILLS = 3;
const DEVICES = ['tap:n0', 'tap:n1', 'tap:n2', 'pcap:user0'];
const ip = (words: string) => execFileSync('ip', words.split(' '), { encoding: 'utf8' });
const interfaces = () => [...ip('-o link show').matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name ?? '');

/** Processes of this network namespace that have this text in their command line: other test files run beside this one. */
function processesWith(text: string): string[] {
  const here = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      if (readlinkSync(`/proc/${pid}/ns/net`) !== here) return false;
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false; // It has ended meanwhile.
    }
  });
}

function play(): void {
  const test = tapSuite('kill -9 in the middle of work');
  const folder = mkdtempSync(join(tmpdir(), 'vnet-kill-'));
  const near = new RealServer(join(folder, 'near'));
  const far = new RealServer(join(folder, 'far'));
  const chance = new SeededChance(11);
  const handleLine = (index: number) =>
    `HANDLE tcp://127.0.0.1:7401 password:far ${DEVICES[index]} tap:f${index} HOST PROXY 52:54:00:00:00:0${index}`;
  const list = async (): Promise<string[]> => {
    const session = await near.session();
    const lines = await session.ask('HANDLERS?');
    session.end();
    return lines.slice(0, -1);
  };
  const idOf = (line: string) => line.split(' ')[1] ?? '';

  test.before(async () => {
    ip('link set lo up');
    ip('link add user0 type veth peer name user1');
    for (const name of ['user0', 'user1']) ip(`link set ${name} up`);
    ip('tuntap add mine0 mode tap');
    const hash = execFileSync(process.execPath, [VNET, 'passwd'], { input: 'far' });
    writeFileSync(join(folder, 'passwords'), hash, { mode: 0o600 });
    const listen = ['--listen', 'tcp://127.0.0.1:7401', '--password-file', join(folder, 'passwords')];
    await far.start({ args: listen });
  });
  test.after(async () => {
    await near.crash();
    await far.crash();
    rmSync(folder, { recursive: true, force: true });
  });

  for (let kill = 1; kill <= KILLS; kill++) {
    test(`kill ${kill} of ${KILLS}`, async () => {
      await near.start();
      const [busy, other] = [await near.session(), await near.session()];
      for (const session of [busy, other]) session.link.on('error', () => undefined);
      for (const line of await list()) if (chance.fraction() < 0.4) busy.say(`CLOSE ${idOf(line)}`);
      for (const index of DEVICES.keys()) (index % 2 ? busy : other).say(handleLine(index));
      await new Promise((resolve) => setTimeout(resolve, chance.below(400)));
      await near.crash();

      await near.start();
      // What HANDLE had not brought to its end ends by itself; the rest stands again.
      await waitUntil(async () => (await list()).every((line) => line.includes('state=binary')), {
        what: 'every Handler to stand',
        deadline: 30_000,
      });
      const used = (await list()).map((line) => /local_device=(\S+)/.exec(line)?.[1] ?? '');
      const wanted = used.filter((device) => device.startsWith('tap:')).map((device) => device.slice(4));
      const taps = interfaces().filter((name) => /^n\d$/.test(name));
      assert.equal(taps.sort(), wanted.sort(), 'TAPs');
      for (const name of ['user0', 'user1', 'mine0']) assert.ok(interfaces().includes(name), name);
      const children = processesWith('pcap/child').length;
      assert.is(children, used.includes('pcap:user0') ? 1 : 0, 'child processes');
      assert.is(near.program?.running, true);
      await near.crash();
      await waitUntil(() => processesWith('pcap/child').length === 0, { what: 'no child to be left' });
      const { status, text } = await near.replay();
      assert.is(status, 0, text);
    });
  }

  test('closed in good order, nothing is left', async () => {
    await near.start();
    for (const line of await list()) assert.match((await near.ask(`CLOSE ${idOf(line)}`))[0] ?? '', /^OK/);
    await waitUntil(() => !interfaces().some((name) => /^n\d$/.test(name)), { what: 'no TAP to be left' });
    assert.is(await near.stop(), 0);
    assert.is((await near.replay()).status, 0);
  });
  test.run();
}

if (inOwnMounts(import.meta.url)) play();
