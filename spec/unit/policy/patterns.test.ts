import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileMac, glob } from '../../../machines/policy/patterns.ts';
import { formatMac, macNumber } from '../../../machines/protocol/mac.ts';

const test = suite('patterns of a policy');

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 12, size: 'max' });

test('a glob agrees with the same as a regular expression', () => {
  fc.assert(
    fc.property(
      letters,
      fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12, size: 'max' }),
      (pattern, text) => {
        const source = pattern.replace(/\./g, '\\.').replace(/\*/g, '.*');
        assert.is(glob(pattern)(text), new RegExp(`^${source}$`).test(text), `${pattern} ${text}`);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a glob with many stars takes no longer for a text that does not fit', () => {
  const fits = glob(`${'a*'.repeat(200)}b`);
  assert.not(fits('a'.repeat(100_000)));
});

test('a MAC prefix is that many bits', () => {
  const mac = fc.integer({ min: 1, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(mac, mac, fc.integer({ min: 1, max: 48 }), (one, other, bits) => {
      const fits = compileMac(`${formatMac(one)}/${bits}`);
      if (typeof fits === 'string') throw new Error(fits);
      const head = (value: number) => value.toString(2).padStart(48, '0').slice(0, bits);
      assert.is(fits(formatMac(other)), head(one) === head(other));
      assert.ok(fits(formatMac(one)));
      assert.is(macNumber(formatMac(one)), one);
    }),
    { numRuns: 500 },
  );
});

test.run();
