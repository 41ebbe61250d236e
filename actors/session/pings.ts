/** PING?: so many PINGs over each wire of a Handler, one behind the other, and what they come to. */
import type { Clock, Timer } from '../../io/ports.ts';
import type { PingSummary } from '../../machines/session/events.ts';

/** A wire, as PING? needs it. */
export interface Pinged {
  probe(timeout: number, done: (micros: number | undefined) => void): void;
}

/** A PING that is not answered within that is lost; milliseconds. */
export const PATIENCE_MS = 5_000;
const PAUSE_MS = 200;

export interface PingHooks {
  /** The wires that stand now, by their numbers. */
  wires(): Iterable<readonly [number, Pinged]>;
  /** One came back after so many microseconds, or is lost. */
  pong(wire: number, micros: number | undefined): void;
  over(summary: PingSummary): void;
}

/** @returns what ends it early: nothing is told any more */
export function pingWires(clock: Clock, count: number, hooks: PingHooks): () => void {
  const times: number[] = [];
  let sent = 0;
  let stopped = false;
  let timer: Timer | undefined;
  const round = (left: number): void => {
    const wires = [...hooks.wires()];
    let open = wires.length;
    if (open === 0) return hooks.over(summarize(sent, times));
    for (const [number, wire] of wires) {
      sent++;
      wire.probe(PATIENCE_MS, (micros) => {
        if (stopped) return;
        if (micros !== undefined) times.push(micros);
        hooks.pong(number, micros);
        if (--open > 0) return;
        if (left <= 1) hooks.over(summarize(sent, times));
        else timer = clock.after(PAUSE_MS, () => round(left - 1));
      });
    }
  };
  round(count);
  return () => {
    stopped = true;
    timer?.cancel();
  };
}

function summarize(sent: number, times: readonly number[]): PingSummary {
  const sorted = [...times].sort((a, b) => a - b);
  const received = sorted.length;
  if (received === 0) return { sent, received };
  const at = (place: number) => sorted[place] ?? 0;
  const half = received >> 1;
  const median = received % 2 === 1 ? at(half) : Math.round((at(half - 1) + at(half)) / 2);
  return { sent, received, min: at(0), median, max: at(received - 1) };
}
