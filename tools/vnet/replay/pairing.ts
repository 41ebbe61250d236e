/** Which arrival at the responder is which attempt of the initiator. */
import type { Arrival, Attempt } from './causality.ts';

export type Pair = readonly [Attempt, Arrival];

/** Past so many combinations the order alone decides. */
const MOST = 4_000_000;

/**
 * Both lists are in order, and a BEGIN cannot overtake another one: so is the pairing. Not every BEGIN that was sent
 * arrived, and either log may begin later than the other. Of the pairings that do not contradict what the two say
 * the one with the most agreement is taken, and of equal ones that in which the clocks agree best.
 */
export function pair(attempts: readonly Attempt[], arrivals: readonly Arrival[]): readonly Pair[] {
  if (attempts.length * arrivals.length > MOST) return inOrder(attempts, arrivals);
  const columns = arrivals.length + 1;
  // best[i * columns + j]: the best score for the attempts from i on and the arrivals from j on.
  const best = new Float64Array((attempts.length + 1) * columns);
  for (let i = attempts.length - 1; i >= 0; i--) {
    for (let j = arrivals.length - 1; j >= 0; j--) {
      const together = agreement(attempts[i]!, arrivals[j]!) + best[(i + 1) * columns + j + 1]!;
      best[i * columns + j] = Math.max(together, best[(i + 1) * columns + j]!, best[i * columns + j + 1]!);
    }
  }
  const pairs: Pair[] = [];
  for (let i = 0, j = 0; i < attempts.length && j < arrivals.length; ) {
    const score = best[i * columns + j]!;
    if (score === best[(i + 1) * columns + j]!) i++;
    else if (score === best[i * columns + j + 1]!) j++;
    else pairs.push([attempts[i++]!, arrivals[j++]!]);
  }
  return pairs;
}

/** Minus infinity for two that cannot be one; else how well they fit, above 0. */
function agreement(attempt: Attempt, arrival: Arrival): number {
  const taken = attempt.beginTaken !== undefined;
  const up = arrival.up !== undefined;
  if (taken && !up) return Number.NEGATIVE_INFINITY;
  if (arrival.firstRecord !== undefined && !taken) return Number.NEGATIVE_INFINITY;
  if (attempt.refused !== undefined && up) return Number.NEGATIVE_INFINITY;
  const same = taken === up && (attempt.refused !== undefined) === (arrival.refused !== undefined);
  const seconds = Math.abs(attempt.time - arrival.time) / 1000;
  return (same ? 10 : 1) + 1 / (1 + seconds);
}

/** From the end, where both logs are complete. */
function inOrder(attempts: readonly Attempt[], arrivals: readonly Arrival[]): readonly Pair[] {
  const taken = attempts.filter(({ beginTaken }) => beginTaken !== undefined);
  const up = arrivals.filter(({ up }) => up !== undefined);
  const count = Math.min(taken.length, up.length);
  return taken.slice(-count).map((attempt, index) => [attempt, up[up.length - count + index]!] as const);
}
