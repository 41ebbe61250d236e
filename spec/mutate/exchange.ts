/** What a run of tests tells the process that began it. */

export interface Passed {
  readonly file: string;
  /** Time for loading and running it, in milliseconds. */
  readonly ms: number;
}

/** Exit status of a run whose program has a syntax error. */
export const NO_PROGRAM = 4;
