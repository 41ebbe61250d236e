import type { Chance } from '../ports.ts';

/** The same numbers for the same seed, for ever: mulberry32, 32 bits of state, good for tests and nothing else. */
export class SeededChance implements Chance {
  #state: number;

  /** @param seed any number; its integer part modulo 2^32 counts */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  id(bytes: number): string {
    let hex = '';
    for (let i = 0; i < bytes; i++) hex += (this.#next() >>> 24).toString(16).padStart(2, '0');
    return hex;
  }

  fraction(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** An integer, 0 <= x < `bound`. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
}
