import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { scratchBase } from './privilege.ts';

/**
 * Names say whom they belong to: `vn<pid>.<start time of that process>.<number>-`, each in base 36, so that the
 * namespaces and scratch folders of a run that was killed can be told from those of one that still lives.
 */
const OWNED = /^vn([0-9a-z]+)\.([0-9a-z]+)\.[0-9a-z]+-/;

/** Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22); undefined when there is none. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

let labs = 0;

/** A prefix that no other lab on this machine has; short enough for names made from it. */
export function newPrefix(): string {
  const start = startTime(process.pid) ?? 0;
  labs += 1;
  return `vn${process.pid.toString(36)}.${start.toString(36)}.${labs.toString(36)}-`;
}

function abandoned(name: string): boolean {
  const match = OWNED.exec(name);
  if (!match) return false;
  const [pid, start] = [Number.parseInt(match[1] ?? '', 36), Number.parseInt(match[2] ?? '', 36)];
  return startTime(pid) !== start;
}

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const REMOVE = `for n; do
  for i in 1 2 3; do p=$(ip netns pids "$n" 2>/dev/null); [ -z "$p" ] && break; kill -9 $p 2>/dev/null; done
  ip netns del "$n"
done`;

/** Ends whatever runs in these namespaces and deletes them. Synchronous. @returns complaints, '' when all went well */
export function removeNamespaces(names: readonly string[]): string {
  if (names.length === 0) return '';
  const done = spawnSync('sh', ['-c', REMOVE, 'sh', ...names], { encoding: 'utf8', timeout: 30_000 });
  return done.stderr ?? '';
}

/** Removes what runs that were killed left behind: namespaces, their processes, scratch folders. @returns the names */
export function sweepLeftovers(): string[] {
  const namespaces = list('/run/netns').filter(abandoned);
  removeNamespaces(namespaces);
  const folders = list(scratchBase()).filter(abandoned);
  for (const folder of folders) rmSync(join(scratchBase(), folder), { recursive: true, force: true });
  return [...namespaces, ...folders];
}
