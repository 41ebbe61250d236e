/**
 * Twelve ways of losing a frame, each found by somebody who knows only `vnet trace`, `vnet drops` and `vnet doctor`.
 *
 *     vm [eth0] ── [vm0] near ══ TCP ══ far [lan0] ── [eth0] lan
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { farRemote, newLab, newServers } from '../../../tools/bench/variants.ts';
import type { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, type VnetServer } from '../../../tools/lab/server.ts';
import { sendFrames } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const VM = '52:54:00:00:00:50';
const LAN = '52:54:00:00:00:60';
const STRANGE = '52:54:00:00:00:77';
const FAR_URL = 'tcp://10.99.0.2:7411';

const test = suite('why a frame did not arrive');
let lab: Lab;
let near: VnetServer;
let far: VnetServer;
let id = '';

test.before(async () => {
  lab = await newLab();
  await lab.addNamespaces('vm', 'lan');
  await lab.addCable({ ns: 'vm', dev: 'eth0', mac: VM, mtu: 9000 }, { ns: 'near', dev: 'vm0', mtu: 9000 });
  await lab.addCable({ ns: 'lan', dev: 'eth0', mac: LAN }, { ns: 'far', dev: 'lan0' });
  // A second LAN, on this side.
  await lab.addCable({ ns: 'lan', dev: 'eth1' }, { ns: 'near', dev: 'lan1' });
  [near, far] = await newServers(lab, 'tcp');
});
test.after(() => lab?.close());
test.after.each(async () => {
  const ids = new Set((await near.handlers()).map((handler) => handler.id));
  for (const one of ids) await near.must(`CLOSE ${one}`);
});

async function handle(roles = 'HOST PROXY', macs = VM, options = ''): Promise<void> {
  id = await near.handle(
    `${farRemote(far, 'tcp', SECRET)} packet:vm0 packet:lan0 ${roles} ${macs} ${options}`.trim(),
  );
}

/** What the command prints, with the exit status that it is to have. */
async function says(status: number, args: readonly string[], server = near): Promise<string> {
  const done = await server.client(args, { anyStatus: true });
  assert.is(done.status, status, `${args.join(' ')}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

const FAR = ['--far', FAR_URL, '--far-allow-plaintext'];
const words = (text: string) => text.split(' ');
const question = (source: string, rest = 'to broadcast arp who-has 10.88.0.2') => words(`${source} ${rest}`);

/** Frames from the VM's own card. */
const send = (frame: string, count = 1): Promise<void> =>
  sendFrames(lab, 'vm', 'eth0', [frame.replaceAll(/[: ]/g, '')], count);
const bytes = (count: number) => '00'.repeat(count);

/** Waits until `vnet drops` tells of it, then looks at what it says. */
async function drop(reason: RegExp, server = near, again?: () => Promise<void>): Promise<string> {
  let text = '';
  await waitUntil(
    async () => {
      await again?.();
      text = await says(0, ['drops', id], server);
      return reason.test(text);
    },
    { what: `a drop ${reason}\n${text}`, every: 200 },
  );
  return text;
}

test('a frame that gets there, and its answer', async () => {
  await handle();
  const text = await says(0, ['trace', 'vm0', ...question(VM), ...FAR, '--both']);
  assert.match(
    text,
    /there\n {2}tcp:\/\/127\.0\.0\.1:7412: read on vm0, Handler [0-9a-f]{8}…: carried to tcp:\/\/10\.99\.0\.2:7411/,
  );
  assert.match(text, /over the wire, Handler [0-9a-f]{8}…: carried to packet:lan0/);
  assert.match(text, /and back\n[\s\S]*carried to packet:vm0[\s\S]*It gets there\.\n$/);
});

test('1. a wrong MAC address in HANDLE', async () => {
  await handle('HOST PROXY', STRANGE);
  const text = await says(1, ['trace', 'vm0', ...question(VM), ...FAR]);
  assert.match(text, `HOST carries only what comes from its MAC addresses (${STRANGE}); the source is ${VM}`);
});

test('2. the roles the wrong way round', async () => {
  await handle('PROXY HOST');
  const text = await says(1, ['trace', 'vm0', ...question(VM), ...FAR]);
  assert.match(
    text,
    `PROXY carries only what comes from others than its VMs; the source is ${VM}, one of them`,
  );
});

test('3. a source that the other end may not use', async () => {
  await handle();
  const text = await says(1, ['trace', id, ...question(STRANGE)], far);
  assert.match(text, `DROPPED, spoofed (counted rx_dropped_spoofed)`);
  assert.match(
    text,
    `PROXY takes from the other end only what comes from its MAC addresses (${VM}); the source is ${STRANGE}`,
  );
});

test('4. a frame that has gone round', async () => {
  await handle();
  const text = await says(1, ['trace', id, ...question(VM)]);
  assert.match(
    text,
    `the source ${VM} is a VM of a HOST Handler on this very device: the frame has gone round`,
  );
});

test('5. an MTU that differs', async () => {
  await handle();
  const long = words(`${VM} to ${LAN} ip bytes 4000`);
  assert.match(
    await says(1, ['trace', 'vm0', ...long, ...FAR]),
    "4000 bytes do not fit the MTU 1500 of the other end's device (1514 bytes with header)",
  );
  await send(`${LAN} ${VM} 0800 ${bytes(3986)}`);
  await drop(/tx too-big .*4000 bytes/);
  const doctor = await says(1, ['doctor', ...FAR]);
  assert.match(
    doctor,
    /the device here has MTU 9000, the one there 1500: longer frames than 1500 are dropped \(too-big\)/,
  );
});

test('6. a VLAN at full length, where the interface cannot take it', async () => {
  await handle();
  const tagged = words(`${VM} to ${LAN} vlan 7 ip bytes 1519`);
  assert.match(await says(1, ['trace', 'vm0', ...tagged, ...FAR]), 'DROPPED, too-big');
  assert.match(
    await says(0, ['trace', 'vm0', ...words(`${VM} to ${LAN} vlan 7 ip bytes 1518`), ...FAR]),
    'It gets there.',
  );
});

test('7. a cap that is used up', async () => {
  await handle('HOST PROXY', VM, 'bcast-rate=1');
  await send(`ffffffffffff ${VM} 0806 ${bytes(46)}`, 200);
  await drop(/tx rate .*arp/);
  assert.match(
    await says(1, ['doctor']),
    /frames dropped, tx rate: they are over rate= or bcast-rate= of the Handler/,
  );
});

test('8. a wire that takes nothing, beside another one that does', async () => {
  await handle();
  const own = `tcp://127.0.0.1:7412 password:${SECRET} packet:vm0 packet:lan1`;
  await near.handle(`${own} HOST PROXY ${STRANGE}`);
  far.program?.signal('SIGSTOP');
  try {
    await drop(/tx queue-full/, near, () => send(`${LAN} ${VM} 0800 ${bytes(1486)}`, 4_000));
    assert.match(
      await says(1, ['doctor']),
      /tx queue-full: the wire, or the device, is slower than what comes/,
    );
  } finally {
    far.program?.signal('SIGCONT');
  }
});

test("9. the kernel's queue, while the server cannot read", async () => {
  await handle();
  near.program?.signal('SIGSTOP');
  try {
    await send(`${LAN} ${VM} 0800 ${bytes(1486)}`, 60_000);
  } finally {
    near.program?.signal('SIGCONT');
  }
  assert.match(
    await says(1, ['doctor']),
    /the kernel's queue lost \d+ frames before this server could read them/,
  );
});

test('10. a device that is down', async () => {
  await handle();
  await lab.ip('far', 'link set dev lan0 down');
  try {
    const text = await says(1, ['trace', 'vm0', ...question(VM), ...FAR]);
    assert.match(text, 'DROPPED, device-refused (counted rx_dropped_device-refused)');
    await drop(/rx device-refused/, far, () => send(`ffffffffffff ${VM} 0806 ${bytes(46)}`));
    assert.match(await says(1, ['doctor', ...FAR]), /lan0 is down: ip link set dev lan0 up/);
  } finally {
    await lab.ip('far', 'link set dev lan0 up');
  }
});

test('11. no wire', async () => {
  await handle();
  await far.crash();
  await near.waitForHandlers(['unauthenticated']);
  try {
    assert.match(await says(1, ['trace', 'vm0', ...question(VM)]), 'the Handler has no wire now');
    await drop(/tx no-carrier .*arp/, near, () => send(`ffffffffffff ${VM} 0806 ${bytes(46)}`));
    assert.match(
      await says(1, ['doctor']),
      /no wire: it dials, or waits to dial again; is the other server there\?/,
    );
    assert.is((await near.client(['ping', id], { anyStatus: true })).status, 2);
  } finally {
    await far.start();
    await near.waitForHandlers(['binary'], 20_000);
  }
  assert.match(await says(0, ['ping', id, '-c', '2']), /2 of 2 came back; shortest/);
});

test('12. a super-frame that cannot be cut', async () => {
  await handle();
  // A virtio header that says TCP segments of a frame that is none, as only a peer can send it: here through BEGIN.
  await sendBadOffload();
  const text = await drop(/rx bad-offload/, far);
  assert.match(text, /rx bad-offload +52:54:00:00:00:50 > 52:54:00:00:00:60/);
});

/** Takes the Handler over with BEGIN, as its initiator would, and sends one OFFLOAD record. */
async function sendBadOffload(): Promise<void> {
  const program = `
import socket, struct, sys
s = socket.create_connection(('10.99.0.2', 7411)); f = s.makefile('rwb')
def say(line):
    f.write(line.encode() + b'\\n'); f.flush(); answer = f.readline().decode()
    if not answer.startswith('OK'): sys.exit(answer)
f.readline()
say('HELLO password ${SECRET}')
say('BEGIN ${id} packet:lan0 packet:vm0 PROXY HOST ${VM} offload=on mtu=9000')
frame = bytes.fromhex('${(LAN + VM).replaceAll(':', '')}0800' + '00' * 200)
payload = struct.pack('<BBHHHHH', 1, 1, 54, 100, 34, 16, 0) + frame
f.write(struct.pack('>I', (1 << 24) | len(payload)) + payload + bytes([2, 0, 0, 8]) + b'12345678'); f.flush()
f.read(12)
`;
  await lab.run('near', ['python3', '-c', program]);
}

test('the bundle has all of it, and no secret', async () => {
  await handle();
  const file = join(lab.folder, 'bundle-12:00.tar.gz');
  await says(1, ['doctor', ...FAR, '--bundle', file, '--log', near.logFolder]);
  assert.ok(existsSync(file));
  const listed = execFileSync('tar', ['--force-local', '-tzf', file], { encoding: 'utf8' });
  for (const name of [
    'checks.txt',
    'near-status.txt',
    'far-drops.txt',
    `near-stats-${id}.txt`,
    'records.ndjson',
  ])
    assert.match(listed, name);
  const text = execFileSync('tar', ['--force-local', '-xOzf', file], { encoding: 'utf8' });
  assert.match(text, /"machine":"initiator"/);
  assert.not.match(text, SECRET);
  const nowhere = await near.client(['doctor', '--bundle', '/proc/none/x.tar.gz'], { anyStatus: true });
  assert.is(nowhere.status, 2);
  assert.match(nowhere.stderr, '/proc/none/x.tar.gz');
});

test.run();
