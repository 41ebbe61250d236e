/** What a Handler that may have several wires knows of them (PROTOCOL.md section 6.1). Plain JSON, no clock. */

export interface WiresContext {
  /** How many it may have: asked for while it dials, then granted by the other end. */
  readonly most: number;
  /** Numbers of those that stand, in rising order. */
  readonly standing: readonly number[];
  /** Initiator: whether PINGs have shown that the way has a length, so that further wires are dialled. */
  readonly far: boolean;
  /** Initiator: dials of each number since it last stood for long; a number that never failed is not there. */
  readonly attempts: Readonly<Record<string, number>>;
}

/** @param most 2 to 8: with one wire there is nothing to know, and the context has none of this */
export function wiresOf(most: number): WiresContext {
  return { most, standing: [], far: false, attempts: {} };
}

/** A wire stands from now on. */
export function withWire(wires: WiresContext, wire: number): WiresContext {
  if (wires.standing.includes(wire)) return wires;
  return { ...wires, standing: [...wires.standing, wire].sort((a, b) => a - b) };
}

/** A wire broke, or could not be dialled; `stood`: for so long that its delays start anew. */
export function withoutWire(wires: WiresContext, wire: number, stood: boolean): WiresContext {
  const attempts = { ...wires.attempts, [wire]: stood ? 1 : (wires.attempts[wire] ?? 0) + 1 };
  return { ...wires, standing: wires.standing.filter((one) => one !== wire), attempts };
}

/** None stands any more; what was agreed on stays. */
export function withoutWires(wires: WiresContext): WiresContext {
  return { ...wires, standing: [], far: false };
}

/** Whether another wire stands than this one. */
export function othersStand(wires: WiresContext | undefined, wire: number | undefined): boolean {
  return wires !== undefined && wire !== undefined && wires.standing.some((one) => one !== wire);
}

/** Numbers that are free, in rising order. */
export function missingWires({ most, standing }: WiresContext): number[] {
  return Array.from({ length: most }, (_, wire) => wire).filter((wire) => !standing.includes(wire));
}
