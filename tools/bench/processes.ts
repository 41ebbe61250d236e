/** CPU time and memory of processes, from /proc (proc_pid_stat(5), proc_pid_status(5)). */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of the times in /proc/PID/stat: USER_HZ, which Linux has fixed at 100 for all that run Node. */
const TICKS = 100;

interface Stat {
  readonly parent: number;
  /** CPU seconds, user and system, of itself. */
  readonly seconds: number;
  /** The same of the children it has waited for. */
  readonly children: number;
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (at: number) => (Number(fields[at]) + Number(fields[at + 1])) / TICKS;
    return { parent: Number(fields[1]), seconds: seconds(11), children: seconds(13) };
  } catch {
    return undefined;
  }
}

function all(): Map<number, Stat> {
  const found = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const each = Number.isInteger(pid) ? stat(pid) : undefined;
    if (each) found.set(pid, each);
  }
  return found;
}

function family(processes: ReadonlyMap<number, Stat>, roots: readonly number[]): Set<number> {
  const members = new Set(roots.filter((pid) => processes.has(pid)));
  for (let grown = -1; grown !== members.size; ) {
    grown = members.size;
    for (const [pid, { parent }] of processes) if (members.has(parent)) members.add(pid);
  }
  return members;
}

/** CPU seconds so far: of these processes with their descendants, and of all that are not ours. */
export interface CpuTime {
  readonly own: number;
  readonly foreign: ReadonlyMap<number, number>;
}

export function cpuTime(roots: readonly number[]): CpuTime {
  const processes = all();
  const own = family(processes, roots);
  const ours = family(processes, [process.pid]);
  let seconds = 0;
  for (const pid of own) {
    const each = processes.get(pid);
    if (each) seconds += each.seconds + each.children;
  }
  const foreign = new Map<number, number>();
  for (const [pid, each] of processes) {
    if (!own.has(pid) && !ours.has(pid)) foreign.set(pid, each.seconds);
  }
  return { own: seconds, foreign };
}

/** CPU seconds that the processes took between two looks, and that others took meanwhile. */
export function cpuBetween(before: CpuTime, after: CpuTime): { own: number; foreign: number } {
  let foreign = 0;
  for (const [pid, seconds] of after.foreign) foreign += seconds - (before.foreign.get(pid) ?? seconds);
  return { own: after.own - before.own, foreign };
}

/** A line `NAME: n kB` of the status of these processes and their descendants, summed, in bytes. */
export function memory(roots: readonly number[], line: 'VmRSS' | 'VmHWM'): number {
  let bytes = 0;
  for (const pid of family(all(), roots)) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      bytes += 1024 * Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return bytes;
}
