import { performance } from 'node:perf_hooks';
import type { Clock } from './ports.ts';

/** Further apart than this (ms), wall clock and monotonic clock do not go together any more: the wall clock was set. */
const STEP_MS = 2;

/** The machine's own clocks. Monotonic time counts from this call. */
export function realClock(): Clock {
  const begun = performance.now();
  const mono = () => Math.round((performance.now() - begun) * 1e6);
  // Date.now() knows milliseconds only: microseconds are those since it was last in step with the monotonic clock.
  let offset = Date.now() * 1e6 - mono();
  const wallMicros = (): number => {
    const now = Date.now();
    let estimate = mono() + offset;
    if (Math.abs(estimate / 1e6 - now) > STEP_MS) {
      offset = now * 1e6 - mono();
      estimate = now * 1e6;
    }
    return Math.floor(estimate / 1000);
  };
  return {
    wall: () => rfc3339(wallMicros()),
    now: () => Date.now(),
    mono,
    after(milliseconds, fire) {
      const timer = setTimeout(fire, milliseconds);
      return { cancel: () => clearTimeout(timer) };
    },
  };
}

/** The second that was formatted last, since every record has its time. */
let known = { second: Number.NaN, text: '' };

/** RFC 3339 in UTC with microseconds. */
function rfc3339(micros: number): string {
  const second = Math.floor(micros / 1e6);
  if (second !== known.second) known = { second, text: new Date(second * 1000).toISOString().slice(0, 19) };
  return `${known.text}.${String(micros - second * 1e6).padStart(6, '0')}Z`;
}
