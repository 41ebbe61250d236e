import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { finish, finishUdp, fold, sum } from '../../../machines/frames/checksum.ts';
import { embed, slowSum } from './packets.ts';

const test = suite('checksum');

test('the example of RFC 1071', () => {
  const bytes = Buffer.from('0001f203f4f5f6f7', 'hex');
  assert.is(fold(sum(bytes, 0, 8)), 0xddf2);
  assert.is(finish(sum(bytes, 0, 8)), 0x220d);
});

test('sums of any range agree with the slow one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), fc.nat(9), (bytes, before) => {
      const { buffer, start, end } = embed(Buffer.from(bytes), before);
      assert.is(fold(sum(buffer, start, end)), slowSum(bytes));
    }),
  );
});

test('long ranges of the largest words do not overflow', () => {
  for (const length of [32_767, 32_768, 32_769, 65_575, 131_072]) {
    const bytes = Buffer.alloc(length, 0xff);
    assert.is(fold(sum(bytes, 0, length)), slowSum(bytes));
    assert.ok(sum(bytes, 0, length) <= 0x1ffff);
  }
});

test('ranges of even length add up', () => {
  const bytes = Buffer.from(Array.from({ length: 101 }, (_, i) => i * 37));
  assert.is(fold(sum(bytes, 0, 40) + sum(bytes, 40, 101)), slowSum(bytes));
});

test('0 stands for no checksum in UDP only', () => {
  assert.is(finish(0xffff), 0);
  assert.is(finishUdp(0xffff), 0xffff);
  assert.is(finishUdp(1), 0xfffe);
});

test.run();
