// runner: waits
/**
 * The disk with the log is really full: a tmpfs of 1 MiB that nobody else sees. Two servers with a TAP each.
 *
 *     near0 (a TAP) ── near, its log on the small tmpfs ══ tcp on loopback ══ far ── far0 (a TAP)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { VNET } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { RealServer } from '../../log/real/server.ts';
import { tapSuite } from '../tap-suite.ts';
import { inOwnMounts } from './own-mounts.ts';

await ensurePrivileges();

const MAC = '52:54:00:00:00:01';
const HANDLE = `HANDLE tcp://127.0.0.1:7401 password:far tap:near0 tap:far0 HOST PROXY ${MAC}`;
const SECOND = 'HANDLE tcp://127.0.0.1:7401 password:far tap:near1 tap:far1 HOST PROXY 52:54:00:00:00:02';
const BEGIN = `BEGIN ${'0123456789abcdef'.repeat(2)} tap:near2 tap:far2 HOST PROXY 52:54:00:00:00:03 offload=on mtu=1500`;

const ip = (words: string) => execFileSync('ip', words.split(' '), { encoding: 'utf8' });

function play(): void {
  const test = tapSuite('full disk');
  const folder = mkdtempSync(join(tmpdir(), 'vnet-full-'));
  const near = new RealServer(join(folder, 'near'));
  const far = new RealServer(join(folder, 'far'));
  const filler = join(near.log, 'filler');
  const state = async (): Promise<string> => {
    const session = await near.session();
    const status = await session.ask('STATUS?');
    session.end();
    return status.find((line) => line.startsWith('STATUS log_state')) ?? '';
  };
  const handlers = async (): Promise<string> => {
    const session = await near.session();
    const list = await session.ask('HANDLERS?');
    session.end();
    return list.join('|');
  };
  const startFar = () =>
    far.start({ args: ['--listen', 'tcp://127.0.0.1:7401', '--password-file', join(folder, 'passwords')] });
  const binary = () =>
    waitUntil(async () => (await handlers()).includes('state=binary'), { what: 'a wire', deadline: 30_000 });

  test.before(async () => {
    ip('link set lo up');
    mkdirSync(near.log, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', near.log]);
    const hash = execFileSync(process.execPath, [VNET, 'passwd'], { input: 'far' });
    writeFileSync(join(folder, 'passwords'), hash, { mode: 0o600 });
    await startFar();
    await near.start();
  });
  test.after(async () => {
    await near.crash();
    await far.crash();
    execFileSync('umount', [near.log]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('HANDLE, BEGIN and CLOSE get 507; Handlers carry and dial again; it heals by itself, and nothing is lost', async () => {
    const [handled = ''] = await near.ask(HANDLE);
    assert.match(handled, /^OK handler=/);
    const id = handled.slice('OK handler='.length);
    ip(`link set near0 down`);
    ip(`link set near0 address ${MAC}`);
    ip('link set near0 up');

    const before = near.records().length;
    assert.throws(() => writeFileSync(filler, Buffer.alloc(2 << 20)), /ENOSPC/);
    await waitUntil(async () => /failing: ENOSPC/.test(await state()), { what: 'a full log' });
    const full = near.records().length;
    for (const line of [SECOND, BEGIN, `CLOSE ${id}`])
      assert.match((await near.ask(line))[0] ?? '', /^ERR 507 log-unavailable /, line);

    const sent = async () => {
      const session = await near.session();
      const stats = await session.ask(`STATS? ${id}`);
      session.end();
      return Number(/tx_frames (\d+)/.exec(stats.join(' '))?.[1]);
    };
    const frames = await sent();
    ip('address replace 10.99.0.1/24 dev near0');
    await waitUntil(
      async () => {
        spawnSync('ping', ['-c1', '-W1', '-b', '10.99.0.255']); // Nobody answers.
        return (await sent()) > frames;
      },
      { what: 'frames that cross' },
    );

    await far.crash();
    await waitUntil(async () => !(await handlers()).includes('state=binary'), { what: 'a broken wire' });
    await startFar();
    await binary();
    assert.is(near.records().length, full, 'nothing of it is in the log yet');

    rmSync(filler);
    await waitUntil(async () => (await state()).includes('ok'), { what: 'a log that is written again' });
    const records = near.records();
    assert.ok(full >= before);
    const restored = records.find(({ event }) => event.type === 'restored');
    assert.match(String(restored?.event.cause), /ENOSPC/);
    assert.is(
      restored?.event.held,
      (restored?.seq ?? 0) - full - 1,
      'what was held stands before it, all of it',
    );
    assert.ok(records.some(({ seq, event }) => seq > full && event.type === 'wire-lost'));
    assert.match((await near.ask(`CLOSE ${id}`))[0] ?? '', /^OK/);
    assert.is(await near.stop(), 0);
    const replay = await near.replay();
    assert.is(replay.status, 0, replay.text);
    assert.not(ip('-o link show').includes('near0'), 'its TAP is gone');
  });
  test.run();
}

if (inOwnMounts(import.meta.url)) play();
