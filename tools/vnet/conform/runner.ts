/** Runs cases one after the other, and says of each what came of it. */
import { randomBytes } from 'node:crypto';
import type { Case } from './case.ts';
import { CaseContext, type Shared } from './case-context.ts';
import { Coverage } from './coverage.ts';
import { Endurance } from './endurance.ts';
import { Nonconformity, NotApplicable } from './nonconformity.ts';
import type { Target } from './target.ts';

export interface Outcome {
  readonly test: Case;
  readonly verdict: 'pass' | 'fail' | 'skip';
  /** Why it failed or was left out. */
  readonly why?: string;
  /** What was said on each connection, of a case that failed. */
  readonly story?: readonly string[];
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly seed: number;
  /** Told of each case as it ends. @returns false to leave the rest out */
  readonly told?: (outcome: Outcome) => boolean | undefined;
  /** Told when something did not come so often that it is not waited for any more. */
  readonly gaveUp?: (text: string) => void;
  readonly coverage?: Coverage;
}

/** Those that make the server slow come last, otherwise the order is kept. */
export function inOrder(cases: readonly Case[]): readonly Case[] {
  return [...cases.filter(({ late }) => !late), ...cases.filter(({ late }) => late)];
}

export async function runCases(
  target: Target,
  cases: readonly Case[],
  { seed, told, gaveUp, coverage = new Coverage() }: RunOptions,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly coverage: Coverage }> {
  const endurance = new Endurance(target.patience, gaveUp);
  const shared: Shared = { run: randomBytes(8).toString('hex'), boss: undefined, endurance };
  const outcomes: Outcome[] = [];
  try {
    for (const test of inOrder(cases)) {
      const outcome = await runCase(target, test, seed, coverage, shared);
      outcomes.push(outcome);
      if (told?.(outcome) === false) break;
    }
  } finally {
    shared.boss?.cut();
  }
  return { outcomes, coverage };
}

async function runCase(
  target: Target,
  test: Case,
  seed: number,
  coverage: Coverage,
  shared: Shared,
): Promise<Outcome> {
  const bench = new CaseContext(target, coverage, shared, test.id, seed);
  const since = performance.now();
  const ended = (verdict: Outcome['verdict'], why?: string): Outcome => ({
    test,
    verdict,
    milliseconds: Math.round(performance.now() - since),
    ...(why === undefined ? {} : { why }),
    ...(verdict === 'fail' ? { story: storyOf(bench) } : {}),
  });
  let outcome: Outcome;
  try {
    await test.run(bench);
    outcome = ended('pass');
  } catch (error) {
    outcome =
      error instanceof NotApplicable ? ended('skip', error.message) : ended('fail', explain(error as Error));
  }
  try {
    await bench.tidy();
  } catch (error) {
    shared.boss?.cut();
    shared.boss = undefined;
    if (outcome.verdict === 'pass') {
      const verdict = error instanceof NotApplicable ? 'skip' : 'fail';
      outcome = ended(verdict, `cleaning up: ${explain(error as Error)}`);
    }
  }
  return outcome;
}

function explain(error: Error): string {
  return error instanceof Nonconformity || error instanceof NotApplicable
    ? error.message
    : (error.stack ?? error.message);
}

function storyOf({ story }: CaseContext): readonly string[] {
  return story.flatMap(({ name, talk }) => {
    // The onlooker asks the same again and again.
    const lines = name === 'onlooker' ? talk.story.slice(-4) : talk.story;
    return [`${name}:`, ...lines.map((line) => `  ${line}`)];
  });
}
