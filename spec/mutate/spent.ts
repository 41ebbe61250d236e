/**
 * How much time a process had, in milliseconds: what it computed, and what it slept; not what it waited for a processor
 * that others had. So a busy machine makes no run too slow.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second in /proc/PID/stat: USER_HZ, 100 on every architecture that Node runs on (proc_pid_stat(5)). */
const TICK_MS = 10;

export interface Usage {
  /** Processor time of all its threads, in milliseconds. */
  readonly cpu: number;
  /** Whether one of its threads has the processor, wants it, or waits for a disk. */
  readonly busy: boolean;
}

/** The fields of a `stat` file behind the name of the program, which may have blanks and brackets in it. */
function statOf(path: string): string[] {
  const stat = readFileSync(path, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** @returns undefined when there is no such process any more */
export function usageOf(pid: number): Usage | undefined {
  try {
    const fields = statOf(`/proc/${pid}/stat`);
    const cpu = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    // The main thread sleeps while it waits for one that compiles or collects garbage.
    const states = readdirSync(`/proc/${pid}/task`).map((id) => statOf(`/proc/${pid}/task/${id}/stat`)[0]);
    return { cpu, busy: states.some((state) => state === 'R' || state === 'D') };
  } catch {
    return undefined;
  }
}

const LOOK_EVERY_MS = 200;

/** Tells when a process has had more time than it may. */
export class Watch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #limit: number;
  #cpuBefore = 0;
  #slept = 0;

  /** @param limit time that it may have until `restart`, in milliseconds */
  constructor(pid: number, limit: number, tooLate: () => void) {
    this.#pid = pid;
    this.#limit = limit;
    this.#timer = setInterval(() => {
      const usage = usageOf(pid);
      if (usage === undefined) return;
      if (!usage.busy) this.#slept += LOOK_EVERY_MS;
      if (usage.cpu - this.#cpuBefore + this.#slept > this.#limit) tooLate();
    }, LOOK_EVERY_MS);
  }

  /** It begins with something else, for which it has this time. */
  restart(limit: number): void {
    this.#cpuBefore = usageOf(this.#pid)?.cpu ?? this.#cpuBefore;
    this.#slept = 0;
    this.#limit = limit;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
