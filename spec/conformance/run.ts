/** Runs cases of the suite on several servers in this process at once: most of a case is waiting. */
import type { Case } from '../../tools/vnet/conform/case.ts';
import { Coverage } from '../../tools/vnet/conform/coverage.ts';
import { type Outcome, runCases } from '../../tools/vnet/conform/runner.ts';
import { casesFor, offeredMethods } from '../../tools/vnet/conform/suite.ts';
import { InProcess, type InProcessOptions } from './in-process.ts';

const AT_ONCE = 4;

export interface Ran {
  readonly cases: readonly Case[];
  readonly outcomes: readonly Outcome[];
  readonly coverage: Coverage;
  /** One of the servers, for what it can do. It is closed already. */
  readonly target: InProcess;
}

/** @param wanted tells which cases are run */
export async function runSuite(options: InProcessOptions, wanted: (test: Case) => boolean): Promise<Ran> {
  const targets = await Promise.all(Array.from({ length: AT_ONCE }, () => InProcess.start(options)));
  const target = targets[0]!;
  const cases = casesFor(target, await offeredMethods(target)).filter(wanted);
  const coverage = new Coverage();
  const outcomes: Outcome[] = [];
  await Promise.all(
    targets.map(async (one, place) => {
      const own = cases.filter((_, index) => index % AT_ONCE === place);
      const ran = await runCases(one, own, { seed: 1 });
      coverage.add(ran.coverage);
      outcomes.push(...ran.outcomes);
      await one.close();
    }),
  );
  return { cases, outcomes, coverage, target };
}

/** Groups of cases, by the beginning of their ids. */
export function groupsOf(cases: readonly Case[]): readonly string[] {
  return [...new Set(cases.map(groupOf))];
}

export function groupOf({ id }: Case): string {
  const [kind = '', second = '', ...rest] = id.split('/');
  return rest.length > 0 ? `${kind}/${second}` : kind;
}

/** What failed in a group, with the talk, for people; empty when all passed. */
export function failuresIn(outcomes: readonly Outcome[], group: string): string {
  return outcomes
    .filter(({ test, verdict }) => verdict === 'fail' && groupOf(test) === group)
    .map(({ test, why, story = [] }) =>
      [`${test.id}: ${why}`, ...story.map((line) => `    ${line}`)].join('\n'),
    )
    .join('\n');
}
