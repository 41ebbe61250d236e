/** The words for a long way between two machines: the memory network (wire.ts) and the laboratory use the same. */

/** What one direction of a way does to what goes through it. */
export interface LineConditions {
  /** Milliseconds one way. */
  readonly delay?: number;
  /** Share of packets that are lost, 0 to 1. */
  readonly loss?: number;
  /** Mbit/s; 0 for as fast as it goes. */
  readonly rate?: number;
  /** Milliseconds that the bottleneck may be behind before it drops; only with a rate. */
  readonly queue?: number;
  /** Share of packets that overtake those before them, 0 to 1. */
  readonly reorder?: number;
  /** Nothing passes. */
  readonly cut?: boolean;
}

/** A way that does nothing. */
export const NO_LENGTH: Required<LineConditions> = {
  delay: 0,
  loss: 0,
  rate: 0,
  queue: 50,
  reorder: 0,
  cut: false,
};

/** @throws RangeError which condition is out of its range */
export function checkConditions(conditions: LineConditions): void {
  for (const [name, value] of Object.entries(conditions)) {
    if (typeof value === 'boolean') continue;
    const most = name === 'loss' || name === 'reorder' ? 1 : Number.MAX_SAFE_INTEGER;
    if (!(value >= 0 && value <= most)) throw new RangeError(`${name} is from 0 to ${most}, not ${value}`);
  }
}
