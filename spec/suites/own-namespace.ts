/**
 * Tests on real interfaces run in a network namespace without a name, of this process alone: the kernel takes it
 * away, with every interface in it, when the last process in it ends, however that comes about.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MARK = 'VNET_TEST_NAMESPACE';

/**
 * Runs the calling test file again in a network namespace of its own, and hands on how that ended.
 * @returns true in that inner run; false in the outer one, which has nothing more to do
 */
export function inOwnNamespace(moduleUrl: string): boolean {
  const file = fileURLToPath(moduleUrl);
  if (process.env[MARK] === file) {
    quiet();
    return true;
  }
  if (process.getuid?.() !== 0) {
    console.log(`SKIPPED ${file}: needs root, to make a network namespace`);
    return false;
  }
  const argv = ['-n', '--', process.execPath, ...process.execArgv, file];
  const run = spawnSync('unshare', argv, { stdio: 'inherit', env: { ...process.env, [MARK]: file } });
  if (run.error !== undefined) throw run.error;
  process.exitCode = run.status ?? 1;
  return false;
}

/** `ip` with these words. @throws Error with what it said */
export function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Keeps the kernel from saying anything of its own on interfaces that come up. */
function quiet(): void {
  for (const scope of ['all', 'default']) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, '1');
  }
  ip('link set lo up');
}

/** A cable between two interfaces, up. */
export function veth(one: string, other: string): void {
  ip(`link add ${one} type veth peer name ${other}`);
  ip(`link set ${one} up`);
  ip(`link set ${other} up`);
}
