/** A condition that did not come true in time. */
export class DeadlineError extends Error {
  constructor(what: string, milliseconds: number, last?: unknown) {
    const reason =
      last === undefined ? '' : `; last error: ${last instanceof Error ? last.message : String(last)}`;
    super(`waited ${milliseconds / 1000} s in vain for ${what}${reason}`);
    this.name = 'DeadlineError';
  }
}

export interface WaitOptions {
  /** What is waited for, for the error text. */
  readonly what: string;
  /** Milliseconds until it is given up; 10,000 when left out. */
  readonly deadline?: number;
  /** Milliseconds between two looks; 50 when left out. */
  readonly every?: number;
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Looks again and again until `look` gives something that is neither false nor undefined, and returns that.
 * A `look` that throws counts as "not yet". @throws DeadlineError with the last such error
 */
export async function waitUntil<T>(
  look: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | undefined | null>> {
  const limit = options.deadline ?? 10_000;
  const end = performance.now() + limit;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== false && seen !== undefined && seen !== null) {
        return seen as Exclude<T, false | undefined | null>;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) throw new DeadlineError(options.what, limit, last);
    await pause(options.every ?? 50);
  }
}
