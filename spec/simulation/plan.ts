/**
 * What happens in one history, as plain data: made from a seed alone, printable, and good with any of its steps left
 * out. So nothing in a step refers to another step; `pick` numbers choose among what is there when it is carried out.
 */
import { SeededChance } from '../../io/memory/chance.ts';
import type { LineConditions } from '../../io/memory/line.ts';
import type { Action } from './action.ts';
import { ACTIONS, someLine } from './steps.ts';

export interface SitePlan {
  readonly name: string;
  /** Of the server's own chance: ids and jitter. */
  readonly seed: number;
  readonly sync: 'always' | 'interval';
  /** A new segment of the log is begun when the open one is longer. */
  readonly segmentBytes: number;
  readonly keepSegments: number;
  /** MTU of its LAN, in bytes. */
  readonly lanMtu: number;
}

export interface Step {
  /** Milliseconds since the step before. */
  readonly wait: number;
  readonly act: Action;
}

export interface Plan {
  readonly seed: number;
  readonly sites: readonly SitePlan[];
  /** Milliseconds one way between two machines. */
  readonly latency: number;
  /** What the way between two machines is like besides, until all faults end. */
  readonly line?: LineConditions;
  /** Whether reads give what came as it came, or cut anywhere. */
  readonly reads: 'whole' | 'pieces';
  readonly steps: readonly Step[];
}

export interface PlanOptions {
  /** Steps of a history; by default 8 to 40, by the seed. */
  readonly steps?: number;
  /** Ways with a length, which lose packets and have a rate, so that Handlers have several wires. */
  readonly lines?: boolean;
}

/** The history of that seed: the same for ever, as long as the menu is. */
export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const chance = new SeededChance(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  const one = <T>(...of: readonly T[]): T => of[chance.below(of.length)]!;
  const names = ['alpha', 'beta', 'gamma'].slice(0, one(2, 2, 3));
  const sites = names.map(
    (name): SitePlan => ({
      name,
      seed: chance.below(2 ** 32),
      sync: one('interval', 'interval', 'always'),
      segmentBytes: one(2 ** 23, 2 ** 23, 20_000),
      keepSegments: one(1000, 2),
      lanMtu: one(1500, 1500, 9000, 1280),
    }),
  );
  const latency = one(0, 0, 1, 20, 150);
  const reads = one<Plan['reads']>('whole', 'pieces');
  const count = options.steps ?? 8 + chance.below(33);
  const steps = Array.from({ length: count }, () => ({
    wait: one(0, 0, 1, 10, 50, 400, 1500, 6000, chance.below(20_000)),
    act: choose(chance),
  }));
  const plan: Plan = { seed, sites, latency, reads, steps };
  return options.lines ? withLines(plan) : plan;
}

const TOTAL = ACTIONS.reduce((sum, [weight]) => sum + weight, 0);

function choose(chance: SeededChance): Action {
  let left = chance.below(TOTAL);
  for (const [weight, make] of ACTIONS) {
    left -= weight;
    if (left < 0) return make(chance);
  }
  throw new Error('the weights do not add up');
}

const ONE_IN = 5;

/** The same history on lines: its own chance, so that the steps stay those of the seed. */
function withLines(plan: Plan): Plan {
  const chance = new SeededChance(plan.seed ^ 0x11fe);
  const steps = plan.steps.flatMap((step): readonly Step[] => {
    const { act } = step;
    const wires = act.kind === 'handle' && chance.below(3) === 0 ? ` wires=${1 + chance.below(8)}` : '';
    const same =
      wires === '' ? step : { ...step, act: { ...act, options: `${optionsOf(act)}${wires}`.trim() } };
    if (chance.below(ONE_IN) > 0) return [same as Step];
    const side = (['a', 'b', 'both'] as const)[chance.below(3)]!;
    const ms = 1 + chance.below(chance.below(2) === 0 ? 3_000 : 60_000);
    const line = {
      kind: 'line',
      site: chance.below(9),
      to: chance.below(9),
      side,
      ms,
      line: someLine(chance),
    } as const;
    return [{ wait: chance.below(500), act: line }, same as Step];
  });
  const { delay = 0, ...line } = someLine(chance);
  return { ...plan, latency: delay, line, steps };
}

const optionsOf = (act: Action): string => (act.kind === 'handle' ? act.options : '');
