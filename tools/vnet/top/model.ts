/** What `vnet top` shows, worked out of what servers said: rates between two samples, order, filter, selection. */

/** One line of HANDLERS? at a moment. */
export interface Sample {
  readonly server: string;
  readonly id: string;
  readonly state: string;
  readonly peer: string;
  readonly device: string;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly dropped: number;
  /** Microseconds; undefined before the first round trip. */
  readonly rtt: number | undefined;
}

export interface Row extends Sample {
  /** Bits a second. */
  readonly rxRate: number;
  readonly txRate: number;
  /** Frames a second. */
  readonly dropRate: number;
}

export const ORDERS = {
  n: { name: 'Handler', key: (row: Row) => row.id, falling: false },
  s: { name: 'state', key: (row: Row) => row.state, falling: false },
  p: { name: 'peer', key: (row: Row) => row.peer, falling: false },
  r: { name: 'RX', key: (row: Row) => row.rxRate, falling: true },
  t: { name: 'TX', key: (row: Row) => row.txRate, falling: true },
  d: { name: 'drops', key: (row: Row) => row.dropRate, falling: true },
  l: { name: 'round trip', key: (row: Row) => row.rtt ?? -1, falling: true },
} as const;
export type Order = keyof typeof ORDERS;

/** @param seconds between the two samples, more than 0; a Handler that was not there before has no rate yet */
export function rates(before: readonly Sample[], now: readonly Sample[], seconds: number): Row[] {
  const known = new Map(before.map((sample) => [keyOf(sample), sample]));
  return now.map((sample) => {
    const last = known.get(keyOf(sample));
    // Counters begin anew with a new wire's options or a restart: less than before is no rate.
    const rate = (of: (one: Sample) => number) =>
      last === undefined ? 0 : Math.max(0, (of(sample) - of(last)) / seconds);
    return {
      ...sample,
      rxRate: 8 * rate(({ rxBytes }) => rxBytes),
      txRate: 8 * rate(({ txBytes }) => txBytes),
      dropRate: rate(({ dropped }) => dropped),
    };
  });
}

export const keyOf = ({ server, id }: Pick<Sample, 'server' | 'id'>): string => `${server} ${id}`;

/** @param filter a part of id, state, peer or device; empty: all */
export function arrange(rows: readonly Row[], order: Order, filter: string): Row[] {
  const { key, falling } = ORDERS[order];
  const wanted = filter.toLowerCase();
  const shown = rows.filter(({ id, state, peer, device }) =>
    [id, state, peer, device].some((text) => text.toLowerCase().includes(wanted)),
  );
  const sign = falling ? -1 : 1;
  return shown.sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a !== b) return a < b ? -sign : sign;
    return keyOf(one) < keyOf(other) ? -1 : 1;
  });
}

export function totals(rows: readonly Row[]): { rx: number; tx: number; drops: number; binary: number } {
  return rows.reduce(
    (sum, { rxRate, txRate, dropRate, state }) => ({
      rx: sum.rx + rxRate,
      tx: sum.tx + txRate,
      drops: sum.drops + dropRate,
      binary: sum.binary + (state === 'binary' ? 1 : 0),
    }),
    { rx: 0, tx: 0, drops: 0, binary: 0 },
  );
}
