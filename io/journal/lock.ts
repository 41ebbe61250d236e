/**
 * One writer per log directory: an exclusive flock(2) on `DIR/lock`. The kernel lets go of it when the process ends,
 * however it ends, and it holds across network, pid and mount namespaces of one kernel.
 *
 * Node has no flock. But the lock belongs to the open file description, which a child shares: the command
 * `flock` (util-linux, busybox) takes it on our descriptor, exits, and leaves it with us.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { LogInUse } from './damage.ts';

const COMMANDS = ['flock', '/usr/bin/flock', '/bin/flock'];
/** Exit status of flock when someone else holds the lock. */
const CONFLICT = 1;

export function lockFile(dir: string): string {
  return path.join(dir, 'lock');
}

/**
 * Takes the lock of a directory. @returns what gives it back
 * @throws LogInUse when another process (or this one) holds it
 * @throws Error when there is no command `flock`, or the file cannot be made
 */
export function lockDirectory(dir: string): () => void {
  const fd = fs.openSync(lockFile(dir), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  try {
    takeLock(fd, dir);
    fs.ftruncateSync(fd);
    fs.writeSync(fd, `pid ${process.pid}\n`, 0);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return () => fs.closeSync(fd);
}

function takeLock(fd: number, dir: string): void {
  for (const command of COMMANDS) {
    const { error, status, stderr } = spawnSync(command, ['-x', '-n', '3'], {
      stdio: ['ignore', 'ignore', 'pipe', fd],
      encoding: 'utf8',
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    if (error !== undefined) throw new Error(`cannot lock the log in ${dir}: ${error.message}`);
    if (status === 0) return;
    const said = stderr.trim();
    if (status === CONFLICT && said === '') throw new LogInUse(dir, readHolder(fd));
    throw new Error(`cannot lock the log in ${dir}: ${command} said: ${said || `exit status ${status}`}`);
  }
  throw new Error(
    `cannot lock the log in ${dir}: the command flock (util-linux or busybox) is not installed`,
  );
}

function readHolder(fd: number): string {
  const buffer = Buffer.alloc(64);
  return buffer.toString('utf8', 0, fs.readSync(fd, buffer, 0, buffer.length, 0)).trim();
}
