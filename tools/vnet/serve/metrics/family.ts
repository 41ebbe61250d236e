/** What a metric is. Names begin `vnet_` and have their unit in them; counters end `_total`. */
import type { Figures } from './figures.ts';

/** Values of the labels, in the order of their names, and the value itself. */
export type Sample = readonly [labels: readonly string[], value: number];

export interface Family {
  readonly name: string;
  /** A counter only rises, until the server starts again or what it belongs to is gone. */
  readonly type: 'counter' | 'gauge';
  /** One sentence, without a full stop. */
  readonly help: string;
  readonly labels: readonly string[];
  samples(figures: Figures): Iterable<Sample>;
}

export interface Group {
  readonly title: string;
  readonly families: readonly Family[];
}

/** One without labels. */
export function single(
  type: Family['type'],
  name: string,
  help: string,
  value: (figures: Figures) => number | undefined,
): Family {
  return {
    type,
    name,
    help,
    labels: [],
    samples(figures) {
      const now = value(figures);
      return now === undefined ? [] : [[[], now]];
    },
  };
}

export function labelled(
  type: Family['type'],
  name: string,
  help: string,
  labels: readonly string[],
  samples: Family['samples'],
): Family {
  return { type, name, help, labels, samples };
}
