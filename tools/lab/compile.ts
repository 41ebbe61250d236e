import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runCommand } from './program.ts';

/**
 * Compiles a C++ program of one file, or finds the one that was compiled of the same text before.
 * @param source its path; `flags` go to g++ as they are
 * @returns the program's path @throws CommandError when there is no compiler or it is no program
 */
export async function compiled(source: string, flags: readonly string[] = []): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(source)).update(flags.join('\0')).digest('hex');
  const folder = join(tmpdir(), `vnet-lab-${process.getuid?.() ?? 0}`);
  const program = join(folder, `${basename(source, '.cc')}-${digest.slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const part = `${program}.${process.pid}`;
  await runCommand(['g++', '-std=c++17', '-O2', '-pthread', ...flags, source, '-o', part], {
    timeout: 60_000,
  });
  renameSync(part, program);
  return program;
}
