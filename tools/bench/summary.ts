/** What many rounds come to: medians, and ratios to direct veth of the same round. */
import type { Sample } from './round.ts';
import { median } from './statistics.ts';
import { DIRECT } from './variants.ts';

/** Samples of each variant by round; a round in which it did not work has none. */
export type Rounds<S = Sample> = ReadonlyMap<string, readonly (S | undefined)[]>;

export type Figures<S = Sample> = Partial<Record<keyof S, number>>;

export interface Summary<S = Sample> {
  readonly rounds: number;
  readonly median: Figures<S>;
  readonly lowest: Figures<S>;
  readonly highest: Figures<S>;
  /** Median of the ratios to what all are compared with, each within its own round. */
  readonly ratio: Figures<S>;
}

/** Figures of one variant. `base`: the variant that the ratios are to. */
export function summarize<S extends { readonly [Figure in keyof S]: number }>(
  rounds: Rounds<S>,
  name: string,
  base = DIRECT,
): Summary<S> {
  const samples = rounds.get(name) ?? [];
  const direct = rounds.get(base) ?? [];
  const good = samples.filter((sample) => sample !== undefined);
  const figures = Object.keys(good[0] ?? {}) as (keyof S)[];
  const collect = (of: (figure: keyof S) => number | undefined): Figures<S> => {
    const found = figures.map((figure) => [figure, of(figure)] as const);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Figures<S>;
  };
  return {
    rounds: good.length,
    median: collect((figure) => median(good.map((sample) => sample[figure]))),
    lowest: collect((figure) => Math.min(...good.map((sample) => sample[figure]))),
    highest: collect((figure) => Math.max(...good.map((sample) => sample[figure]))),
    ratio: collect((figure) => median(ratios(samples, direct, figure))),
  };
}

function ratios<S extends { readonly [Figure in keyof S]: number }>(
  samples: readonly (S | undefined)[],
  direct: readonly (S | undefined)[],
  figure: keyof S,
): number[] {
  return samples.flatMap((sample, round) => {
    const other: number | undefined = direct[round]?.[figure];
    return sample === undefined || other === undefined || other === 0 ? [] : [sample[figure] / other];
  });
}
