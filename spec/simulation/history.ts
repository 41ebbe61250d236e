/** Plays one plan to its end. */
import { finish } from './final-checks.ts';
import { perform } from './perform.ts';
import type { Plan } from './plan.ts';
import { type Figures, Simulation } from './simulation.ts';

export interface Outcome {
  readonly plan: Plan;
  /** What was wrong first; undefined when all was well. */
  readonly failure: string | undefined;
  readonly figures: Figures;
}

/** @param tell gets the story, line by line */
export async function play(plan: Plan, tell?: (line: string) => void): Promise<Outcome> {
  const simulation = new Simulation(plan, tell);
  const fail = (error: unknown) => simulation.fail((error as Error).stack ?? String(error));
  // It would end a server.
  process.on('unhandledRejection', fail);
  try {
    await live(simulation);
  } catch (error) {
    fail(error);
  } finally {
    process.off('unhandledRejection', fail);
  }
  return { plan, failure: simulation.failure, figures: simulation.figures };
}

async function live(simulation: Simulation): Promise<void> {
  for (const site of simulation.sites) site.start();
  await simulation.clock.settle();
  for (const step of simulation.plan.steps) {
    await simulation.clock.elapse(step.wait);
    if (simulation.failure !== undefined) return;
    simulation.note('', () => `── ${JSON.stringify(step.act)}`);
    perform(simulation, step);
  }
  await simulation.clock.settle();
  await finish(simulation);
}
