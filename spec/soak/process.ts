/** What the kernel knows of a process (proc(5)), and what can be done to it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Footprint {
  /** Resident memory in MiB. */
  readonly memory: number;
  readonly descriptors: number;
}

/** @throws Error when there is no such process */
export function footprint(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { memory: Math.round(kib / 102.4) / 10, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** Where proc(5) lists sockets: which column is the state, which the inode, and the state of those that listen. */
const SOCKETS = [
  { file: 'tcp', state: 3, inode: 9, listens: '0A' }, // TCP_LISTEN
  { file: 'tcp6', state: 3, inode: 9, listens: '0A' },
  { file: 'unix', state: 5, inode: 6, listens: '01' }, // SS_UNCONNECTED
] as const;

/**
 * Connections that a process holds, by TCP or unix sockets of its own network namespace.
 * @throws Error when there is no such process
 */
export function connections(pid: number): number {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => inodeOf(pid, fd)));
  const held = SOCKETS.flatMap(({ file, state, inode, listens }) => {
    const lines = readFileSync(`/proc/${pid}/net/${file}`, 'utf8').trim().split('\n').slice(1);
    return lines
      .map((line) => line.trim().split(/\s+/))
      .filter((words) => inodes.has(words[inode]) && words[state] !== listens);
  });
  return held.length;
}

/** Of a descriptor that is a socket, and is still there. */
function inodeOf(pid: number, fd: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The limit that leaves just so many numbers free below it. */
export function limitFor(used: ReadonlySet<number>, more: number): number {
  let limit = 0;
  for (let free = 0; free < more || used.has(limit); limit++) if (!used.has(limit)) free++;
  return limit;
}

/**
 * Leaves a process so many descriptors beside those that it has; a few of these may stand above the limit, as there
 * are gaps in their numbers. @returns what takes the limit away again
 */
export function starve(pid: number, more: number): () => void {
  const set = (soft: number | string) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
  const soft = execFileSync('prlimit', ['--pid', String(pid), '--nofile', '-o', 'SOFT', '--noheadings'], {
    encoding: 'utf8',
  }).trim();
  set(limitFor(new Set(readdirSync(`/proc/${pid}/fd`).map(Number)), more));
  return () => void set(soft);
}
