/** The ways in which a command ends other than well (PROTOCOL.md section 8). */

import { fileProblem } from '../../../io/file-problem.ts';

/** The command line is wrong: exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something did not work out. `message` and then `next` are printed on standard error. */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly status: 1 | 2 | 3,
    message: string,
    /** What to do now. */
    readonly next?: string,
  ) {
    super(message);
  }
}

/**
 * Runs what throws errors with messages for people, such as the readers of files in `io/`.
 * @throws Failure with the given status in place of any Error
 */
export function orFail<T>(status: 1 | 2 | 3, work: () => T, next?: string): T {
  try {
    return work();
  } catch (error) {
    throw new Failure(status, fileProblem(error) ?? (error as Error).message, next);
  }
}
