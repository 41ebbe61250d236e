/** Figures of the process, and of the machine around it, at the moment of the call. */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const MICROS = 1e6;
const MS = 1000;

export interface ProcessFigures {
  /** When it was started, in seconds since 1970. */
  readonly started: number;
  /** Processor time, in seconds. */
  readonly cpuUser: number;
  readonly cpuSystem: number;
  /** Bytes. */
  readonly resident: number;
  readonly heap: number;
  readonly descriptors: number;
  /** Undefined where there is no limit. */
  readonly descriptorsLimit: number | undefined;
  /** Seconds that its event loop has worked and waited since it began. */
  readonly loopActive: number;
  readonly loopIdle: number;
  /** Seconds that one turn of the event loop took just now. */
  readonly loopDelay: number;
}

/** @throws Error when /proc cannot be read */
export async function processFigures(): Promise<ProcessFigures> {
  const loopDelay = await turn();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const { active, idle } = performance.eventLoopUtilization();
  return {
    started: performance.timeOrigin / MS,
    cpuUser: user / MICROS,
    cpuSystem: system / MICROS,
    resident: rss,
    heap: heapUsed,
    // The one that reads the list is among them.
    descriptors: readdirSync('/proc/self/fd').length - 1,
    descriptorsLimit: descriptorsLimit(),
    loopActive: active / MS,
    loopIdle: idle / MS,
    loopDelay,
  };
}

/** A whole turn: the first `setImmediate` comes at the end of this one. */
function turn(): Promise<number> {
  return new Promise((resolve) => {
    setImmediate(() => {
      const since = performance.now();
      setImmediate(() => resolve((performance.now() - since) / MS));
    });
  });
}

function descriptorsLimit(): number | undefined {
  const most = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return most === undefined ? undefined : Number(most);
}
