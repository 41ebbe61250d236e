/** Who sees what: every frame arrives once where it should, and nowhere else, however the Handlers stand together. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GATHER_MS } from '../../../actors/packet-path/announcements.ts';
import { frameRecord as rawRecord } from '../frames/packets.ts';
import { A, B, BROADCAST, C, LAN, MULTICAST, place, Rig } from './rig.ts';
import { frameRecord, HandDevice, linkPair } from './twins.ts';

const test = suite('packet path: topologies');

/** What a device was given to write, as `to from` with the last byte of each address. */
function seen(device: HandDevice): string[] {
  const texts = device.wrote.map(
    (record) => `${record.toString('hex', 9, 10)} ${record.toString('hex', 15, 16)}`,
  );
  device.wrote.length = 0;
  return texts;
}

/** A TCP packet without data, from its addresses and ports in hex. */
function ipRecord(ends: string): Buffer {
  const head = `${'525400000001'}${'525400000002'}0800450000280001000040060000`;
  return rawRecord(Buffer.from(`${head}${ends}${'00'.repeat(16)}`, 'hex'));
}

test('HOST and PROXY: the VM talks to the LAN and back, other traffic stays out of the wire', () => {
  const rig = new Rig();
  const [host, proxy] = [place(), place()];
  const { near, far } = rig.handler(host, 'HOST', proxy, [A]);
  host.device.read(frameRecord(LAN, A), frameRecord(LAN, B), frameRecord(BROADCAST, A));
  rig.settle();
  assert.equal(seen(proxy.device), ['99 0a', 'ff 0a']);
  assert.is(near.path.counters().txDropped.filtered, 1);
  proxy.device.read(
    frameRecord(A, LAN),
    frameRecord(B, LAN),
    frameRecord(BROADCAST, LAN),
    frameRecord(MULTICAST, LAN),
    frameRecord(BROADCAST, A),
  );
  rig.settle();
  assert.equal(seen(host.device), ['0a 99', 'ff 99', '01 99']);
  assert.is(far.path.counters().txDropped.filtered, 2);
  assert.equal([seen(proxy.device), host.device.held, proxy.device.held], [[], 0, 0]);
});

test('what the peer sends is checked on arrival', () => {
  const rig = new Rig();
  const [host, proxy] = [place(), place()];
  const { near, far } = rig.handler(host, 'HOST', proxy, [A]);
  near.link.write(
    Buffer.concat([frameRecord(LAN, B), frameRecord('01:80:c2:00:00:0e', A), frameRecord(LAN, A)]),
  );
  far.link.write(Buffer.concat([frameRecord(B, LAN), frameRecord(BROADCAST, A), frameRecord(A, LAN)]));
  rig.settle();
  assert.equal(seen(proxy.device), ['99 0a']);
  assert.equal(seen(host.device), ['0a 99']);
  const { rxDropped } = far.path.counters();
  assert.is(rxDropped.spoofed, 1);
  assert.is(rxDropped.l2cp, 1);
  assert.is(near.path.counters().rxDropped.filtered, 1);
  assert.is(near.path.counters().rxDropped.loop, 1);
});

test('two VMs on one Host device, each with a Handler to one Proxy device: nothing goes round', () => {
  const rig = new Rig();
  const [host, proxy] = [place(), place()];
  const a = rig.handler(host, 'HOST', proxy, [A]);
  const b = rig.handler(host, 'HOST', proxy, [B]);
  host.device.read(frameRecord(BROADCAST, A));
  rig.settle();
  assert.equal(seen(proxy.device), ['ff 0a']);
  assert.equal(seen(host.device), []);
  assert.is(b.near.path.counters().rxDropped.loop, 1);
  assert.is(b.far.path.counters().txFrames, 1);
  assert.is(a.far.path.counters().txFrames, 0);
  host.device.read(frameRecord(B, A));
  rig.settle();
  assert.equal(seen(proxy.device), ['0b 0a']);
  assert.equal(seen(host.device), []);
  proxy.device.read(frameRecord(BROADCAST, LAN));
  rig.settle();
  // Once for each Handler, as each VM has its own: a switch would flood it to both ports too.
  assert.equal(seen(host.device), ['ff 99', 'ff 99']);
  assert.equal(seen(proxy.device), []);
});

test('VMs on two Hosts talk to each other through one Proxy device', () => {
  const rig = new Rig();
  const [hostA, hostB, proxy] = [place(), place(), place()];
  rig.handler(hostA, 'HOST', proxy, [A]);
  rig.handler(hostB, 'HOST', proxy, [B]);
  hostA.device.read(frameRecord(BROADCAST, A), frameRecord(B, A));
  rig.settle();
  assert.equal(seen(hostB.device), ['ff 0a', '0b 0a']);
  assert.equal(seen(proxy.device), ['ff 0a', '0b 0a']);
  hostB.device.read(frameRecord(A, B));
  rig.settle();
  assert.equal(seen(hostA.device), ['0a 0b']);
  assert.equal(seen(proxy.device), ['0a 0b']);
  assert.equal(seen(hostB.device), []);
});

test('PROXY and HOST on one segment: a VM is handed on from server to server', () => {
  const rig = new Rig();
  const [first, middle, last] = [place(), place(), place()];
  rig.handler(first, 'HOST', middle, [A]);
  rig.handler(middle, 'HOST', last, [A]);
  first.device.read(frameRecord(BROADCAST, A), frameRecord(LAN, A));
  rig.settle();
  assert.equal(seen(middle.device), ['ff 0a', '99 0a']);
  assert.equal(seen(last.device), ['ff 0a', '99 0a']);
  last.device.read(frameRecord(A, LAN), frameRecord(BROADCAST, LAN));
  rig.settle();
  assert.equal(seen(middle.device), ['0a 99', 'ff 99']);
  assert.equal(seen(first.device), ['0a 99', 'ff 99']);
  assert.equal(seen(last.device), []);
});

test('PROXY for one VM and HOST of another on one segment', () => {
  const rig = new Rig();
  const [far, middle, lan] = [place(), place(), place()];
  rig.handler(far, 'HOST', middle, [C]);
  rig.handler(middle, 'HOST', lan, [A]);
  far.device.read(frameRecord(BROADCAST, C), frameRecord(A, C));
  rig.settle();
  assert.equal(seen(middle.device), ['ff 0c', '0a 0c']);
  assert.equal(seen(lan.device), []);
  middle.device.read(frameRecord(BROADCAST, A), frameRecord(C, A));
  rig.settle();
  assert.equal(seen(far.device), ['ff 0a', '0c 0a']);
  assert.equal(seen(lan.device), ['ff 0a', '0c 0a']);
});

test('BRIDGE: every frame crosses once, through a chain of three as well', () => {
  const rig = new Rig();
  const [left, middle, right] = [place(), place(), place()];
  rig.handler(left, 'BRIDGE', middle);
  rig.handler(middle, 'BRIDGE', right);
  left.device.read(frameRecord(B, A), frameRecord('01:80:c2:00:00:00', A), frameRecord(BROADCAST, A));
  rig.settle();
  assert.equal(seen(middle.device), ['0b 0a', 'ff 0a']);
  assert.equal(seen(right.device), ['0b 0a', 'ff 0a']);
  assert.equal(seen(left.device), []);
  middle.device.read(frameRecord(A, B));
  rig.settle();
  assert.equal([seen(left.device), seen(right.device), seen(middle.device)], [['0a 0b'], ['0a 0b'], []]);
});

test('a HOST without a wire still counts for the loop rule, and no more once it is closed', () => {
  const rig = new Rig();
  const [host, proxy] = [place(), place()];
  const other = rig.path(host, 'HOST', [B]);
  const { near, far } = rig.handler(host, 'HOST', proxy, [A]);
  far.link.write(frameRecord(BROADCAST, B));
  rig.settle();
  assert.is(near.path.counters().rxDropped.loop, 1);
  other.close();
  other.close();
  far.link.write(frameRecord(BROADCAST, B));
  rig.settle();
  assert.equal(seen(host.device), ['ff 0b']);
});

test('announce: one RARP a MAC address on the segment, offered to the others, none by a HOST or with announce=off', () => {
  const rig = new Rig();
  const [hostA, hostB, proxy] = [place(), place(), place()];
  const a = rig.handler(hostA, 'HOST', proxy, [A, C]);
  rig.handler(hostB, 'HOST', proxy, [B]);
  a.near.path.announce();
  a.far.path.announce();
  rig.settle();
  assert.equal(seen(proxy.device), ['ff 0a', 'ff 0c']);
  assert.equal(seen(hostB.device), ['ff 0a', 'ff 0c']);
  assert.equal(seen(hostA.device), []);
  const quiet = rig.path(proxy, 'PROXY', ['52:54:00:00:00:0d'], { announce: false });
  quiet.announce();
  assert.equal(seen(proxy.device), []);
});

test('announce: the first one at once, those of the next moment together, each to all Handlers but its own', () => {
  const rig = new Rig();
  const proxy = place(new HandDevice(), rig.clock);
  const hosts = [place(), place(), place(), place()];
  const macs = [A, B, C, '52:54:00:00:00:0d'];
  const pairs = hosts.map((host, index) => rig.handler(proxy, 'PROXY', host, [macs[index] as string]));
  const announce = (...which: number[]) => {
    for (const index of which) pairs[index]?.near.path.announce();
    rig.settle();
  };
  const heard = () => hosts.map((host) => seen(host.device));
  announce(0);
  assert.equal([seen(proxy.device), ...heard()], [['ff 0a'], [], ['ff 0a'], ['ff 0a'], ['ff 0a']]);
  const writes = pairs.map(({ near }) => near.link.writes);
  announce(1, 2, 3, 2);
  assert.equal([seen(proxy.device), ...heard()], [[], [], [], [], []]);
  // One that leaves announces nothing any more.
  pairs[3]?.near.path.close();
  rig.clock.advance(GATHER_MS);
  rig.settle();
  assert.equal(seen(proxy.device), ['ff 0b', 'ff 0c']);
  assert.equal(heard(), [['ff 0b', 'ff 0c'], ['ff 0c'], ['ff 0b'], []]);
  assert.equal(
    pairs.map(({ near }, index) => near.link.writes - (writes[index] ?? 0)),
    [1, 1, 1, 0],
  );
  rig.clock.advance(GATHER_MS);
  announce(1);
  assert.equal(seen(proxy.device), ['ff 0b']);
});

test('the kernel is asked for no more than the Handlers want', () => {
  const rig = new Rig();
  const at = place();
  const first = rig.path(at, 'HOST', [A]);
  assert.ok(Array.isArray(at.device.filter));
  const length = at.device.filter?.length ?? 0;
  const second = rig.path(at, 'PROXY', [B]);
  assert.ok((at.device.filter?.length ?? 0) > length);
  const bridge = rig.path(at, 'BRIDGE', ['*'], { l2cp: true });
  assert.is(at.device.filter, null);
  bridge.close();
  second.close();
  assert.is(at.device.filter?.length, length);
  first.close();
});

test('what a captured device does not take for its VLAN tags is counted apart', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { far } = rig.handler(left, 'BRIDGE', right);
  const verdicts = ['written', 'tooLong', 'refused', 'tooLong'] as const;
  right.device.verdict = (_, index) => verdicts[index] ?? 'written';
  left.device.read(...verdicts.map(() => frameRecord(B, A)));
  rig.settle();
  const { rxFrames, rxDropped } = far.path.counters();
  assert.equal([rxFrames, rxDropped['tag-too-long'], rxDropped['device-refused']], [1, 2, 1]);
});

test('a device that goes away is told once, and nothing is written to it any more', async () => {
  const rig = new Rig();
  const [host, proxy] = [place(), place()];
  const { near, far } = rig.handler(host, 'HOST', proxy, [A]);
  host.device.gone('interface deleted');
  assert.equal(host.goneFor, ['interface deleted']);
  far.link.write(frameRecord(A, LAN));
  rig.settle();
  assert.is(near.path.counters().rxDropped['device-refused'], 1);
  near.path.close();
  await host.segment.close();
  await host.segment.close();
  assert.ok(host.device.closed);
});

test('wires of the server itself cross no Handler, neither way and not from one to the other', () => {
  const rig = new Rig();
  const [one, other] = [place(), place()];
  const { near, far } = rig.handler(one, 'BRIDGE', other);
  const beside = rig.handler(one, 'BRIDGE', place());
  const ends = { localPort: 40_000, remotePort: 7411 };
  const [link] = linkPair();
  const over = rig.ownWires.add(
    Object.assign(link, {
      connection: {
        localAddress: Uint8Array.of(10, 0, 0, 1),
        remoteAddress: Uint8Array.of(10, 0, 0, 2),
        ...ends,
      },
    }),
  );
  const own = ipRecord('0a0000020a0000011cf39c40');
  const other443 = ipRecord('0a0000020a00000101bb9c40');
  one.device.read(own, other443, own);
  far.link.write(Buffer.concat([own, other443]));
  rig.settle();
  over();
  assert.equal([one.device.wrote.length, other.device.wrote.length], [1, 1]);
  const counters = near.path.counters();
  assert.is(counters.txDropped['own-wire'], 2);
  assert.is(counters.rxDropped['own-wire'], 1);
  assert.equal([counters.txSeen, counters.txFrames, counters.rxSeen, counters.rxFrames], [3, 1, 2, 1]);
  assert.is(beside.near.path.counters().txDropped['own-wire'], 2);
  assert.equal([one.segment.counters().lost, one.segment.counters().unwanted], [0, 2]);
});

test.run();
