/** Writes to a descriptor that was inherited, and that others may share, without ever waiting for whoever reads it. */
import * as fs from 'node:fs';
import { isatty } from 'node:tty';
import { getSystemErrorName } from 'node:util';
import { addon } from '../device/addon.ts';

/** Takes bytes. @returns how many; 0 when there is no room now @throws Error when it will not have them */
export type Take = (bytes: Uint8Array) => number;

const { O_NOCTTY, O_NONBLOCK, O_WRONLY } = fs.constants;

/**
 * The way to write to a descriptor: to a file or a device as ever, to what somebody reads without waiting. `O_NONBLOCK`
 * is never set on the descriptor itself, since all who share it would have it: a pipe or a terminal is opened once more.
 */
export function takeFor(fd: number): Take {
  const stat = fs.fstatSync(fd);
  const reader = stat.isFIFO() || stat.isSocket() || isatty(fd);
  if (!reader) return (bytes) => writeOrFull(fd, bytes);
  const own = stat.isSocket() ? undefined : openAgain(fd);
  return own === undefined ? (bytes) => writeNow(fd, bytes) : (bytes) => writeOrFull(own, bytes);
}

/** Undefined where that is not allowed (a pipe that another user made) or not possible (no /proc). */
function openAgain(fd: number): number | undefined {
  try {
    return fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

function writeOrFull(fd: number, bytes: Uint8Array): number {
  try {
    return fs.writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}

function writeNow(fd: number, bytes: Uint8Array): number {
  const taken = addon().writeNow(fd, bytes);
  if (taken >= 0) return taken;
  const code = getSystemErrorName(taken);
  if (code === 'EAGAIN') return 0;
  throw Object.assign(new Error(`${code}: write`), { code });
}
