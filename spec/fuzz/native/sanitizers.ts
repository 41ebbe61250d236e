/** The addon with AddressSanitizer and UBSan: how it is built, what a process needs to load it, and what it says. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Outcome, runCommand } from '../../../tools/lab/program.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url));
/** Of g++'s own libraries: the first has to be loaded before all others. */
const LIBRARIES = ['libasan.so', 'libubsan.so'];

/** @returns where g++ has the library, undefined where it has none: it says the bare name then */
function library(name: string): string | undefined {
  const { stdout } = spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = stdout?.trim() ?? '';
  return path !== name && existsSync(path) ? path : undefined;
}

/** @returns what is missing for a run with the sanitizers, undefined when nothing is */
export function missingSanitizers(): string | undefined {
  const missing = LIBRARIES.filter((name) => library(name) === undefined);
  return missing.length === 0 ? undefined : `g++ has no ${missing.join(' and no ')} here`;
}

/** Builds what has changed since the last time, the program too. @throws CommandError with what the compiler said */
export async function buildSanitized(): Promise<void> {
  const prefix = dirname(dirname(process.execPath));
  // Headers from beside this Node where they are, so that none are fetched.
  const beside = existsSync(join(prefix, 'include/node/node_api.h')) ? { npm_config_nodedir: prefix } : {};
  const env = { ...beside, ...process.env };
  await runCommand([process.execPath, join(root, 'tools/setup.mjs')], { timeout: 600_000 });
  // node-gyp comes with npm, which puts it on the path of its scripts.
  await runCommand(['npm', '--prefix', root, 'run', 'build:sanitized'], { env, timeout: 300_000 });
}

/** What a process needs in its environment to load it in place of the usual one. */
export function sanitizedEnvironment(): Record<string, string> {
  return {
    LD_PRELOAD: library('libasan.so') ?? '',
    // Node itself frees little at its end.
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    NODE_OPTIONS: `--require=${PRELOAD}`,
  };
}

/** What the sanitizers said, if they found anything. */
export function reportIn(text: string): string | undefined {
  const at = text.search(/^.*(ERROR: AddressSanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL)/m);
  return at < 0 ? undefined : text.slice(at, at + 6000);
}

/**
 * Runs a program of the project in a network namespace of its own, with these variables.
 * @param file below `spec/` @param seconds that it may take
 */
export function runAlone(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  seconds: number,
): Promise<Outcome> {
  // The variables are for the program alone, not for what starts it.
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const node = [process.execPath, '--import', 'tsx', join(root, 'spec', file), ...args];
  return runCommand(['unshare', '-n', '--', 'env', ...variables, ...node], {
    anyStatus: true,
    timeout: seconds * 1000,
  });
}
