/** Runs targets on inputs, and makes of each crash a small file that every test run plays again. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dice, mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

/** One file a crash: `TARGET-HASH.bin`. */
export const CRASHES = fileURLToPath(new URL('../crashes/', import.meta.url));

export interface Crash {
  readonly target: string;
  readonly input: Buffer;
  readonly error: Error;
}

/** @returns what it threw, if it did */
export function attempt(target: FuzzTarget, input: Buffer): Error | undefined {
  try {
    target.run(input);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Tries inputs until `goOn` says no. @returns the first crash, made small, and how many inputs there were */
export function fuzz(
  target: FuzzTarget,
  seed: number,
  goOn: (tried: number) => boolean,
): { readonly tried: number; readonly crash?: Crash } {
  const dice = new Dice(seed);
  const seeds = target.seeds();
  let tried = 0;
  for (const input of seeds) {
    const error = attempt(target, input);
    if (error !== undefined) return { tried, crash: { target: target.name, input, error } };
  }
  for (; goOn(tried); tried++) {
    const input = mutate(seeds, dice, target.words);
    if (attempt(target, input) !== undefined) return { tried, crash: shrink(target, input) };
  }
  return { tried };
}

/** Takes away what the crash does not need, in ever smaller pieces. */
function shrink(target: FuzzTarget, input: Buffer): Crash {
  let small = input;
  let error = attempt(target, input) as Error;
  for (let size = Math.ceil(small.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < small.length; ) {
      const shorter = Buffer.concat([small.subarray(0, at), small.subarray(at + size)]);
      const again = attempt(target, shorter);
      if (again?.message === error.message) {
        small = shorter;
        error = again;
      } else at += size;
    }
  }
  return { target: target.name, input: small, error };
}

/** Keeps a crash. @returns the path of its file */
export function keep({ target, input }: Crash): string {
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 12);
  mkdirSync(CRASHES, { recursive: true });
  const file = join(CRASHES, `${target}-${hash}.bin`);
  writeFileSync(file, input);
  return file;
}

/** Every crash ever kept, with the name of its target. */
export function kept(): readonly {
  readonly file: string;
  readonly target: string;
  readonly input: Buffer;
}[] {
  return readdirSync(CRASHES)
    .filter((file) => file.endsWith('.bin'))
    .map((file) => ({
      file,
      target: file.replace(/-[0-9a-f]{12}\.bin$/, ''),
      input: readFileSync(join(CRASHES, file)),
    }));
}
