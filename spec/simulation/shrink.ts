/** Makes a failing plan short: leaves out what the failure does not need, larger pieces first. */
import { play } from './history.ts';
import type { Plan, Step } from './plan.ts';

/** Histories that may be played for it at most. */
const TRIES = 400;

/** What a failure is called without the names and numbers that change when steps are left out. */
export function kindOf(failure: string): string {
  return failure
    .replace(/^after [\d.]+ s: /, '')
    .split('\n', 1)[0]!
    .replace(/[0-9a-f]{16,}|\d+|(alpha|beta|gamma)(\/\w+)?/g, '#')
    .slice(0, 60);
}

/** @returns the shortest plan found that fails in the same way */
export async function shrink(plan: Plan, failure: string): Promise<Plan> {
  const kind = kindOf(failure);
  let tries = 0;
  let best = plan;
  const fails = async (steps: readonly Step[]): Promise<boolean> => {
    if (tries++ >= TRIES) return false;
    const outcome = await play({ ...plan, steps });
    return outcome.failure !== undefined && kindOf(outcome.failure) === kind;
  };
  for (let size = plan.steps.length >> 1; size >= 1; size = size >> 1) {
    for (let at = 0; at < best.steps.length; ) {
      const steps = [...best.steps.slice(0, at), ...best.steps.slice(at + size)];
      if (await fails(steps)) best = { ...best, steps };
      else at += size;
    }
  }
  return best;
}
