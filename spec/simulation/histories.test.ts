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
const ON_LINES = 12;
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

test(`${ON_LINES} histories on ways that lose and wait, over several wires`, async () => {
  let wires = 0;
  for (let seed = 1; seed <= ON_LINES; seed++) {
    const { failure, figures } = await play(planOf(seed, { lines: true }));
    assert.is(failure, undefined, `npm run simulate -- --lines --seed ${seed} --histories 1 --story`);
    wires += figures.wires;
  }
  assert.ok(wires > 20, `${wires} further wires`);
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
    for (const lines of [false, true]) await play(planOf(7, { lines }), (line) => hash.update(line));
    return hash.digest('hex');
  };
  assert.is(await tell(), await tell());
});

test('a plan goes through JSON unchanged', () => {
  for (const lines of [false, true]) {
    const plan = planOf(11, { lines });
    assert.equal(JSON.parse(JSON.stringify(plan)), plan);
  }
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
