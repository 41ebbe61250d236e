/** Whose sessions said nothing lately: a load balancer, a monitor or a scanner that only looks whether a port is open. */
import type { Clock } from '../../io/ports.ts';

/** An address is remembered so long after its last silent session, in nanoseconds. */
const REMEMBERED = 3600e9;
/** With so many of them everybody is taken for one: nothing is lost by it, for who says something is recorded. */
const MANY = 64;

export class SilentAddresses {
  readonly #clock: Clock;
  /** Address and when it was silent last (`clock.mono()`), the oldest first. */
  readonly #seen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(address: string): void {
    this.#seen.delete(address);
    this.#seen.set(address, this.#clock.mono());
    if (this.#seen.size > MANY) this.#seen.delete(this.#oldest);
  }

  /** Whether a session from there is likely to say nothing. */
  expects(address: string): boolean {
    const before = this.#clock.mono() - REMEMBERED;
    while (this.#seen.size > 0 && (this.#seen.get(this.#oldest) ?? 0) <= before)
      this.#seen.delete(this.#oldest);
    return this.#seen.has(address) || this.#seen.size >= MANY;
  }

  get #oldest(): string {
    return this.#seen.keys().next().value ?? '';
  }
}
