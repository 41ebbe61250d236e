/**
 * Failed HELLOs delay further ones from that address, growingly (PROTOCOL.md section 4): up to ten in a minute cost a
 * right HELLO less than a second, and none is ever refused for them. An IPv6 address counts for its /64.
 */
import type { Clock } from '../../io/ports.ts';
import { networkOf } from './addresses.ts';

const WINDOW_MS = 60_000;
/** Delay for each failure of the last minute, up to ten. */
const STEP_MS = 80;
/** What each further one adds, up to the longest delay. */
const FURTHER_MS = 500;
const LONGEST_MS = 10_000;
/** Networks remembered; past that the one that failed longest ago is forgotten. */
const ADDRESSES = 4096;
/** Failures kept of one address: more do not change the delay. */
const KEPT = 64;

export class FailedHellos {
  /** Times of failures of the last minute, oldest first; networks in the order of their last failure. */
  readonly #failures = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {}

  failed(address: string): void {
    const network = networkOf(address);
    const times = this.#recent(network);
    times.push(this.#now());
    this.#failures.delete(network);
    this.#failures.set(network, times.slice(-KEPT));
    if (this.#failures.size > ADDRESSES) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
  }

  /** Milliseconds that a HELLO from there has to wait now. */
  delay(address: string): number {
    const count = this.#recent(networkOf(address)).length;
    const further = Math.max(0, count - 10);
    return Math.min(LONGEST_MS, Math.min(count, 10) * STEP_MS + further * FURTHER_MS);
  }

  #recent(network: string): number[] {
    const since = this.#now() - WINDOW_MS;
    return (this.#failures.get(network) ?? []).filter((time) => time > since);
  }

  #now(): number {
    return this.clock.mono() / 1e6;
  }
}
