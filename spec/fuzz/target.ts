/** Something that takes bytes from strangers, or from files that may be damaged. */
export interface FuzzTarget {
  readonly name: string;
  /** Good inputs, from which others are made. */
  seeds(): readonly Buffer[];
  /** Words that mean something to it. */
  readonly words: readonly string[];
  /** @throws anything, when one of its promises is broken */
  run(input: Buffer): void;
}

/** A broken promise. */
export class Broken extends Error {}

export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}
