// runner: waits
/**
 * A server as an ordinary user: with just CAP_NET_ADMIN and CAP_NET_RAW it does everything, without them it says which
 * one is missing.
 *
 *     server [left, right] ════ other [left, right]      two cables; `server` has TAPs of its own besides
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { type Program, runCommand } from '../../../tools/lab/program.ts';
import { VNET, vnet } from '../../../tools/lab/server.ts';
import { type Answer, talk } from '../../../tools/lab/talk.ts';

await ensurePrivileges();

const NOBODY = 65_534;
const SECRET = 'correct-horse-7';
const WHERE = { host: '127.0.0.1', port: 7412 };
const as = (capabilities: readonly string[]) => {
  const set = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'];
  return ['setpriv', ...user, `--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`];
};
const CAPABLE = await runCommand([...as([]), 'test', '-r', VNET], { anyStatus: true });

const test = suite('least privilege');
const lab = new Lab();
const folder = mkdtempSync(join(tmpdir(), 'vnet-nobody-'));
let program: Program | undefined;
let logs = 0;

/** Starts a server as nobody with these capabilities, in a mount namespace where /dev/net/tun has that mode. */
async function start(capabilities: readonly string[], tunMode = '666'): Promise<string> {
  const log = join(folder, `log${logs++}`);
  mkdirSync(log, { mode: 0o700 });
  chownSync(log, NOBODY, NOBODY);
  const node = join(folder, `tun${logs}`);
  const mount = `mknod ${node} c 10 200 && chmod ${tunMode} ${node} && mount --bind ${node} /dev/net/tun && exec "$@"`;
  const command = vnet(
    'serve',
    '--name',
    'server',
    '--listen',
    `tcp://${WHERE.host}:${WHERE.port}`,
    '--log',
    log,
  );
  program = lab.spawn('server', ['sh', '-c', mount, 'sh', ...as(capabilities), ...command], {
    env: { VNET_PASSWORD: SECRET },
  });
  await program.waitFor(/^READY /m, 20_000);
  return log;
}

async function handle(local: string, remote: string, mac: string): Promise<string> {
  const [, answer] = await ask(
    `HANDLE tcp://${WHERE.host}:${WHERE.port} password:${SECRET} ${local} ${remote} HOST PROXY ${mac}`,
  );
  return answer?.last ?? '';
}

const ask = (...lines: string[]): Promise<Answer[]> =>
  talk(lab, 'server', WHERE, [`HELLO password ${SECRET}`, ...lines]);

function statusOf(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/, 2) as [string, string]));
}
const capabilities = (pid: number) =>
  ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) =>
    Number.parseInt(statusOf(pid)[set] ?? '', 16),
  );
const NET_ADMIN = 1 << 12;
const NET_RAW = 1 << 13;

test.before(async () => {
  chmodSync(folder, 0o755);
  await lab.addNamespaces('server', 'other');
  for (const dev of ['left', 'right']) await lab.addCable({ ns: 'server', dev }, { ns: 'other', dev });
});
test.after.each(async () => {
  await program?.stop();
});
test.after(() => {
  lab.close();
  rmSync(folder, { recursive: true, force: true });
});

const possible = CAPABLE.status === 0 && tapPossible();
if (!possible) {
  console.log(
    `SKIPPED: this needs root, setpriv, TAPs, and files of the program that all may read: ${CAPABLE.stderr}`,
  );
}
const when = possible ? test : test.skip;

when('with CAP_NET_ADMIN and CAP_NET_RAW every kind of device opens', async () => {
  const log = await start(['net_admin', 'net_raw']);
  assert.match(await handle('packet:left', 'tap:vn0', '52:54:00:00:00:01'), /^OK handler=/);
  assert.match(await handle('pcap:right', 'tap:vn1?mtu=1400', '52:54:00:00:00:02'), /^OK handler=/);

  const pid = program?.pid ?? 0;
  assert.match(statusOf(pid).Uid ?? '', `${NOBODY}`);
  assert.equal(
    capabilities(pid),
    [1, 1, 1, 1, 1].map(() => NET_ADMIN | NET_RAW),
  );
  const [child = 0] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number);
  assert.match(readFileSync(`/proc/${child}/cmdline`, 'utf8'), 'pcap');
  assert.equal(
    capabilities(child).slice(0, 3),
    [NET_RAW, NET_RAW, NET_RAW],
    'the child has given CAP_NET_ADMIN up',
  );
  assert.not.match(readFileSync(`/proc/${child}/environ`, 'utf8'), SECRET);

  for (const name of readdirSync(log))
    assert.is(statSync(join(log, name)).mode & 0o077, 0, `${name} is for its owner`);
});

when('without them it runs, and says which one a device needs', async () => {
  await start([]);
  assert.match(
    await handle('packet:left', 'tap:vn5', '52:54:00:00:00:01'),
    /^ERR 403 forbidden .*CAP_NET_RAW/,
  );
  assert.match(await handle('pcap:left', 'tap:vn5', '52:54:00:00:00:01'), /^ERR 403 forbidden .*CAP_NET_RAW/);
  assert.match(
    await handle('tap:vn5', 'packet:left', '52:54:00:00:00:01'),
    /^ERR 403 forbidden .*CAP_NET_ADMIN/,
  );
  const [, status] = await ask('STATUS?');
  assert.match(status?.last ?? '', /^OK/);
});

when('with CAP_NET_RAW alone it captures, and makes no TAP', async () => {
  await start(['net_raw']);
  const far = await handle('packet:left', 'tap:vn5', '52:54:00:00:00:01');
  assert.match(far, /^ERR 502 remote-refused ERR 403 forbidden .*CAP_NET_ADMIN/);
  assert.match(await handle('packet:left', 'packet:right', '52:54:00:00:00:01'), /^OK handler=/);
});

when('where /dev/net/tun is for root alone it says that', async () => {
  await start(['net_admin', 'net_raw'], '600');
  const answer = await handle('tap:vn5', 'packet:left', '52:54:00:00:00:01');
  assert.match(answer, /^ERR 403 forbidden .*\/dev\/net\/tun.*0666/);
  assert.not(await lab.hasLink('server', 'vn5'));
});

test.run();
