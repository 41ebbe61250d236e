/** Virtio headers that belie their frames. The devices are drawn in `bench.ts`. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inOwnNamespace } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';
import {
  build,
  frameRecord,
  type Offload,
  offloadRecord,
  type Packet,
  superRecord,
} from '../../unit/frames/packets.ts';
import { listen, tapAndCapture } from './bench.ts';
import { packet, SEGMENT } from './kinds.ts';

/** What is no right header for its frame; each must be refused and harm nobody else. */
function wrongRecords(): [string, Buffer][] {
  const tcp = packet(4, 6, [], 5000);
  const udp = packet(4, 17, [], 5000);
  const wrong = (what: Packet, more: Offload) => superRecord(what, SEGMENT, more);
  return [
    ['no checksum asked for', wrong(tcp, { flags: 0 })],
    ['segments of no bytes', wrong(tcp, { gsoSize: 0 })],
    ['segments of one byte', wrong(tcp, { gsoSize: 1 })],
    ['more UDP segments than the kernel makes', wrong(udp, { gsoSize: 10 })],
    ['an unknown kind', wrong(tcp, { gsoType: 9 })],
    ['UDP fragmentation', wrong(udp, { gsoType: 3 })],
    ['UDP with ECN', wrong(udp, { gsoType: 0x85 })],
    ['IPv6 on an IPv4 frame', wrong(tcp, { gsoType: 4 })],
    ['UDP on a TCP frame', wrong(tcp, { gsoType: 5, csumOffset: 6 })],
    ['a checksum behind the end', wrong(tcp, { csumStart: 65_000 })],
    ['a checksum in the Ethernet header', wrong(tcp, { csumStart: 4 })],
    ['a checksum at a wrong place', wrong(tcp, { csumOffset: 14 })],
    ['a transport header at a wrong place', wrong(tcp, { csumStart: 36 })],
    [
      'a plain frame with a checksum behind its end',
      offloadRecord(Buffer.alloc(60, 1), { flags: 1, csumStart: 58, csumOffset: 2 }),
    ],
    [
      'a frame that is cut off',
      offloadRecord(build(tcp).frame.subarray(0, 40), {
        flags: 1,
        gsoType: 1,
        gsoSize: 100,
        csumStart: 34,
        csumOffset: 16,
      }),
    ],
    ['no frame', offloadRecord(Buffer.alloc(3), {})],
  ];
}

function tests(): void {
  const test = suite('offload: wrong headers');

  test('a wrong virtio header harms its own frame alone', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      const good = frameRecord(build(packet(4, 17, [], 100)).frame);
      for (const device of [tap, capture]) {
        for (const [name, record] of wrongRecords()) {
          const region = Buffer.concat([good, record, good]);
          const { written, badOffload } = device.write(region, 0, region.length);
          assert.equal({ written, badOffload }, { written: 2, badOffload: 1 }, name);
        }
      }
      await until('the good ones', () => heard.length >= 2 * wrongRecords().length);
      assert.ok(heard.every(({ type }) => type === 0));
    } finally {
      await close();
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
