/**
 * Super-frames of kinds that a virtio header has no word for, through captured interfaces as they are.
 * The topology is drawn in `relay.ts`; VXLAN goes between the user and the VM.
 */
import { suite, type Test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { transfer } from '../../../tools/lab/traffic.ts';
import { sendDatagrams } from './datagrams.ts';
import { ADDRESS, Relay } from './relay.ts';

await ensurePrivileges();

const MEBIBYTE = 2 ** 20;

/** Both ends of a VXLAN, over IPv4 or IPv6, with checksums in the outer UDP header or without. */
async function vxlan(relay: Relay, version: 4 | 6, checksums: boolean): Promise<void> {
  const { user, user6, vm, vm6 } = ADDRESS;
  const [a, b] = version === 4 ? [user, vm] : [user6, vm6];
  const off = version === 4 ? 'noudpcsum' : 'udp6zerocsumtx udp6zerocsumrx';
  const on = version === 4 ? 'udpcsum' : '';
  for (const [ns, local, remote, address] of [
    ['user', a, b, '10.8.0.1'],
    ['vm', b, a, '10.8.0.2'],
  ] as const) {
    const peers = `dev eth0 local ${local} remote ${remote} dstport 4789`;
    await relay.lab.ip(
      ns,
      `link add vx0 type vxlan id 42 ${peers} ${checksums ? on : off}`,
      `address add ${address}/24 dev vx0`,
      'link set vx0 up',
    );
  }
}

async function noVxlan(relay: Relay): Promise<void> {
  for (const ns of ['user', 'vm']) await relay.lab.ip(ns, 'link del vx0');
}

/** Both ways, well within a time that a stream without super-frames would need hours for. */
async function crosses(
  relay: Relay,
  [user, vm]: readonly [string, string],
  mebibytes: number,
): Promise<void> {
  for (const [from, to, address] of [
    ['user', 'vm', vm],
    ['vm', 'user', user],
  ] as const) {
    const bytes = mebibytes * MEBIBYTE;
    const done = await transfer(relay.lab, { from, to, address, bytes, deadline: 30_000 });
    assert.is(done.received.sha256, done.sent.sha256);
    process.stdout.write(`\n    from ${from}: ${done.rate.toFixed(0)} Mbit/s `);
  }
}

/** Nothing was dropped as what it is not. */
async function nothingRefused(relay: Relay): Promise<void> {
  const stats = await relay.server.stats(relay.handler);
  for (const way of ['tx', 'rx']) {
    for (const reason of ['bad-offload', 'too-big']) {
      const name = `${way}_dropped_${reason}`;
      assert.is(stats[name], 0, name);
    }
  }
}

for (const by of ['', 'pcap:']) {
  const test = suite(`super-frames, ${by === '' ? 'packet:' : by}`);
  let relay: Relay;

  test.before(async () => {
    relay = await Relay.build({ by });
    await relay.handle();
  });
  test.after(() => relay?.close());

  for (const [version, checksums] of [
    [4, true],
    [6, false],
  ] as const) {
    test(`VXLAN over IPv${version}, with${checksums ? '' : 'out'} checksums`, async () => {
      await vxlan(relay, version, checksums);
      await crosses(relay, ['10.8.0.1', '10.8.0.2'], by === '' ? 16 : 8);
      await noVxlan(relay);
      await nothingRefused(relay);
    });
  }

  if (by === '') {
    receiveOffloads(test, () => relay);
    bigTcp(test, () => relay);
  }
  datagrams(test, () => relay);
  test.run();
}

/** The user's machine finishes everything itself, and the capture's own interface puts packets one behind the other. */
function receiveOffloads(test: Test, relay: () => Relay): void {
  test('rx-gro-list: super-frames without NEEDS_CSUM, TCP and datagrams', async () => {
    const { lab, server, handler } = relay();
    await relay().ethtool('relay', 'lan0', 'gro', 'on', 'rx-gro-list', 'on');
    await relay().ethtool('user', 'eth0', 'tso', 'off', 'gso', 'off', 'tx', 'off');
    const { tx_frames: before = 0 } = await server.stats(handler);
    for (const address of [ADDRESS.vm, ADDRESS.vm6]) {
      const bytes = 16 * MEBIBYTE;
      const done = await transfer(lab, { from: 'user', to: 'vm', address, bytes, deadline: 30_000 });
      assert.is(done.received.sha256, done.sent.sha256);
      process.stdout.write(`\n    to ${address}: ${done.rate.toFixed(0)} Mbit/s `);
      const way = { from: 'user', to: 'vm', address };
      const got = await sendDatagrams(lab, { ...way, sends: 100, size: 1200, count: 10 });
      assert.equal(got, { lengths: { 1200: 1000 }, spoilt: 0 });
    }
    const { tx_frames: after = 0 } = await server.stats(handler);
    assert.ok(after - before < (2 * 16 * MEBIBYTE) / 1400, 'there were super-frames');
    await nothingRefused(relay());
  });
}

/** IFLA_GSO_IPV4_MAX_SIZE 63 and IFLA_GSO_MAX_SIZE 41 by RTM_SETLINK: older versions of ip know the second only. */
const BIG_GSO = `
import socket, struct
index = socket.if_nametoindex('eth0')
body = struct.pack('<BxHiII', 0, 0, index, 0, 0) + b''.join(struct.pack('<HHI', 8, kind, 180000) for kind in (41, 63))
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.send(struct.pack('<IHHII', 16 + len(body), 19, 5, 1, 0) + body)
error = struct.unpack_from('<i', s.recv(4096), 16)[0]
if error: raise OSError(-error)
`;

function bigTcp(test: Test, relay: () => Relay): void {
  test('BIG TCP: super-frames longer than a record may hold', async () => {
    const { lab, server, handler } = relay();
    for (const ns of ['user', 'vm']) await lab.run(ns, ['python3', '-c', BIG_GSO]);
    const { kernel_dropped: before } = await server.stats(handler);
    await crosses(relay(), [ADDRESS.user, ADDRESS.vm], 16);
    await crosses(relay(), [ADDRESS.user6, ADDRESS.vm6], 16);
    const { kernel_dropped: after } = await server.stats(handler);
    assert.type(before, 'number');
    assert.is(after, before);
    await nothingRefused(relay());
  });
}

/** What an application sends many at a time arrives one by one, each as long as it was. */
function datagrams(test: Test, relay: () => Relay): void {
  test('UDP_SEGMENT: no datagram is melted with the next', async () => {
    const { lab } = relay();
    for (const [address, size, count] of [
      [ADDRESS.vm, 1200, 10],
      [ADDRESS.vm6, 1200, 10],
      [ADDRESS.vm, 400, 3],
    ] as const) {
      const way = { from: 'user', to: 'vm', address, size, count, sends: 20 };
      const got = await sendDatagrams(lab, { ...way, fragmentable: address === ADDRESS.vm });
      assert.equal(got, { lengths: { [size]: 20 * count }, spoilt: 0 }, `${count} of ${size} to ${address}`);
    }
    await relay().ethtool('relay', 'lan0', 'gro', 'on', 'rx-udp-gro-forwarding', 'on');
    await relay().ethtool('user', 'eth0', 'tx-udp-segmentation', 'off');
    const way = { from: 'user', to: 'vm', address: ADDRESS.vm, size: 1200, count: 10, sends: 20 };
    assert.equal(await sendDatagrams(lab, way), { lengths: { 1200: 200 }, spoilt: 0 }, 'put together by GRO');
    await nothingRefused(relay());
  });
}

const mtus = suite('super-frames, pcap: between MTUs of 9,000 and 1,500');
let uneven: Relay;

mtus.before(async () => {
  uneven = await Relay.build({ by: 'pcap:', mtus: [9000, 1500] });
  // Longer packets than those of the VM are not sent: the paths' MTU is that of its side.
  await uneven.lab.ip('user', 'route change 10.7.0.0/24 dev eth0 mtu 1500');
  await uneven.handle();
});
mtus.after(() => uneven?.close());

mtus('TCP both ways, and datagrams', async () => {
  await crosses(uneven, [ADDRESS.user, ADDRESS.vm], 8);
  const way = { from: 'user', to: 'vm', address: ADDRESS.vm, size: 1200, count: 7, sends: 20 };
  assert.equal(await sendDatagrams(uneven.lab, way), { lengths: { 1200: 140 }, spoilt: 0 });
});

mtus.run();
