/**
 * What becomes of a command whose standard output cannot be written, for all commands alike:
 *
 * - Whoever reads it stopped early, as `head` does (EPIPE): it ends at once, without a word, with the status that shells
 *   give to what SIGPIPE ended, 141.
 * - Anything else (a full disk, a disk error): it ends at once with `cannot write: …` and status 1.
 *
 * `vnet serve`, which has Handlers to say goodbye to, says what to do instead.
 */
import { fstatSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';

const STANDARD_OUTPUT = 1;
const FAILED = 1;
const BY_SIGPIPE = 128 + 13;

let act: (error: NodeJS.ErrnoException) => void = (error) => {
  if (error.code === 'EPIPE') process.exit(BY_SIGPIPE);
  process.stderr.write(`vnet: ${outputProblem(error)}\n`);
  process.exit(FAILED);
};

/** From now on errors of standard output and error are no faults of the program. */
export function takeOutputErrors(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => act(error));
  // Nobody is left to be told.
  process.stderr.on('error', () => undefined);
}

/** Says what else is to be done when standard output cannot be written. */
export function onOutputError(instead: (error: NodeJS.ErrnoException) => void): void {
  act = instead;
}

/** @returns false when what was written should be let go out first */
export function writeOutput(text: string | Uint8Array): boolean {
  if (!isFile()) return process.stdout.write(text);
  try {
    writeAll(typeof text === 'string' ? Buffer.from(text) : text);
  } catch (error) {
    act(error as NodeJS.ErrnoException);
  }
  return true;
}

/** Node's stream for files makes one call of it, and takes a disk with room for a part only for one that took it all. */
function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(STANDARD_OUTPUT, bytes, at);
}

let file: boolean | undefined;

/** Whether it is neither a terminal nor a way to another program. */
function isFile(): boolean {
  if (file === undefined) {
    const stat = fstatSync(STANDARD_OUTPUT);
    file = !process.stdout.isTTY && !stat.isFIFO() && !stat.isSocket();
  }
  return file;
}

/** `cannot write: no space left on device (ENOSPC)` */
export function outputProblem({ code, errno, message }: NodeJS.ErrnoException): string {
  const text = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return `cannot write: ${text === undefined ? message : `${text} (${code})`}`;
}

/** Resolves when all that was written to standard output is out; what goes wrong with it has been acted upon by then. */
export async function outputWritten(): Promise<void> {
  await new Promise<void>((written) => process.stdout.write('', () => written()));
  // Errors are told a moment behind the write.
  await new Promise(setImmediate);
}
