/**
 * `vnet capture` of real traffic, read by the programs that read captures: tshark, capinfos, tcpdump.
 *
 *     vm [eth0] ── [vm0] near ══ TCP ══ far [lan0] ── [eth0] lan
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { farRemote, newLab, newServers } from '../../../tools/bench/variants.ts';
import { type Lab, missingCommands } from '../../../tools/lab/lab.ts';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { SECRET, VNET, type VnetServer, vnet } from '../../../tools/lab/server.ts';
import { ping, sendFrames } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { readCapture } from '../../../tools/vnet/frames/read-capture.ts';

await ensurePrivileges();

const VM_MAC = '52:54:00:00:00:50';
const [VM, LAN] = ['10.88.0.1', '10.88.0.2'];
const withoutTshark = missingCommands(['tshark', 'capinfos']).length > 0;
if (withoutTshark) process.stdout.write('skipped: what tshark makes of it (tshark is not installed)\n');

const test = suite('vnet capture');
let lab: Lab;
let near: VnetServer;
let far: VnetServer;
let id = '';
const env = () => ({ VNET_PASSWORD: SECRET, VNET_SERVER: 'tcp://127.0.0.1:7412', LC_ALL: 'C' });
const pinged = (count: number) => ping(lab, 'vm', LAN, { count, wait: 2 });

test.before(async () => {
  lab = await newLab();
  await lab.addNamespaces('vm', 'lan');
  await lab.addCable(
    { ns: 'vm', dev: 'eth0', mac: VM_MAC, addresses: [`${VM}/24`] },
    { ns: 'near', dev: 'vm0' },
  );
  await lab.addCable({ ns: 'lan', dev: 'eth0', addresses: [`${LAN}/24`] }, { ns: 'far', dev: 'lan0' });
  [near, far] = await newServers(lab, 'tcp');
  id = await near.handle(`${farRemote(far, 'tcp', SECRET)} vm0 lan0 HOST PROXY ${VM_MAC}`);
  await waitUntil(async () => (await pinged(1)).received === 1, { what: 'a first answer' });
});
test.after(() => lab?.close());

/** Captures so many frames into a file while pings go. */
async function captured(file: string, args: readonly string[], server = near): Promise<string> {
  const path = join(lab.folder, file);
  const program = lab.spawn(server.options.ns, vnet('capture', ...args, '-w', path), { env: env() });
  await waitUntil(
    async () => {
      await pinged(1);
      return !program.running;
    },
    { what: `${file} to be full\n${program.tail()}`, deadline: 20_000 },
  );
  assert.is(program.status, 0, program.tail());
  return path;
}

const tool = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** What tshark says of each frame of a file: these fields, in this order. */
const fieldsIn = (file: string, ...fields: readonly string[]): string[][] =>
  tool('tshark', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]))
    .trim()
    .split('\n')
    .map((row) => row.split('\t'));

test('a Handler: an interface for device and wire, each frame on both, tied by its id', async () => {
  const file = await captured('handler.pcapng', [id, '--count', '4', '--type', '0x0800']);
  assert.is(readCapture(file).length, 8, 'four frames, twice each');
  if (withoutTshark) return;
  const rows = fieldsIn(file, 'frame.interface_name', 'frame.comment', 'frame.packet_id', 'icmp.type');
  assert.is(rows.length, 8);
  for (let i = 0; i < rows.length; i += 2) {
    const [[here, comment, packet, kind] = [], [there, , same] = []] = rows.slice(i, i + 2);
    const [first, second] =
      kind === '8' ? ['vm0', `wire-${id.slice(0, 8)}`] : [`wire-${id.slice(0, 8)}`, 'vm0'];
    assert.equal([here, there], [first, second]);
    assert.is(comment, `Handler ${id}: carried`);
    assert.is(packet, same, 'the same frame has the same id');
  }
  const infos = tool('capinfos', file);
  assert.match(infos, /File type: +Wireshark\/\.\.\. - pcapng/);
  assert.match(infos, /Capture application: +vnet \d/);
  assert.match(infos, /nanoseconds/);
  assert.match(infos, /Capture filter = type=0x0800|Filter string = type=0x0800/);
  assert.match(tool('tcpdump', '-n', '-r', file), /ICMP echo request/);
});

test('what is dropped stands there with its reason, on the device alone', async () => {
  const file = join(lab.folder, 'dropped.pcapng');
  const program = lab.spawn('near', vnet('capture', 'vm0', '--only', 'dropped', '-c', '1', '-w', file), {
    env: env(),
  });
  const strange = '52:54:00:00:00:77';
  await waitUntil(
    async () => {
      // A frame from another source than the Handler's VM: no Handler wants it.
      await sendFrames(lab, 'vm', 'eth0', [
        `ffffffffffff${strange.replaceAll(':', '')}0800${'00'.repeat(46)}`,
      ]);
      return !program.running;
    },
    { what: 'a frame that nobody wants', deadline: 20_000 },
  );
  assert.equal(
    readCapture(file).map((frame) => frame.toString('hex', 6, 12)),
    [strange.replaceAll(':', '')],
  );
  if (withoutTshark) return;
  assert.equal(fieldsIn(file, 'frame.interface_name', 'frame.comment', 'eth.src'), [
    ['vm0', 'unselected: no Handler here wants it', strange],
  ]);
});

(withoutTshark ? test.skip : test)(
  'both ends in one file: what went out at one stands before it came in at the other',
  async () => {
    const url = 'tcp://10.99.0.2:7411';
    const file = await captured('both.pcapng', [
      id,
      '--far',
      url,
      '--far-allow-plaintext',
      '-c',
      '8',
      '--type',
      '0x0800',
    ]);
    const rows = fieldsIn(file, 'frame.interface_description', 'frame.packet_id', 'icmp.type');
    const seen = new Map<string, string[]>();
    for (const [where = '', packet = ''] of rows)
      seen.set(packet, [...(seen.get(packet) ?? []), where.split(' ')[0] ?? '']);
    const whole = [...seen.values()].filter(({ length }) => length === 4);
    assert.ok(whole.length >= 2, `${rows.length} packets, ${whole.length} frames seen at both ends`);
    for (const places of whole) assert.equal(places, ['device', 'wire', 'wire', 'device']);
  },
);

test('into a pipe it comes at once, and the end of the reader ends it', async () => {
  const path = join(lab.folder, 'pipe.txt');
  const read = withoutTshark ? 'head -c 300' : 'tshark -l -r - -c 2';
  const script = `"$0" "$1" capture ${id} --type 0x0800 | ${read} >${path} 2>/dev/null`;
  const program = lab.spawn('near', ['sh', '-c', script, process.execPath, VNET], { env: env() });
  await waitUntil(
    async () => {
      await pinged(1);
      return !program.running;
    },
    { what: 'the reader to have enough', deadline: 20_000 },
  );
  assert.match(readFileSync(path, 'latin1'), withoutTshark ? /vnet/ : /Echo \(ping\) request/);
});

test('bad places and files are refused in words', async () => {
  const wrong: readonly (readonly [readonly string[], RegExp, number])[] = [
    [['nowhere'], /404 no-such-device/, 1],
    [['ul0'], /no Handler is on ul0/, 1],
    [[id, '--only', 'some'], /--only/, 2],
    [[id, '-c', '1', '-w', '/proc/none/x'], /cannot write/, 2],
    [['ul0', '--far', 'tcp://10.99.0.2:7411', '--far-allow-plaintext'], /--far needs one Handler/, 2],
  ];
  for (const [args, text, status] of wrong) {
    const done = await near.client(['capture', ...args], { anyStatus: true });
    assert.match(done.stderr, text, args.join(' '));
    assert.is(done.status, status, args.join(' '));
  }
});

test.run();
