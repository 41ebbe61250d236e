/** What many rounds come to: medians, and ratios to direct veth of the same round. */
import type { Figure, Sample } from './round.ts';
import { median } from './statistics.ts';
import { DIRECT } from './variants.ts';

/** Samples of each variant by round; a round in which it did not work has none. */
export type Rounds = ReadonlyMap<string, readonly (Sample | undefined)[]>;

export type Figures = Partial<Record<Figure, number>>;

export interface Summary {
  readonly rounds: number;
  readonly median: Figures;
  readonly lowest: Figures;
  readonly highest: Figures;
  /** Median of the ratios to direct veth, each within its own round. */
  readonly ratio: Figures;
}

export function summarize(rounds: Rounds, name: string): Summary {
  const samples = rounds.get(name) ?? [];
  const direct = rounds.get(DIRECT) ?? [];
  const good = samples.filter((sample) => sample !== undefined);
  const figures = Object.keys(good[0] ?? {}) as Figure[];
  const collect = (of: (figure: Figure) => number | undefined): Figures => {
    const found = figures.map((figure) => [figure, of(figure)] as const);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  };
  return {
    rounds: good.length,
    median: collect((figure) => median(good.map((sample) => sample[figure]))),
    lowest: collect((figure) => Math.min(...good.map((sample) => sample[figure]))),
    highest: collect((figure) => Math.max(...good.map((sample) => sample[figure]))),
    ratio: collect((figure) => median(ratios(samples, direct, figure))),
  };
}

function ratios(
  samples: readonly (Sample | undefined)[],
  direct: readonly (Sample | undefined)[],
  figure: Figure,
): number[] {
  return samples.flatMap((sample, round) => {
    const other = direct[round]?.[figure];
    return sample === undefined || other === undefined || other === 0 ? [] : [sample[figure] / other];
  });
}
