// runner: waits
/**
 * The server's own wires never cross a Handler, whatever way they reach the device that it captures.
 *
 *     [a] up0 ══════════════════════════ up0 [b] lan0 ─── eth0 [c]       10.9.0.0/24, fd09::/64 on up0
 *     [a] br0 (floods all) ─┬─ port0 ─── up2 [b]                          10.9.2.0/24 on br0 and up2
 *                           └─ TAP
 *
 * A Handler captures at `a` what its wire goes over, and puts it before `c`, which hears what does cross. Frames in VLANs
 * and tunnels are made of one that was heard: not every kernel has such interfaces.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../../../tools/lab/lab.ts';
import { ensurePrivileges, tapPossible } from '../../../tools/lab/privilege.ts';
import { SECRET, VnetServer } from '../../../tools/lab/server.ts';
import { ping, sendFrames, sniff, sniffed } from '../../../tools/lab/traffic.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

await ensurePrivileges();

const PORT_7411 = '1cf3';
const test = suite('own wires');
let lab: Lab;
let a: VnetServer;
let b: VnetServer;

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('a', 'b', 'c');
  await lab.addCable(
    { ns: 'a', dev: 'up0', addresses: ['10.9.0.1/24', 'fd09::1/64'] },
    { ns: 'b', dev: 'up0', addresses: ['10.9.0.2/24', 'fd09::2/64'] },
  );
  await lab.addBridge('a', 'br0', { addresses: ['10.9.2.1/24'] });
  await lab.ip('a', 'link set dev br0 type bridge ageing_time 0');
  await lab.addCable(
    { ns: 'a', dev: 'port0', bridge: 'br0' },
    { ns: 'b', dev: 'up2', addresses: ['10.9.2.2/24'] },
  );
  await lab.addCable({ ns: 'b', dev: 'lan0' }, { ns: 'c', dev: 'eth0' });
  const args = ['--allow-plaintext', '--listen', 'tcp://[::]:7411'];
  a = new VnetServer(lab, { ns: 'a', name: 'a', listen: 'tcp://0.0.0.0:7411', args });
  b = new VnetServer(lab, { ns: 'b', name: 'b', listen: 'tcp://0.0.0.0:7411', args });
  await Promise.all([a.start(), b.start()]);
});
test.after(async () => {
  await a?.stop();
  await b?.stop();
  lab?.close();
});

interface Case {
  readonly name: string;
  /** At `a`. */
  readonly device: string;
  /** Of `b`, or of `a` where `b` is the one that dials. */
  readonly address: string;
  readonly dials?: 'b';
  readonly possible?: () => boolean;
}

const CASES: readonly Case[] = [
  { name: 'packet:, IPv4', device: 'packet:up0', address: '10.9.0.2' },
  { name: 'packet:, IPv6', device: 'packet:up0', address: '[fd09::2]' },
  { name: 'pcap:', device: 'pcap:up0', address: '10.9.0.2' },
  { name: 'packet:, accepted', device: 'packet:up0', address: '10.9.0.1', dials: 'b' },
  { name: 'packet:, accepted by IPv6', device: 'packet:up0', address: '[fd09::1]', dials: 'b' },
  { name: 'a bridge', device: 'packet:br0', address: '10.9.2.2' },
  { name: 'the port of a bridge', device: 'packet:port0', address: '10.9.2.2' },
  { name: 'a TAP in the bridge', device: 'tap:t0?bridge=br0', address: '10.9.2.2', possible: tapPossible },
];

for (const { name, device, address, dials, possible } of CASES) {
  (possible?.() === false ? test.skip : test)(name, async () => {
    const ear = await sniff(lab, 'c', 'eth0', PORT_7411);
    const [local, remote] = dials === 'b' ? ['lan0', device] : [device, 'lan0'];
    const dialler = dials === 'b' ? b : a;
    const handler = await dialler.handle(
      `tcp://${address}:7411 password:${SECRET} ${local} ${remote} BRIDGE BRIDGE * wires=2`,
    );
    const ownWire = async () => (await a.stats(handler))['tx_dropped_own-wire'] ?? 0;
    try {
      // Frames that do cross make the wire send, and what it sends is on the device again.
      const host = address.replace(/[[\]]/g, '');
      await ping(lab, dials === 'b' ? 'b' : 'a', host, { count: 5 });
      await waitUntil(async () => (await ownWire()) > 5, { what: 'frames of the wire at the device' });
      await ping(lab, dials === 'b' ? 'b' : 'a', host, { count: 5 });
      const { tx_frames: sent } = await a.stats(handler);
      assert.ok(sent! < 200, `${sent} frames went over the wire`);
      assert.is(sniffed(ear).length, 0, 'frames of the wire at the far end');
    } finally {
      await dialler.must(`CLOSE ${handler}`);
    }
    await Promise.all([a.waitForHandlers([]), b.waitForHandlers([])]);
    await ear.kill();
  });
}

/** An IPv4 header, without options, in front of `payload` (hex); its checksum is left out. */
function ipv4(protocol: number, payload: string): string {
  const length = (20 + payload.length / 2).toString(16).padStart(4, '0');
  return `4500${length}0001000040${protocol.toString(16).padStart(2, '0')}0000c0000201c0000202${payload}`;
}

test('in VLANs and in tunnels', async () => {
  const handler = await a.handle(
    `tcp://10.9.0.2:7411 password:${SECRET} packet:up0 lan0 BRIDGE BRIDGE * wires=1`,
  );
  const underway = await sniff(lab, 'b', 'up0', PORT_7411);
  const heard = await waitUntil(() => sniffed(underway).find((hex) => hex.slice(24, 28) === '0800'), {
    what: 'a frame of the wire',
  });
  await underway.kill();
  const ear = await sniff(lab, 'c', 'eth0', '88b5');
  const macs = `ffffffffffff${heard.slice(12, 24)}`;
  const frame = `${macs}0800${heard.slice(28)}`;
  const ip = heard.slice(28);
  const udp = (port: string, payload: string) => ipv4(17, `c000${port}00000000${payload}`);
  const frames = [
    `${macs}81000007${frame.slice(24)}`,
    `${macs}88a8000781000008${frame.slice(24)}`,
    // PPPoE, VXLAN, GENEVE, IP in IP, GRE, GRE with Ethernet
    `${macs}88641100000100000021${ip}`,
    `${macs}0800${udp('12b5', `0800000000002a00${frame}`)}`,
    `${macs}0800${udp('17c1', `0000655800002a00${frame}`)}`,
    `${macs}0800${ipv4(4, ip)}`,
    `${macs}0800${ipv4(47, `00000800${ip}`)}`,
    `${macs}0800${ipv4(47, `20006558000000ff${frame}`)}`,
  ];
  const before = (await a.stats(handler))['tx_dropped_own-wire'] ?? 0;
  // Padding, so that the sniffer knows them.
  await sendFrames(lab, 'b', 'up0', [...frames.map((hex) => `${hex}88b5`), `${macs}88b5${'00'.repeat(46)}`]);
  await waitUntil(() => sniffed(ear).length > 0, { what: 'the last frame, which may cross' });
  assert.equal(
    sniffed(ear).map((hex) => hex.slice(24, 28)),
    ['88b5'],
  );
  const after = (await a.stats(handler))['tx_dropped_own-wire'] ?? 0;
  assert.ok(after >= before + frames.length, `${after - before} counted`);
  await a.must(`CLOSE ${handler}`);
  await ear.kill();
});

test.run();
