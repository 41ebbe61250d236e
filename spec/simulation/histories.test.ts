/**
 * Some of the histories of `npm run simulate`, every time; those that once found something, for ever; and that a
 * history is the same whenever it is played.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { play } from './history.ts';
import { type Plan, planOf } from './plan.ts';
import { kindOf, shrink } from './shrink.ts';

const HISTORIES = 40;
const found = new URL('./found/', import.meta.url);

/** What a history found, and the shortest plan that showed it. */
interface Find {
  readonly what: string;
  readonly plan: Plan;
}

const test = suite('simulated histories');

test(`${HISTORIES} histories with faults`, async () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { failure } = await play(planOf(seed));
    assert.is(failure, undefined, `seed ${seed}: npm run simulate -- --seed ${seed} --histories 1 --story`);
  }
});

for (const file of readdirSync(found).sort()) {
  const { what, plan } = JSON.parse(readFileSync(new URL(file, found), 'utf8')) as Find;
  test(`found once: ${what}`, async () => {
    assert.is((await play(plan)).failure, undefined);
  });
}

test('a history is the same whenever it is played', async () => {
  const tell = async (): Promise<string> => {
    const hash = createHash('sha256');
    await play(planOf(7), (line) => hash.update(line));
    return hash.digest('hex');
  };
  assert.is(await tell(), await tell());
});

test('a plan goes through JSON unchanged', () => {
  const plan = planOf(11);
  assert.equal(JSON.parse(JSON.stringify(plan)), plan);
});

test('a failing plan is made short', async () => {
  // A time that no history takes: the end of this one is never reached.
  const impossible: Plan = {
    ...planOf(3),
    steps: [...planOf(3).steps, { wait: -1, act: { kind: 'clock', hours: 1 } }],
  };
  const { failure } = await play(impossible);
  assert.match(failure ?? '', /time does not pass/);
  const short = await shrink(impossible, failure ?? '');
  assert.is(short.steps.length, 1);
  assert.is(kindOf((await play(short)).failure ?? ''), kindOf(failure ?? ''));
});

test.run();
