/** What the kernel knows of a process (proc(5)), and what can be done to it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

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
