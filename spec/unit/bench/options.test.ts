import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BENCH, readOptions } from '../../../tools/bench/options.ts';
import { VARIANTS } from '../../../tools/bench/variants.ts';
import { UsageError } from '../../../tools/vnet/cli/failures.ts';
import { helpText, parse } from '../../../tools/vnet/cli/parse.ts';

const test = suite('options of the benchmark');
const read = (...args: string[]) => readOptions(parse(BENCH, args).values);

test('without any, this program is measured in all ways', () => {
  const options = read();
  assert.equal(
    options.variants,
    VARIANTS.filter(({ relay }) => relay === undefined),
  );
  assert.is(options.variants.length, 6);
  assert.is(options.reps, 3);
  assert.is(options.handlers, undefined);
});

test('direct veth is measured whatever is chosen, and first', () => {
  const names = read('--only', 'small,tls').variants.map(({ name }) => name);
  assert.equal(names, ['direct', 'tls', 'small']);
});

test('wrong values are told with what would be right', () => {
  assert.throws(() => read('--reps', '0'), /--reps takes a whole number from 1/);
  assert.throws(
    () => read('--seconds', '1.5'),
    (error: unknown) => error instanceof UsageError,
  );
  assert.throws(() => read('--only', 'tap,tin'), /--only knows direct, tap.*not "tin"/);
  assert.throws(() => read('--speed'), /--speed/);
});

test('the help names every option and variant', () => {
  const help = helpText(BENCH, undefined);
  assert.match(help, /^Usage: npm run bench -- \[options\]/);
  for (const word of ['reps', 'seconds', 'pings', 'only', 'json', 'svg', 'handlers']) {
    assert.match(help, `--${word}`);
  }
  for (const { name } of VARIANTS) assert.match(help, name);
});

test.run();
