import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MARK = 'VNET_TEST_MOUNTS';

/**
 * Runs the calling test file again with mounts and a network of its own, which the kernel takes away with the last
 * process in them. @returns true in that inner run; false in the outer one, which has nothing more to do
 */
export function inOwnMounts(moduleUrl: string): boolean {
  const file = fileURLToPath(moduleUrl);
  if (process.env[MARK] === file) return true;
  const unshare = ['--mount', '--net', '--propagation', 'private', '--', process.execPath];
  const run = spawnSync('unshare', [...unshare, ...process.execArgv, file], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: file },
  });
  if (run.error !== undefined) throw run.error;
  process.exitCode = run.status ?? 1;
  return false;
}
