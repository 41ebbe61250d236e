/** Super-frames and unfinished frames over every mix of ends, against segments made the slow way. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TokenBucket } from '../../../actors/packet-path/rate-limits.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import {
  ACK,
  build,
  offloadRecord,
  type Packet,
  PSH,
  frameRecord as recordOf,
  slowSegments,
  superRecord,
} from '../frames/packets.ts';
import { sctp, startedRecord } from '../frames/sctp-packets.ts';
import { SHELLS, slowTunnel, superTunnel } from '../frames/tunnels.ts';
import { A, B, BROADCAST, LAN, place, Rig } from './rig.ts';
import { frameRecord, HandDevice } from './twins.ts';

const test = suite('packet path: offload');

const number = (mac: string) => Number.parseInt(mac.replaceAll(':', ''), 16);

function tcp(bytes: number, more: Partial<Packet> = {}): Packet {
  return {
    tags: [],
    destination: number(LAN),
    source: number(A),
    version: 4,
    protocol: 6,
    addresses: Buffer.alloc(32, 10),
    identification: 7,
    fragmentField: 0x4000,
    ipOptions: new Uint8Array(0),
    extensions: [],
    sequence: 1_000,
    acknowledgement: 2_000,
    flags: ACK | PSH,
    window: 512,
    urgent: 0,
    tcpOptions: new Uint8Array(12),
    ports: [80, 40_000],
    payload: Uint8Array.from({ length: bytes }, (_, i) => i * 7),
    ...more,
  };
}

const big = tcp(60_000);
const segments = (packet: Packet, size = 1_448) => slowSegments(packet, size).map(recordOf);

test('on and on: super-frames cross as they are', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  rig.handler(left, 'BRIDGE', right);
  const record = superRecord(big, 1_448);
  left.device.read(frameRecord(B, A), record, frameRecord(B, A));
  rig.settle();
  assert.equal(right.device.wrote, [frameRecord(B, A), record, frameRecord(B, A)]);
  assert.ok(left.device.offload);
});

for (const version of [4, 6] as const) {
  for (const tags of [[], [0x8100]]) {
    for (const protocol of [6, 17] as const) {
      const name = `IPv${version} ${protocol === 6 ? 'TCP' : 'UDP'}${tags.length > 0 ? ' tagged' : ''}`;
      const packet = tcp(30_000, { version, tags, protocol, fragmentField: version === 4 ? 0x4000 : 0 });
      // Datagrams have one IPv4 identification each, as slowSegments numbers them.
      const size = 1_400;

      test(`${name}: the sender cuts for a wire without offload, in order with the frames around it`, () => {
        const rig = new Rig();
        const [left, right] = [place(), place()];
        const { near, far } = rig.handler(left, 'BRIDGE', right, ['*'], { offload: false });
        assert.is(left.device.offload, false);
        left.device.read(frameRecord(B, A), superRecord(packet, size), frameRecord(A, B));
        rig.settle();
        assert.equal(right.device.wrote, [frameRecord(B, A), ...segments(packet, size), frameRecord(A, B)]);
        assert.is(near.path.counters().txFrames, 3);
        assert.is(far.path.counters().rxFrames, right.device.wrote.length);
      });

      test(`${name}: the receiver cuts for a device that takes no super-frames`, () => {
        const rig = new Rig();
        const [left, right] = [place(), place(new HandDevice(1500, false))];
        const { far } = rig.handler(left, 'BRIDGE', right);
        left.device.read(frameRecord(B, A), superRecord(packet, size), frameRecord(A, B));
        rig.settle();
        assert.equal(right.device.wrote, [frameRecord(B, A), ...segments(packet, size), frameRecord(A, B)]);
        assert.is(far.path.counters().rxFrames, 3);
      });
    }
  }
}

const vxlan = SHELLS.find(({ name }) => name === 'VXLAN with checksums over IPv4')!;
const tunnelled = superTunnel([vxlan], tcp(30_000), 1_398);
const unwound = slowTunnel([vxlan], tcp(30_000), 1_398).map(recordOf);

test('a super-frame of a tunnel is cut by the sender, whatever the ends take', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right);
  left.device.read(frameRecord(B, A), tunnelled.record, frameRecord(A, B));
  rig.settle();
  assert.equal(right.device.wrote, [frameRecord(B, A), ...unwound, frameRecord(A, B)]);
  assert.is(near.path.counters().txFrames, 3);
});

test('a super-frame of a tunnel from another server is cut by the receiver', () => {
  for (const takesOffload of [true, false]) {
    const rig = new Rig();
    const right = place(new HandDevice(1500, takesOffload));
    const { near, far } = rig.handler(place(), 'BRIDGE', right);
    near.link.write(tunnelled.record);
    rig.settle();
    assert.equal(right.device.wrote, unwound);
    assert.is(far.path.counters().rxFrames, 1);
  }
});

test('a super-frame of a tunnel to a group address is a frame like others', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  rig.handler(left, 'BRIDGE', right);
  const flood = Buffer.from(tunnelled.record);
  flood[16] = 1;
  left.device.read(flood);
  rig.settle();
  assert.is(right.device.wrote.length, unwound.length);
});

test('a capture without virtio header: what is in a tunnel is cut and finished', () => {
  const rig = new Rig();
  const [pcap, right] = [place(new HandDevice(1500, false, true)), place()];
  rig.handler(pcap, 'BRIDGE', right);
  pcap.device.read(recordOf(tunnelled.frame));
  rig.settle();
  assert.equal(
    right.device.wrote,
    slowTunnel([vxlan], tcp(30_000), 1_500 - (tunnelled.data - 14)).map(recordOf),
  );
});

test('an SCTP packet with an unfinished checksum gets a CRC32c from the sender, and from the receiver', () => {
  const packet = sctp(4);
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right);
  left.device.read(startedRecord(packet));
  near.link.write(startedRecord(packet));
  rig.settle();
  assert.equal(right.device.wrote, [recordOf(packet.right), recordOf(packet.right)]);
  assert.is(far.path.counters().rxFrames, 2);
});

for (const protocol of [6, 17] as const) {
  const packet = tcp(30_000, { protocol });
  const good = superRecord(packet, 1_400);
  const unstarted = superRecord(packet, 1_400, { flags: 0, csumStart: 0, csumOffset: 0 });
  unstarted.writeUInt16BE(0x1234, 16 + build(packet).l4 + (protocol === 6 ? 16 : 6));
  const what = `a super-frame of ${protocol === 6 ? 'TCP' : 'UDP'} without NEEDS_CSUM`;

  test(`${what} goes with a checksum that is started`, () => {
    const rig = new Rig();
    const [left, right] = [place(), place()];
    const { near } = rig.handler(left, 'BRIDGE', right);
    left.device.read(frameRecord(B, A), unstarted, frameRecord(A, B));
    rig.settle();
    assert.equal(right.device.wrote, [frameRecord(B, A), good, frameRecord(A, B)]);
    assert.is(near.path.counters().txFrames, 3);
  });

  test(`${what} is cut for a wire without offload`, () => {
    const rig = new Rig();
    const [left, right] = [place(), place()];
    rig.handler(left, 'BRIDGE', right, ['*'], { offload: false });
    left.device.read(unstarted);
    rig.settle();
    assert.equal(right.device.wrote, segments(packet, 1_400));
  });

  test(`${what} from another server is put on the device with one, or cut`, () => {
    for (const takesOffload of [true, false]) {
      const rig = new Rig();
      const right = place(new HandDevice(1500, takesOffload));
      const { near, far } = rig.handler(place(), 'BRIDGE', right);
      // A device shows by the first one that it takes datagrams.
      near.link.write(good);
      rig.settle();
      right.device.wrote.length = 0;
      near.link.write(unstarted);
      rig.settle();
      assert.equal(right.device.wrote, takesOffload ? [good] : segments(packet, 1_400));
      assert.is(far.path.counters().rxFrames, 2);
    }
  });
}

test('one with and one without offload on a device: it hands over super-frames, cut for the one', () => {
  const rig = new Rig();
  const [left, on, off] = [place(), place(), place()];
  rig.handler(left, 'BRIDGE', off, ['*'], { offload: false });
  assert.is(left.device.offload, false);
  const { near } = rig.handler(left, 'BRIDGE', on);
  assert.is(left.device.offload, true);
  left.device.read(superRecord(big, 1_448));
  rig.settle();
  assert.equal(on.device.wrote, [superRecord(big, 1_448)]);
  assert.equal(off.device.wrote, segments(big));
  near.path.close();
  assert.is(left.device.offload, false);
});

test('from VM to VM through one Proxy device, the second wire without offload', () => {
  const rig = new Rig();
  const [hostA, hostB, proxy] = [place(), place(), place()];
  rig.handler(hostA, 'HOST', proxy, [A]);
  rig.handler(hostB, 'HOST', proxy, [B], { offload: false });
  const packet = tcp(60_000, { destination: number(B) });
  hostA.device.read(superRecord(packet, 1_448));
  rig.settle();
  assert.equal(hostB.device.wrote, segments(packet));
  assert.equal(proxy.device.wrote, [superRecord(packet, 1_448)]);
});

test('a capture without virtio header: super-frames are cut, started checksums finished, the rest is left alone', () => {
  const rig = new Rig();
  const [pcap, right] = [place(new HandDevice(1500, false, true)), place()];
  const { near } = rig.handler(pcap, 'BRIDGE', right);
  const small = tcp(100);
  const wrong = Buffer.from(build(small).frame);
  wrong[60]! ^= 1;
  pcap.device.read(
    recordOf(build(small, { partial: true }).frame),
    recordOf(wrong),
    recordOf(build(big, { partial: true }).frame),
    frameRecord(BROADCAST, A),
  );
  rig.settle();
  assert.equal(right.device.wrote, [
    recordOf(build(small).frame),
    recordOf(wrong),
    ...segments(big),
    frameRecord(BROADCAST, A),
  ]);
  assert.is(near.path.counters().txFrames, 4);
});

test('a capture without virtio header: TCP between the two MTUs is cut, datagrams in one are dropped and counted', () => {
  const rig = new Rig();
  const [pcap, right] = [place(new HandDevice(9000, false, true)), place()];
  const { near } = rig.handler(pcap, 'BRIDGE', right);
  const few = tcp(4_344);
  pcap.device.read(
    recordOf(build(few, { partial: true }).frame),
    recordOf(build(tcp(12_000, { protocol: 17, fragmentField: 0 }), { partial: true }).frame),
    recordOf(build(tcp(5_000, { protocol: 17 })).frame),
  );
  rig.settle();
  assert.equal(right.device.wrote, segments(few));
  const { txFrames, txDropped } = near.path.counters();
  assert.equal([txFrames, txDropped.merged, txDropped['too-big']], [1, 1, 1]);
});

test('a capture that knows the size of datagrams in one: they cross whole, and are cut where they are not taken', () => {
  const datagrams = tcp(12_000, { protocol: 17, fragmentField: 0 });
  for (const offload of [true, false]) {
    const rig = new Rig();
    const [pcap, right] = [place(new HandDevice(1500, false, true)), place()];
    rig.handler(pcap, 'BRIDGE', right, ['*'], { offload });
    pcap.device.read(superRecord(datagrams, 1_200));
    rig.settle();
    const expected = offload ? [superRecord(datagrams, 1_200)] : segments(datagrams, 1_200);
    assert.equal(right.device.wrote, expected);
  }
});

test('a super-frame of a capture is cut to the smaller of both MTUs', () => {
  const rig = new Rig();
  const [pcap, right] = [place(new HandDevice(1500, false, true)), place(new HandDevice(1400))];
  rig.handler(pcap, 'BRIDGE', right);
  pcap.device.read(recordOf(build(big, { partial: true }).frame));
  rig.settle();
  assert.equal(right.device.wrote, segments(big, 1_348));
});

test('a wrong virtio header harms that frame alone, at a device that takes super-frames or not', () => {
  for (const takesOffload of [true, false]) {
    const rig = new Rig();
    const [left, right] = [place(), place(new HandDevice(1500, takesOffload))];
    const { near, far } = rig.handler(left, 'BRIDGE', right);
    const lies = [
      superRecord(big, 0),
      superRecord(big, 1_448, { csumStart: 6 }),
      superRecord(big, 1_448, { gsoType: 5 }),
      superRecord(big, 1_448, { gsoType: 0x33 }),
      offloadRecord(frameRecord(B, A).subarray(4), { flags: 1, csumStart: 50, csumOffset: 100 }),
    ];
    near.link.write(Buffer.concat([frameRecord(B, A), ...lies, frameRecord(A, B)]));
    rig.settle();
    assert.equal(right.device.wrote, [frameRecord(B, A), frameRecord(A, B)]);
    assert.is(far.path.counters().rxDropped['bad-offload'], lies.length);
    assert.equal(far.events, ['firstRecord']);
  }
});

test('too long for the MTU: dropped by the sender for the far end, by the receiver for its own; tags do not count', () => {
  const rig = new Rig();
  const [left, right] = [place(new HandDevice(9000)), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right);
  const tagged = frameRecord(B, A, 1_522);
  tagged.writeUInt32BE(0x88a80001, 16);
  tagged.writeUInt32BE(0x81000002, 20);
  const long = offloadRecord(frameRecord(B, A, 1_515).subarray(4), {});
  left.device.read(
    frameRecord(B, A, 1_514),
    frameRecord(B, A, 1_515),
    tagged,
    frameRecord(B, A, 1_522),
    long,
  );
  rig.settle();
  assert.equal(right.device.wrote, [frameRecord(B, A, 1_514), tagged]);
  assert.is(near.path.counters().txDropped['too-big'], 3);
  near.link.write(Buffer.concat([frameRecord(B, A, 1_515), long, frameRecord(A, B), tagged]));
  rig.settle();
  assert.is(far.path.counters().rxDropped['too-big'], 2);
  assert.is(right.device.wrote.length, 4);
});

test('segments longer than the MTU: TCP is cut anew, datagrams are too big; also after the MTU was changed', () => {
  const rig = new Rig();
  const [left, right] = [place(new HandDevice(9000)), place(new HandDevice(9000))];
  const { far } = rig.handler(left, 'BRIDGE', right);
  right.device.mtu = 1_500;
  left.device.read(superRecord(big, 8_000), superRecord(tcp(30_000, { protocol: 17 }), 8_000));
  rig.settle();
  assert.equal(right.device.wrote, segments(big));
  assert.is(far.path.counters().rxDropped['too-big'], 1);
});

test('a device that takes TCP super-frames only gets datagrams cut, none is lost in finding that out', () => {
  for (const takesDatagrams of [true, false]) {
    const rig = new Rig();
    const [left, right] = [place(), place()];
    const { far } = rig.handler(left, 'BRIDGE', right);
    right.device.verdict = (record) =>
      record[0] === 1 && record[5] === 5 && !takesDatagrams ? 'badOffload' : 'written';
    const datagrams = tcp(30_000, { protocol: 17 });
    const udp = superRecord(datagrams, 1_400);
    const whole = superRecord(big, 1_448);
    left.device.read(whole, udp, whole, udp);
    rig.settle();
    const arrived = takesDatagrams ? [udp] : segments(datagrams, 1_400);
    assert.equal(right.device.wrote, [whole, ...arrived, whole, ...arrived]);
    assert.is(far.path.counters().rxFrames, 4);
    assert.is(right.segment.counters().badOffload, takesDatagrams ? 0 : 2);
  }
});

test('a super-frame that is cut for a wire is sent whole or not at all', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right, ['*'], { offload: false });
  for (let i = 0; i < 20; i++) left.device.read(superRecord(big, 1_448));
  const { txFrames, txDropped, txBytes } = near.path.counters();
  assert.ok(txFrames > 0 && txDropped['queue-full'] > 0);
  assert.is(txFrames + txDropped['queue-full'], 20);
  assert.is(txBytes, txFrames * build(big).frame.length);
  rig.settle();
  assert.is(right.device.wrote.length, txFrames * segments(big).length);
});

test('of a super-frame cut for a device, one segment refused counts the whole as dropped', () => {
  const rig = new Rig();
  const [left, right] = [place(), place(new HandDevice(1500, false))];
  const { far } = rig.handler(left, 'BRIDGE', right);
  right.device.verdict = (_, index) => (index === 5 ? 'queueFull' : 'written');
  left.device.read(superRecord(big, 1_448));
  rig.settle();
  assert.is(far.path.counters().rxDropped['queue-full'], 1);
  assert.is(right.segment.counters().written, segments(big).length - 1);
});

test('rate: over time no more bits than the cap, group frames by their own cap, both ways', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right, ['*'], { rate: 8_000_000, bcastRate: 10 });
  for (let ms = 0; ms < 10_000; ms += 10) {
    left.device.read(
      frameRecord(BROADCAST, A),
      ...Array.from({ length: 20 }, () => frameRecord(B, A, 1_000)),
    );
    rig.settle();
    rig.clock.advance(10);
  }
  const { txBytes, txDropped } = near.path.counters();
  assert.ok(txBytes > 9_900_000 && txBytes < 10_200_000, `${txBytes}`);
  const groups = right.device.wrote.filter((record) => record[4] === 0xff).length;
  assert.ok(groups >= 90 && groups <= 120, `${groups}`);
  assert.ok(txDropped.rate > 0);
  near.link.write(Buffer.concat(Array.from({ length: 300 }, () => frameRecord(A, B, 1_000))));
  rig.settle();
  assert.ok(far.path.counters().rxDropped.rate > 0);
});

test('a token bucket saves up no more than its burst, and lets one piece go below zero', () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(clock, 100, 10);
  bucket.take(60);
  assert.not(bucket.open);
  clock.advance(500);
  bucket.refill();
  assert.not(bucket.open);
  clock.advance(10_000);
  bucket.refill();
  bucket.take(10);
  assert.not(bucket.open);
});

test('what is too long for a record is dropped here, and is no protocol error there', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right);
  const frame = Buffer.alloc(65_579, 1);
  frame.set(build(big).frame.subarray(0, 14));
  left.device.read(offloadRecord(frame, { flags: 1, gsoType: 1, gsoSize: 1_448 }), frameRecord(B, A));
  rig.settle();
  assert.equal([near.events, far.events].flat(), ['firstRecord', 'firstRecord']);
  assert.is(near.path.counters().txDropped['bad-offload'], 1);
  assert.equal(right.device.wrote, [frameRecord(B, A)]);
});

test('a TCP super-frame to a group address is refused, by the sender and by the receiver', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right);
  const record = superRecord(tcp(30_000, { destination: number(BROADCAST) }), 1_448);
  left.device.read(record);
  near.link.write(record);
  rig.settle();
  assert.is(near.path.counters().txDropped['bad-offload'], 1);
  assert.is(far.path.counters().rxDropped['bad-offload'], 1);
  assert.equal(right.device.wrote, []);
});

test('caps charge the segments of a super-frame and their headers, both ways', () => {
  for (const direction of ['tx', 'rx'] as const) {
    const rig = new Rig();
    const [left, right] = [place(), place()];
    const { near, far } = rig.handler(left, 'BRIDGE', right, ['*'], { bcastRate: 10 });
    const flood = superRecord(tcp(1_024, { protocol: 17, destination: number(BROADCAST) }), 8);
    for (let i = 0; i < 100; i++) {
      if (direction === 'tx') left.device.read(flood);
      else near.link.write(flood);
      rig.settle();
      rig.clock.advance(100);
    }
    // 128 datagrams each: 10 s are good for 100 of them beside the first piece.
    const { txFrames } = near.path.counters();
    const { rxFrames } = far.path.counters();
    assert.is(direction === 'tx' ? txFrames : rxFrames, 1);
  }
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right, ['*'], { rate: 8_000_000 });
  // 1,000 bytes in segments of 8 are some 10,000 on a wire: 1 MB/s and a tenth of it at first let 110 through.
  const small = superRecord(tcp(1_000), 8);
  for (let i = 0; i < 1_000; i++) {
    left.device.read(small);
    rig.settle();
    rig.clock.advance(1);
  }
  const { txFrames } = near.path.counters();
  assert.ok(txFrames > 80 && txFrames < 160, `${txFrames}`);
});

test('behind a tag that Linux does not know super-frames are cut before they get to the device', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  rig.handler(left, 'BRIDGE', right);
  const tagged = tcp(20_000, { tags: [0x9100] });
  left.device.read(superRecord(tagged, 1_300), superRecord(tcp(20_000, { tags: [0x8100] }), 1_300));
  rig.settle();
  const whole = superRecord(tcp(20_000, { tags: [0x8100] }), 1_300);
  assert.equal(right.device.wrote, [...segments(tagged, 1_300), whole]);
});

test('a super-frame that the device refuses does not have all later ones of its kind cut', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  rig.handler(left, 'BRIDGE', right);
  const wrong = superRecord(tcp(3_000, { protocol: 17 }), 1_000);
  const single = superRecord(tcp(1_000, { protocol: 17 }), 0xffff);
  right.device.verdict = (record) => (record.equals(wrong) ? 'badOffload' : 'written');
  const good = superRecord(tcp(30_000, { protocol: 17 }), 1_400);
  left.device.read(single, wrong, good);
  rig.settle();
  assert.equal(right.device.wrote, [single, ...segments(tcp(3_000, { protocol: 17 }), 1_000), good]);
});

test.run();
