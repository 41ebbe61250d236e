/** SCTP packets whose checksum is only started: a CRC32c is what they want, wherever they are finished. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32c, sctpChecksum } from '../../../machines/frames/crc32c.ts';
import { mend } from '../../../machines/frames/mend.ts';
import { remedyOf } from '../../../machines/frames/remedy.ts';
import { segment } from '../../../machines/frames/segment.ts';
import { RecordWriter } from '../../../machines/frames/writer.ts';
import { frameRecord, framesOf, offloadRecord } from './packets.ts';
import { startedRecord as record, sctp, slowCrc } from './sctp-packets.ts';
import { SHELLS, wrap } from './tunnels.ts';

const test = suite('sctp');

test('CRC32c: the check value, the examples of RFC 3720, and any bytes', () => {
  assert.is(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
  assert.is(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
  assert.is(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.is(crc32c(Buffer.from(bytes), 0, bytes.length), slowCrc(bytes));
    }),
  );
});

test('what stands in the field does not count', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 100 }), (bytes) => {
      const packet = Buffer.from(bytes);
      const empty = Buffer.from(packet).fill(0, 8, 12);
      assert.is(sctpChecksum(packet, 0, packet.length), slowCrc(empty));
    }),
  );
});

function finished(bytes: Buffer, mtu = 1500): Buffer[] {
  const out = new RecordWriter(64);
  assert.is(segment(bytes, 0, bytes.length, mtu, out), 1);
  return framesOf(out);
}

for (const version of [4, 6] as const) {
  test(`over IPv${version}: a started checksum is finished as a CRC32c, by nobody but us`, () => {
    for (const tags of [[], [0x8100]]) {
      const packet = sctp(version, tags);
      const started = record(packet);
      assert.is(remedyOf(started, 0, started.length), 'cut');
      assert.equal(finished(started), [packet.right]);
    }
  });

  test(`over IPv${version}: a capture without virtio header`, () => {
    const packet = sctp(version);
    const run = (frame: Buffer) => {
      const out = new RecordWriter(64);
      const bytes = frameRecord(frame);
      return { result: mend(bytes, 0, bytes.length, 1500, 1500, out), frames: framesOf(out) };
    };
    assert.equal(run(packet.right), { result: 0, frames: [] });
    assert.equal(run(packet.started), { result: 1, frames: [packet.right] });
    const wrong = Buffer.from(packet.right);
    wrong[packet.l4 + 20]! ^= 1;
    assert.equal(run(wrong), { result: 0, frames: [] });
  });
}

test('padding behind the packet is no part of the checksum', () => {
  const packet = sctp(4);
  const padded = (frame: Buffer) => Buffer.concat([frame, Buffer.alloc(7)]);
  assert.equal(finished(record({ ...packet, started: padded(packet.started) })), [padded(packet.right)]);
});

test('in a tunnel', () => {
  const shell = SHELLS.find(({ name }) => name === 'VXLAN over IPv4')!;
  const { started, right, l4 } = sctp(4);
  const outside = wrap(shell, started, 7);
  const at = outside.front + l4;
  const bytes = offloadRecord(outside.frame, { flags: 1, csumStart: at, csumOffset: 8 });
  assert.is(remedyOf(bytes, 0, bytes.length), 'cut');
  assert.equal(finished(bytes), [wrap(shell, right, 7).frame]);
});

test('another protocol with a checksum at that place keeps its Internet checksum', () => {
  const { started, l4 } = sctp(4);
  started[14 + 9] = 200;
  const bytes = offloadRecord(started, { flags: 1, csumStart: l4, csumOffset: 8 });
  assert.is(remedyOf(bytes, 0, bytes.length), 'none');
});

test.run();
