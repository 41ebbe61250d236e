/** The example files of the documentation are read as a server reads them, so that they cannot rot. */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '../../../actors/limits.ts';
import { keygen } from '../../../io/auth/certificates.ts';
import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { hashSecretSync } from '../../../io/auth/scrypt.ts';
import { realNetwork } from '../../../io/net/network.ts';
import { parseLine } from '../../../machines/protocol/parse.ts';
import type { SecretRef } from '../../../machines/protocol/types.ts';
import { missingCommands } from '../../../tools/lab/lab.ts';
import { Program, runCommand } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';
import { ConfiguredFiles } from '../../../tools/vnet/serve/files.ts';
import { LimitSettings, readLimits } from '../../../tools/vnet/serve/limits.ts';
import { readServeOptions } from '../../../tools/vnet/serve/options.ts';

const EXAMPLES = fileURLToPath(new URL('../../../docs/examples/', import.meta.url));
const test = suite('example files');
const folder = mkdtempSync(join(tmpdir(), 'vnet-examples-'));
const at = (name: string) => join(folder, name);
let files: ConfiguredFiles;

test.before(async () => {
  cpSync(EXAMPLES, folder, { recursive: true });
  await keygen(folder, 'proxy');
  await keygen(folder, 'lab-client');
  writeFileSync(at('berlin.secret'), 'a-secret\n', { mode: 0o600 });
  const hash = hashSecretSync('a-secret', { ln: 10, r: 8, p: 1 });
  writeFileSync(at('passwords'), `${formatPasswordLine('ann', hash)}\n`, { mode: 0o600 });
  files = new ConfiguredFiles(options(), undefined);
});
test.after(() => rmSync(folder, { recursive: true }));

function options() {
  return readServeOptions({ values: { config: at('vnet.json') }, positionals: [] }, {});
}

test('vnet.json: every option that there is, and limits that are the defaults', () => {
  const { limits, ...read } = options();
  assert.equal(read.listen.length, 3);
  assert.is(read.policy, at('policy.json'));
  assert.equal(Object.keys(limits ?? {}).sort(), Object.keys(LimitSettings.entries).sort());
  assert.equal(readLimits(limits, read), DEFAULT_LIMITS);
});

test('vnet.json: a server starts with it', async () => {
  const probe = await realNetwork().listen('tcp://[::]:0', () => {});
  await probe.close();
  // What another server on this machine may have is taken elsewhere; what it listens on together stays together.
  const text = readFileSync(at('vnet.json'), 'utf8')
    .replaceAll(':7411', `:${new URL(probe.url).port}`)
    .replace('127.0.0.1:9411', '127.0.0.1:0')
    .replace('/run/vnet/socket', at('socket'))
    .replace('/var/lib/vnet/log', at('log'));
  writeFileSync(at('elsewhere.json'), text);
  const server = new Program('vnet serve', vnet('serve', '--config', at('elsewhere.json')));
  const [ready] = await server.waitFor(/^READY .*$/m, 20_000);
  assert.is(ready.split(' ').length, 4);
  assert.is(await server.stop(), 0);
});

test('peers.json and authorized', () => {
  const { peers, tls } = files.credentials;
  assert.equal([...peers.keys()], ['office', 'lab', 'berlin']);
  assert.equal(peers.get('office')?.auth, { method: 'cert' });
  assert.is(tls.serverFingerprints('vnet.example.org', 7411).length, 1);
});

test('policy.json does what its words say', () => {
  const may = (identity: string, text: string, owners: string[] = []) => {
    const line = parseLine(Buffer.from(text), () => 'secret:1' as SecretRef);
    if (line.kind !== 'command') throw new Error(text);
    return (
      files.policy.forbids(identity, line.command, { owners: () => owners, count: () => 0 })?.rule ?? 'may'
    );
  };
  const id = '00112233445566778899aabbccddeeff';
  const begin = (device: string, rate = 'rate=100M bcast-rate=100') =>
    `BEGIN ${id} ${device} vm0 PROXY HOST 52:54:00:00:00:01 offload=on mtu=1500 ${rate}`;
  assert.is(may('local', begin('eth0', 'l2cp=on')), 'may');
  assert.is(may('berlin', begin('tap:vnet7?bridge=br0')), 'may');
  assert.is(may('berlin', begin('tap:vnet7?bridge=br0', '')), 'berlin-vms', 'without rates');
  assert.is(may('berlin', begin('br0')), 'berlin-vms');
  assert.is(may('berlin', `CLOSE ${id}`, ['ann']), 'berlin-vms');
  assert.is(may('ann', `HANDLE peer:office - eth1 vm0 PROXY HOST 52:54:00:00:00:01`), 'may');
  assert.is(may('ann', `HANDLE tls://evil.net cert eth1 vm0 PROXY HOST 52:54:00:00:00:01`), 'dialling');
  assert.is(may('monitor', 'STATUS?'), 'may');
  assert.is(may('monitor', 'WATCH'), 'everybody');
});

test('vnet.service: what it starts, what it may, and that systemd likes it', async () => {
  const unit = readFileSync(at('vnet.service'), 'utf8');
  const setting = (name: string) =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);
  assert.equal(setting('AmbientCapabilities'), ['CAP_NET_ADMIN CAP_NET_RAW']);
  assert.equal(setting('CapabilityBoundingSet'), ['CAP_NET_ADMIN CAP_NET_RAW']);
  const [, verb, ...args] = (setting('ExecStart')[0] ?? '').split(' ');
  assert.is(verb, 'serve');
  assert.equal(args, ['--config', '/etc/vnet/vnet.json']);
  assert.is(
    JSON.parse(readFileSync(at('vnet.json'), 'utf8')).log,
    `/var/lib/${setting('StateDirectory')[0]}/log`,
  );
  if (missingCommands(['systemd-analyze']).length > 0) return;
  const analysed = ['systemd-analyze', 'security', '--offline=true', '--threshold=25', at('vnet.service')];
  const { status, stdout } = await runCommand(analysed, { anyStatus: true });
  const level = /exposure level for vnet\.service: ([\d.]+)/.exec(stdout)?.[1];
  // Older ones know no --offline.
  if (level !== undefined) assert.equal([status, Number(level) <= 2.5], [0, true], `exposure ${level}`);
});

test('a secret that systemd hands over may show its access list as rights of the group', async () => {
  const { chmodSync } = await import('node:fs');
  const { readSecretFile } = await import('../../../io/auth/private-file.ts');
  chmodSync(at('berlin.secret'), 0o440);
  assert.throws(() => readSecretFile(at('berlin.secret')), 'open to others');
  process.env.CREDENTIALS_DIRECTORY = folder;
  try {
    assert.is(readSecretFile(at('berlin.secret')), 'a-secret');
    chmodSync(at('berlin.secret'), 0o444);
    assert.throws(() => readSecretFile(at('berlin.secret')), 'open to others');
  } finally {
    delete process.env.CREDENTIALS_DIRECTORY;
    chmodSync(at('berlin.secret'), 0o600);
  }
});

test('a file of the examples that is broken is refused', () => {
  renameSync(at('peers.json'), at('kept.json'));
  writeFileSync(at('peers.json'), '[{"name": "office"}]');
  assert.throws(() => files.reload(), 'peers.json, [0].url: is missing');
  renameSync(at('kept.json'), at('peers.json'));
  files.reload();
});

test.run();
