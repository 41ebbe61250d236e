import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flowOf } from '../../../machines/frames/flows.ts';

const test = suite('flows');
const MACS = '525400000001525400000002';
const ipv4 = (protocol: string, addresses: string, ports: string, fragment = '0000') =>
  Buffer.from(
    `${MACS}0800450000280001${fragment}40${protocol}0000${addresses}${ports}${'00'.repeat(16)}`,
    'hex',
  );
const A = '0a0000010a000002';
const of = (frame: Buffer) => flowOf(frame, 0, frame.length);

test('the same addresses, protocol and ports are one flow, whatever else differs', () => {
  const frame = ipv4('06', A, '13881f90');
  const later = Buffer.from(frame);
  later.writeUInt16BE(0x4711, 18);
  later.writeUInt32BE(0xdeadbeef, 38);
  assert.is(of(frame), of(later));
});

test('another address, protocol or port is another flow', () => {
  const flows = [
    ipv4('06', A, '13881f90'),
    ipv4('11', A, '13881f90'),
    ipv4('06', A, '13881f91'),
    ipv4('06', '0a0000010a000003', '13881f90'),
    ipv4('01', A, '08001234'),
  ].map(of);
  assert.is(new Set(flows).size, flows.length);
});

test('ICMP has no ports: an echo request is of one flow with the next', () => {
  assert.is(of(ipv4('01', A, '08001111')), of(ipv4('01', A, '08002222')));
});

test('all fragments between two machines are one flow', () => {
  const first = ipv4('11', A, '13881f90', '2000');
  const second = ipv4('11', A, 'ffffffff', '00b9');
  assert.is(of(first), of(second));
});

test('tags do not matter, and what is not IP goes by addresses and type', () => {
  const frame = ipv4('06', A, '13881f90');
  const tagged = Buffer.concat([frame.subarray(0, 12), Buffer.from('81000064', 'hex'), frame.subarray(12)]);
  assert.is(of(frame), of(tagged));
  const arp = (payload: string) => Buffer.from(`${MACS}0806${payload.repeat(28)}`, 'hex');
  assert.is(of(arp('00')), of(arp('ff')));
});

test('takes any bytes, and reads none behind the end', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 14, maxLength: 120 }),
      fc.uint8Array({ maxLength: 40 }),
      (bytes, more) => {
        const frame = Buffer.from(bytes);
        const flow = flowOf(frame, 0, frame.length);
        assert.ok(flow >= 0 && flow <= 0xffff_ffff && Number.isInteger(flow));
        assert.is(flowOf(Buffer.concat([frame, more]), 0, frame.length), flow);
      },
    ),
    { numRuns: 500 },
  );
});

test.run();
