import { writeOutput } from './standard-output.ts';

/** What a command has around it: standard output and error, the environment. Tests give their own. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal that standard output is, in columns; undefined where it is none (a pipe, a file). */
  readonly columns: number | undefined;
  /** Whether standard error is a terminal: for progress and for hints that only people want. */
  readonly attended: boolean;
  /** Writes to standard output. @returns false when what was written should be let go out (`drained`) first */
  out(text: string | Uint8Array): boolean;
  err(text: string): void;
  /** Resolves when standard output takes more. */
  drained(): Promise<void>;
}

/** Those of this process. */
export function processIo(): CommandIo {
  const { stdout, stderr } = process;
  return {
    env: process.env,
    columns: stdout.isTTY ? stdout.columns : undefined,
    attended: stderr.isTTY === true,
    out: writeOutput,
    err: (text) => void stderr.write(text),
    drained: () =>
      new Promise((resolve) => {
        if (stdout.writableNeedDrain) stdout.once('drain', () => resolve());
        else setImmediate(resolve);
      }),
  };
}
