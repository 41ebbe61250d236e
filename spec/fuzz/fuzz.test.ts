/** A short run of every fuzzer, always with the same inputs; and every crash that was ever found, again. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attempt, fuzz, kept } from './engine.ts';
import { TARGETS } from './targets.ts';

const SEED = 20261122;
/** Of those that take long for each input. */
const FEW: Readonly<Record<string, number>> = { 'log-fold': 40, 'log-files': 40, frames: 250 };

const test = suite('fuzzing');

for (const target of TARGETS) {
  test(`${target.name}: mutated inputs`, () => {
    const { crash } = fuzz(target, SEED, (tried) => tried < (FEW[target.name] ?? 400));
    if (crash !== undefined) {
      assert.unreachable(
        `${crash.error.stack}\nnpm run fuzz -- --target ${target.name} --seed ${SEED} keeps it in spec/crashes`,
      );
    }
  });

  test(`${target.name}: any bytes`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), (bytes) => target.run(Buffer.from(bytes))),
      { numRuns: 40, seed: SEED },
    );
  });
}

for (const { file, target: name, input } of kept()) {
  test(`crash ${file}`, () => {
    const target = TARGETS.find((one) => one.name === name);
    assert.ok(target, `there is no fuzzer ${name} any more: rename its crashes with it`);
    assert.is(target && attempt(target, input)?.stack, undefined);
  });
}

test.run();
