import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BROADCAST,
  destination,
  ETHERTYPE_RARP,
  etherTypeOffset,
  exceedsMtu,
  isBroadcast,
  isGroup,
  isLinkLocalControl,
  source,
} from '../../../machines/frames/ethernet.ts';
import { dataOffset, IpLayout, locate } from '../../../machines/frames/parse-ip.ts';
import { announcement, announcementRecords, writeAnnouncement } from '../../../machines/frames/rarp.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { build, frameRecord, packets } from './packets.ts';

const test = suite('frames');

test('addresses are read as 48-bit numbers, at any offset', () => {
  const frame = Buffer.from('ff001122334455fe8899aabbcc0800', 'hex');
  assert.is(destination(frame, 1), 0x001122334455);
  assert.is(source(frame, 1), 0xfe8899aabbcc);
});

test('group, broadcast and link-local control addresses', () => {
  const of = (hex: string) => Buffer.from(`${hex}0000000000000800`, 'hex');
  assert.ok(isGroup(of('01005e000001'), 0) && !isGroup(of('525400000001'), 0));
  assert.ok(isBroadcast(of('ffffffffffff'), 0));
  for (const near of ['ffffffffff7f', 'feffffffffff', '7fffffffffff']) assert.not(isBroadcast(of(near), 0));
  for (const yes of ['0180c2000000', '0180c200000f']) assert.ok(isLinkLocalControl(of(yes), 0));
  for (const no of ['0180c2000010', '0180c20000f0', '0181c2000000', '0180c3000000', '8180c2000000']) {
    assert.not(isLinkLocalControl(of(no), 0));
  }
});

test('up to eight VLAN tags are looked behind, and none that is cut off', () => {
  const frame = Buffer.alloc(40);
  const tag = (at: number) => frame.writeUInt16BE(0x88a8, at);
  assert.is(etherTypeOffset(frame, 0, 40), 12);
  tag(12);
  assert.is(etherTypeOffset(frame, 0, 40), 16);
  tag(16);
  assert.is(etherTypeOffset(frame, 0, 40), 20);
  assert.is(etherTypeOffset(frame, 0, 18), 16);
  assert.is(etherTypeOffset(frame, 0, 17), 12);
  const many = Buffer.alloc(80);
  for (let tags = 0; tags < 9; tags++) many.writeUInt16BE(0x8100, 12 + 4 * tags);
  assert.is(etherTypeOffset(many, 0, 80), 12 + 4 * 8);
});

test('tags do not count towards the MTU', () => {
  const frame = Buffer.alloc(1600);
  assert.not(exceedsMtu(frame, 0, 1514, 1500));
  assert.ok(exceedsMtu(frame, 0, 1515, 1500));
  frame.writeUInt16BE(0x8100, 12);
  assert.not(exceedsMtu(frame, 0, 1518, 1500));
  assert.ok(exceedsMtu(frame, 0, 1519, 1500));
});

test('headers are found where they were put', () => {
  const layout = new IpLayout();
  fc.assert(
    fc.property(packets({ maxPayload: 50 }), (packet) => {
      const { frame, l3, l4, data } = build(packet);
      assert.ok(locate(frame, 0, frame.length, layout));
      assert.equal(
        { ...layout },
        {
          ...new IpLayout(),
          version: packet.version,
          l3,
          l4,
          protocol: packet.protocol,
          declared: frame.length - l3,
          packetEnd: frame.length,
        },
      );
      assert.is(dataOffset(frame, layout), data);
    }),
  );
});

test('extension headers are known, and not more than eight', () => {
  const layout = new IpLayout();
  const [sample] = fc.sample(packets({ maxPayload: 5 }), 1);
  const found = (kinds: readonly number[]) => {
    const extensions = kinds.map((kind) => ({ kind, units: kind === 44 ? 0 : 1 }));
    const { frame, l4 } = build({ ...sample!, version: 6, protocol: 17, extensions });
    const good = locate(frame, 0, frame.length, layout);
    if (good && layout.protocol === 17) assert.is(layout.l4, l4);
    return good;
  };
  assert.ok(found([44]) && layout.fragment && !layout.routed);
  assert.ok(found([0, 43, 51]) && layout.routed && layout.authenticated && !layout.fragment);
  assert.is(layout.protocol, 17);
  assert.ok(found(Array(8).fill(60)) && layout.protocol === 17);
  assert.not(found(Array(9).fill(60)));
  assert.ok(found([135]));
  assert.is(layout.protocol, 135);
});

test('any bytes, cut anywhere: no throw, no offset outside of the frame', () => {
  const layout = new IpLayout();
  fc.assert(
    fc.property(
      packets({ maxPayload: 40 }),
      fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      fc.nat(200),
      (packet, changes, cut) => {
        const { frame } = build(packet);
        for (const [at, value] of changes) frame[at % frame.length] = value;
        const end = cut % (frame.length + 1);
        if (!locate(frame, 0, end, layout)) return;
        assert.ok(
          14 <= layout.l3 &&
            layout.l3 < layout.l4 &&
            layout.l4 <= layout.packetEnd &&
            layout.packetEnd <= end,
        );
        const data = dataOffset(frame, layout);
        assert.ok(data === -1 || (data >= layout.l4 + 8 && data <= layout.packetEnd));
      },
    ),
    { numRuns: 1000 },
  );
});

test('the announcement is what hypervisors send', () => {
  const mac = 0x5254000a0b0c;
  const frame = announcement(mac);
  assert.is(frame.length, 60);
  assert.is(destination(frame, 0), BROADCAST);
  assert.is(source(frame, 0), mac);
  assert.is(frame.readUInt16BE(12), ETHERTYPE_RARP);
  const arp = '0001080006040003' + '5254000a0b0c' + '00000000' + '5254000a0b0c' + '00000000';
  assert.is(frame.toString('hex', 14), arp.padEnd(92, '0'));
  const both = Buffer.concat([frameRecord(frame), frameRecord(announcement(1))]);
  assert.equal(announcementRecords([mac, 1]), both);
  const out = new RecordWriter(8);
  writeAnnouncement(out, mac);
  writeAnnouncement(out, 1);
  assert.equal(out.buffer.subarray(0, out.length), both);
});

test('a writer grows, keeps its buffer on reset and hands it over by swap', () => {
  const sizes: number[] = [];
  const out = new RecordWriter(16, (bytes) => {
    sizes.push(bytes);
    return Buffer.alloc(bytes);
  });
  out.frame(Buffer.alloc(20, 1), 0, 20);
  out.copy(frameRecord(Buffer.alloc(20, 2)), 0, 24);
  assert.is(out.records, 2);
  assert.is(out.length, 48);
  assert.equal(sizes, [16, 32, 64]);
  const { buffer } = out;
  out.reset();
  assert.is(out.length + out.records, 0);
  assert.is(out.buffer, buffer);
  const next = Buffer.alloc(5);
  assert.is(out.swap(next), buffer);
  assert.is(out.buffer, next);
});

test.run();
