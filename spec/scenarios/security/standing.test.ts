// runner: waits
/**
 * Who may speak to whom over a network that is not loopback, and what a reload does to what stands.
 *
 *     vm [eth0] ── [vm0] near [net 10.98.0.1] ════ [net 10.98.0.2] far [lan0] ── [eth0] lan
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keygen } from '../../../io/auth/certificates.ts';
import { Lab, missingCommands } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { answersIn, talk } from '../../../tools/lab/talk.ts';
import { ping } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const VM = '52:54:00:00:00:50';
const FAR = '10.98.0.2';
const ENDS = `vm0 lan0 HOST PROXY ${VM}`;
const test = suite('over a network');
const lab = new Lab();
const near = new VnetServer(lab, { ns: 'near', name: 'near', listen: 'tls://10.98.0.1:7411' });
const far = new VnetServer(lab, {
  ns: 'far',
  name: 'far',
  listen: `tls://${FAR}:7411`,
  args: ['--listen', `tcp://${FAR}:7410`],
});

test.before(async () => {
  await lab.addNamespaces('vm', 'near', 'far', 'lan');
  const net = (ns: string, address: string) => ({ ns, dev: 'net', addresses: [address] });
  await lab.addCable(net('near', '10.98.0.1/24'), net('far', `${FAR}/24`));
  await lab.addCable(
    { ns: 'vm', dev: 'eth0', mac: VM, addresses: ['192.168.51.1/24'] },
    { ns: 'near', dev: 'vm0' },
  );
  await lab.addCable({ ns: 'lan', dev: 'eth0', addresses: ['192.168.51.2/24'] }, { ns: 'far', dev: 'lan0' });
  await Promise.all([near.makeKey(), far.makeKey()]);
  far.authorize(near);
  await Promise.all([near.start(), far.start()]);
});
test.after(async () => {
  try {
    for (const server of [near, far]) await server.stop();
    for (const server of [near, far]) assert.is((await server.replay()).status, 0);
  } finally {
    lab.close();
  }
});

const handle = async (remote: string): Promise<string> =>
  (await near.ask(`HANDLE ${remote} ${ENDS}`))[0]?.last ?? '';

test('a plain listener offers no password to other machines, and takes none', async () => {
  const greeted = await lab.run('near', ['nc', '-N', FAR, '7410'], { input: 'DONE\n', anyStatus: true });
  assert.equal(
    answersIn(greeted.stdout).map(({ last }) => last),
    ['OK VNET/1 server=far auth= features=wires,notes', 'OK'],
  );
  const where = { host: FAR, port: 7410 };
  const [password, cert] = await talk(lab, 'near', where, [`HELLO password ${SECRET}`, 'HELLO cert']);
  assert.match(password?.last ?? '', /^ERR 403 tls-required /);
  assert.match(cert?.last ?? '', /^ERR 403 tls-required /);
  assert.match(
    far.program?.stderr ?? '',
    'passwords are not taken here from other machines',
    'and said so at start',
  );
});

test('the example of a rule before the server is one that nft takes', async () => {
  if (missingCommands(['nft']).length > 0) return;
  const rules = fileURLToPath(new URL('../../../docs/examples/flood.nft', import.meta.url));
  await lab.run('near', ['nft', '--check', '-f', rules]);
});

test('a server sends no password there either', async () => {
  const sessions = () => far.records().filter(({ event }) => event.type === 'HELLO').length;
  const before = sessions();
  assert.match(await handle(`tcp://${FAR}:7410 password:${SECRET}`), /^ERR 403 tls-required .*tls:\/\//);
  assert.is(sessions(), before);
});

test('a server whose certificate is another one gets nothing', async () => {
  const wrong = `tls://${FAR}:7411?pin=sha256:${'0'.repeat(64)}`;
  assert.match(await handle(`${wrong} password:${SECRET}`), /^ERR 502 remote-untrusted .*pin/);
  assert.match(
    await handle(`tls://${FAR}:7411 password:${SECRET}`),
    /^ERR 502 remote-untrusted .*nothing here vouches/,
  );
});

test('a right certificate opens a Handler, and a reload of everything leaves it as it is', async () => {
  const id = await near.handle(`tls://${FAR}:7411?pin=${far.fingerprint} cert ${ENDS}`);
  const reached = async () => (await ping(lab, 'vm', '192.168.51.2', { count: 1, wait: 1 })).received === 1;
  await waitUntil(reached, { what: 'the LAN to be reached' });
  const steps = (server: VnetServer) =>
    server.records().filter(({ actor }) => actor === `handler:${id}`).length;
  const before = [steps(near), steps(far), (await near.handlers())[0]?.since];
  const session = lab.spawn('far', ['nc', '-N', '127.0.0.1', '7412']);
  session.type(`HELLO password ${SECRET}\n`);
  await session.waitFor(/^OK session/m);

  const old = far.fingerprint;
  const fresh = await keygen(join(lab.folder, 'fresh'), 'far');
  for (const kind of ['crt', 'key']) {
    writeFileSync(join(far.keys, `far.${kind}`), readFileSync(join(lab.folder, 'fresh', `far.${kind}`)));
  }
  // Nobody is authorized any more: that counts for those who come, not for the Handler that stands.
  writeFileSync(join(far.keys, 'authorized'), '');
  far.program?.signal('SIGHUP');
  await far.program?.waitFor(/"msg":"read again"/, 10_000, 'stderr');

  assert.ok(await reached());
  session.type('STATUS?\n');
  await session.waitFor(new RegExp(`^STATUS certificate ${fresh.fingerprint}`, 'm'));
  assert.equal(
    [steps(near), steps(far), (await near.handlers())[0]?.since],
    before,
    'no transition of the Handler',
  );
  const other = ENDS.replace(VM, '52:54:00:00:00:51');
  const again = async (remote: string) => (await near.ask(`HANDLE ${remote} ${other}`))[0]?.last ?? '';
  assert.match(await again(`tls://${FAR}:7411?pin=${old} cert`), /^ERR 502 remote-untrusted/);
  const unknown = await again(`tls://${FAR}:7411?pin=${fresh.fingerprint} cert`);
  assert.match(unknown, /^ERR 502 remote-refused ERR 403 authentication-failed/);
  await near.must(`CLOSE ${id}`);
  session.endInput();
});

test.run();
