import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median, quantile } from '../../../tools/bench/statistics.ts';

const test = suite('statistics of the benchmark');

test('medians of few values', () => {
  assert.is(median([]), undefined);
  assert.is(median([7]), 7);
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
});

test('a quantile lies between the neighbours it stands between', () => {
  assert.is(quantile([10, 20, 30, 40, 50], 0), 10);
  assert.is(quantile([10, 20, 30, 40, 50], 1), 50);
  assert.is(quantile([10, 20, 30, 40, 50], 0.9), 46);
});

test('about as many values lie below a quantile as it says', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), share, (values, wanted) => {
      const found = quantile(values, wanted)!;
      const below = values.filter((value) => value < found).length;
      const notAbove = values.filter((value) => value <= found).length;
      assert.ok(below <= Math.ceil(wanted * (values.length - 1)));
      assert.ok(notAbove >= Math.floor(wanted * (values.length - 1)) + (wanted === 1 ? 1 : 0));
    }),
  );
});

test('the values themselves stay as they were', () => {
  const values = [3, 1, 2];
  median(values);
  assert.equal(values, [3, 1, 2]);
});

test.run();
