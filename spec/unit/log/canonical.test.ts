import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { canonical } from '../../../machines/log/canonical.ts';
import { firstDifference } from '../../../machines/log/difference.ts';

const test = suite('canonical JSON');

/** RFC 8785 as one would write it down: parse what JSON.stringify gives, sort every object, print it. */
function obvious(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(obvious).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => (a < b ? -1 : 1));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${obvious((value as Record<string, unknown>)[key])}`).join(',')}}`;
}

test('is what the obvious version gives', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.is(canonical(value), obvious(JSON.parse(JSON.stringify(value))));
    }),
    { numRuns: 200 },
  );
});

test('does not depend on the order of keys, nor on a way through JSON', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse());
      assert.is(canonical(turned), canonical(value));
      assert.is(canonical(JSON.parse(canonical(value))), canonical(value));
    }),
  );
});

test('the example of RFC 8785, section 3.2.2', () => {
  const value = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\u002f',
    literals: [null, true, false],
  };
  assert.is(
    canonical(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('keys are sorted by UTF-16 units, as in RFC 8785, section 3.2.3', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
  const order = [...canonical(value).matchAll(/:(\d)/g)].map(([, digit]) => digit).join('');
  assert.is(order, '2467153');
  assert.is(canonical({ 10: 'a', 9: 'b' }), '{"10":"a","9":"b"}');
});

test('numbers', () => {
  assert.is(
    canonical([-0, 1e21, 1e-7, 123456789012345680000, 5e-324, 0.1 + 0.2]),
    '[0,1e+21,1e-7,123456789012345680000,5e-324,0.30000000000000004]',
  );
});

test('keys that are undefined are left out', () => {
  assert.is(canonical({ b: undefined, a: 1, c: undefined }), '{"a":1}');
  assert.is(canonical({ b: undefined }), '{}');
});

test('an unpaired surrogate is escaped, a pair is not', () => {
  assert.is(canonical('\ud800x'), '"\\ud800x"');
  assert.is(canonical('😀'), '"😀"');
});

test('what JSON cannot hold is refused', () => {
  let deep: unknown[] = [];
  for (let level = 0; level < 100_000; level++) deep = [deep];
  for (const value of [
    Number.NaN,
    Infinity,
    -Infinity,
    undefined,
    [undefined],
    () => 1,
    Symbol('s'),
    1n,
    new Date(0),
    new Map(),
    deep,
  ]) {
    assert.throws(
      () => canonical(value),
      (error: unknown) => error instanceof TypeError,
    );
    assert.throws(
      () => canonical({ field: [value ?? Number.NaN] }),
      (error: unknown) => error instanceof TypeError,
    );
  }
});

test('the first difference is found by its path', () => {
  assert.is(firstDifference({ a: { b: [1, 2] } }, { a: { b: [1, 3] } }), 'a.b.1');
  assert.is(firstDifference({ a: 1, b: undefined }, { a: 1 }), '');
  assert.is(firstDifference({ a: 1 }, { a: 1, z: null }), 'z');
  assert.is(firstDifference([], {}), '(the whole)');
  assert.is(firstDifference(undefined, {}), '(the whole)');
});

test('there is a difference exactly when canonical forms differ', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (left, right) => {
      assert.is(firstDifference(left, right) === '', canonical(left) === canonical(right));
      assert.is(firstDifference(left, structuredClone(left)), '');
    }),
  );
});

test.run();
