import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HELP, readOptions } from '../../../tools/bench/options.ts';
import { VARIANTS } from '../../../tools/bench/variants.ts';
import { UsageError } from '../../../tools/vnet/cli/failures.ts';

const test = suite('options of the benchmark');

test('without any, this program is measured in all ways', () => {
  const options = readOptions([]);
  assert.equal(
    options.variants,
    VARIANTS.filter(({ relay }) => relay === undefined),
  );
  assert.is(options.variants.length, 6);
  assert.is(options.reps, 3);
  assert.is(options.handlers, undefined);
});

test('direct veth is measured whatever is chosen, and first', () => {
  const names = readOptions(['--only', 'small,tls']).variants.map(({ name }) => name);
  assert.equal(names, ['direct', 'tls', 'small']);
});

test('wrong values are told with what would be right', () => {
  assert.throws(() => readOptions(['--reps', '0']), /--reps takes a whole number from 1/);
  assert.throws(
    () => readOptions(['--seconds', '1.5']),
    (error: unknown) => error instanceof UsageError,
  );
  assert.throws(() => readOptions(['--only', 'tap,tin']), /--only knows direct, tap.*not "tin"/);
  assert.throws(() => readOptions(['--speed']), /--speed/);
});

test('the help names every option and variant', () => {
  for (const word of ['reps', 'seconds', 'pings', 'only', 'json', 'svg', 'handlers']) {
    assert.match(HELP, `--${word}`);
  }
  for (const { name } of VARIANTS) assert.match(HELP, name);
});

test.run();
