/** Golden histories: logs of every script, replayed for ever; and forged ones, which must fail where they are forged. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../io/journal/digest.ts';
import { SeededChance } from '../../io/memory/chance.ts';
import { MACHINES } from '../../machines/index.ts';
import { foldLog, replay } from '../../machines/log/replay.ts';
import { allTransitions, transitionOf } from './golden/coverage.ts';
import { asTheyAre, forgeries, readLines, resealed } from './golden/doctor.ts';
import { goldens } from './golden/files.ts';
import { SCRIPTS } from './scripts/all.ts';

const test = suite('golden histories');
const histories = goldens();

/** Transitions that the machines allow and no server makes, and why. */
const NEVER = [
  // Only a session in `binary` is a wire.
  /^session@1 (unauthenticated|authenticated|handling) wire-ended/,
  // BEGIN goes out in the same effect that HELLO's answer asked for, and effects run in order.
  /^initiator@1 authenticated (dial-failed|device-gone|device-away|device-mtu)/,
  // A responder is made in `handling`.
  /^responder@1 (unauthenticated|authenticated) /,
  // A device is held for Handlers that stand, and is taken up for the same ones again.
  /^device@2 held restart → closing/,
  // The record of its start comes before all others.
  /^server@1 stopped (closed-handler|log-cut)/,
];

test('each is replayed by the machines of this program, state by state', () => {
  assert.ok(histories.length >= 180, `there are only ${histories.length} golden histories`);
  const failed = histories.flatMap(({ name, lines }) => {
    const { verdict } = foldLog(lines, MACHINES, sha256);
    if (verdict.kind === 'ok') return [];
    const { seq, actor, why } =
      verdict.kind === 'mismatch' ? verdict.mismatch : { seq: verdict.record, actor: '', why: verdict.why };
    return [`  ${name}, record ${seq}, ${actor}: ${why}`];
  });
  assert.is(
    failed.length,
    0,
    `${failed.length} logs that were written before cannot be replayed any more:\n${failed.slice(0, 5).join('\n')}\n` +
      'A machine was changed. Users have such logs. Keep the definition as it was under its version, and add the ' +
      'changed one with the next version in machines/index.ts: docs/EVENT-LOG.md, "Changing a machine".\n' +
      'Only when no release has written logs with this version: npm run golden.',
  );
});

test('each script that can be played has its history', () => {
  const names = new Set(histories.map(({ name }) => name.split('/')[1]?.split('.')[0]));
  const missing = Object.keys(SCRIPTS).filter((script) => !names.has(script));
  assert.equal(missing, [], 'run `npm run golden -- --missing`');
});

test('every transition that a server can make stands in one of them', () => {
  const seen = new Set(histories.flatMap(({ lines }) => readLines(lines).map(transitionOf)));
  const missing = [...allTransitions()].filter(
    (transition) => !seen.has(transition) && !NEVER.some((never) => never.test(transition)),
  );
  assert.equal(
    missing,
    [],
    'add scripts that show them to spec/log/scripts, then `npm run golden -- --missing`',
  );
  for (const own of ['checkpoint', 'gap', 'restored', 'counted']) {
    assert.ok(seen.has(`server@1 running ${own} → running`), own);
  }
});

/** What replay says: `damaged` or `mismatch`, and the index of the record. */
function judge(lines: readonly string[]): string {
  const first = (JSON.parse(lines[0]!) as { seq: number }).seq;
  const steps = replay(lines, MACHINES, sha256);
  for (;;) {
    const { done, value } = steps.next();
    if (!done) continue;
    if (value.kind === 'ok') return 'ok';
    return `${value.kind} at ${(value.kind === 'damaged' ? value.record : value.record.seq) - first}`;
  }
}

test('a forged one fails at the forged record, whether its hashes were made anew or not', () => {
  const chance = new SeededChance(4);
  let tried = 0;
  for (const { name, lines } of histories) {
    const records = readLines(lines);
    const states = new Map<string, string>();
    const telling = [...records.keys()].filter((index) => {
      const { actor, state, event } = records[index]!;
      const before = states.get(actor);
      states.set(actor, state);
      return index > 0 && before !== undefined && before !== state && event.type !== 'gap';
    });
    for (let pick = 0; pick < 2 && telling.length > 0; pick++) {
      const at = telling[chance.below(telling.length)]!;
      for (const forgery of forgeries(records, at)) {
        const where = `${name}, record ${records[at]!.seq}: ${forgery.name}`;
        assert.is(judge(asTheyAre(forgery.records)), `damaged at ${forgery.broken}`, where);
        tried++;
        if (forgery.wrong === undefined) continue;
        const made = judge(resealed(forgery.records));
        assert.is(made, `mismatch at ${forgery.wrong}`, `${where}, hashes made anew`);
      }
    }
  }
  assert.ok(tried > 1000, `${tried} forgeries`);
});

test('a changed checkpoint or gap fails where it stands, or where it is first wrong', () => {
  for (const { name, lines } of histories) {
    const records = readLines(lines);
    for (const [at, record] of records.entries()) {
      if (record.event.type !== 'checkpoint') continue;
      const actors = structuredClone(record.event.actors) as Record<
        string,
        { context: Record<string, unknown> }
      >;
      const server = actors.server;
      if (server === undefined) continue;
      server.context.name = 'forged';
      const forged = records.with(at, { ...record, event: { ...record.event, actors } });
      assert.is(judge(asTheyAre(forged)), `damaged at ${at}`, name);
      assert.is(judge(resealed(forged)), `mismatch at ${at}`, name);
    }
  }
});

test('what a chain cannot show: that its tail was cut off', () => {
  const { lines } = histories.find(({ lines }) => lines.length > 20)!;
  assert.is(judge(lines.slice(0, -10)), 'ok');
});

test.run();
