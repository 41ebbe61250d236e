import { performance } from 'node:perf_hooks';
import type { Clock } from './ports.ts';
import { rfc3339 } from './rfc3339.ts';

/** Further apart than this (ms), wall clock and monotonic clock do not go together any more: the wall clock was set. */
const STEP_MS = 2;

/** The machine's own clocks. Monotonic time counts from this call. */
export function realClock(): Clock {
  const begun = performance.now();
  const mono = () => Math.round((performance.now() - begun) * 1e6);
  // Date.now() knows milliseconds only: microseconds are those since it was last in step with the monotonic clock.
  let inStep = { wall: Date.now(), mono: mono() };
  const wall = (): string => {
    const now = Date.now();
    const passed = mono() - inStep.mono;
    if (Math.abs(inStep.wall + passed / 1e6 - now) <= STEP_MS) {
      return rfc3339(inStep.wall, Math.floor(passed / 1000));
    }
    inStep = { wall: now, mono: mono() };
    return rfc3339(now, 0);
  };
  return {
    wall,
    now: () => Date.now(),
    mono,
    after(milliseconds, fire) {
      const timer = setTimeout(fire, milliseconds);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
