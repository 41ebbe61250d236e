/** The suite as tests: a group of cases is a test. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Case } from '../../tools/vnet/conform/case.ts';
import { tallyLine } from '../../tools/vnet/conform/report.ts';
import { beyond } from '../../tools/vnet/conform/unreachable.ts';
import type { InProcessOptions } from './in-process.ts';
import { failuresIn, groupsOf, runSuite } from './run.ts';

/** @param complete the model has to be covered as far as it can be reached at all */
export async function conformance(
  name: string,
  options: InProcessOptions,
  wanted: (test: Case) => boolean,
  complete: boolean,
): Promise<void> {
  const { cases, outcomes, coverage, target } = await runSuite(options, wanted);
  const test = suite(`conformance over ${name}`);
  for (const group of groupsOf(cases)) {
    test(group, () => {
      const failures = failuresIn(outcomes, group);
      assert.is(failures, '', failures);
    });
  }
  test('every case was run', () => assert.is(outcomes.length, cases.length));
  if (complete) {
    test('states, transitions and error reasons: 100 % of the model', () => {
      const tallies = coverage.tallies(beyond(target));
      process.stdout.write(`${tallies.map((tally) => `  ${tallyLine(tally)}\n`).join('')}`);
      for (const { what, missed } of tallies) assert.equal(missed, [], what);
    });
    test('what is said to be out of reach is', () => {
      const wrong = coverage.tallies(beyond(target)).flatMap(({ covered }) => covered.filter(beyond(target)));
      assert.equal(wrong, []);
    });
  }
  test.run();
}

/** On further listeners: what lines and records, their ends and their order have to do with the connection. */
export const dependsOnListener = ({ id }: Case): boolean =>
  /^(text|hello|records|rules)\/|^frames\/(order|unicast)|^responder\/binary|^session\//.test(id) &&
  !/^session\/(unauthenticated-after|authenticated-watching)|^session.* \(/.test(id);
