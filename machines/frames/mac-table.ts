/**
 * A set of MAC addresses that is asked once per frame: open addressing over two arrays of integers, because a
 * Set of 48-bit numbers makes a heap number for every question.
 */
import { macHigh, macLow } from './ethernet.ts';

const EMPTY = -1;

function slotOf(high: number, low: number, mask: number): number {
  const mixed = Math.imul(low ^ (high << 8), 0x9e3779b1);
  return ((mixed >>> 15) ^ mixed) & mask;
}

/** May change while predicates hold it: they see the change with the next frame. What was added twice is there twice. */
export class MacTable {
  /** How many times each was added. */
  readonly #macs = new Map<number, number>();
  #mask = 0;
  #high = Int32Array.of(EMPTY);
  #low = new Int32Array(1);

  constructor(macs: Iterable<number> = []) {
    this.add(macs);
  }

  get size(): number {
    return this.#macs.size;
  }

  add(macs: Iterable<number>): void {
    const before = this.#macs.size;
    for (const mac of macs) this.#macs.set(mac, (this.#macs.get(mac) ?? 0) + 1);
    if (this.#macs.size !== before) this.#rebuild();
  }

  delete(macs: Iterable<number>): void {
    const before = this.#macs.size;
    for (const mac of macs) {
      const left = (this.#macs.get(mac) ?? 0) - 1;
      if (left > 0) this.#macs.set(mac, left);
      else this.#macs.delete(mac);
    }
    if (this.#macs.size !== before) this.#rebuild();
  }

  /** Whether the six bytes at `at` are an address of the set. */
  hasAt(buffer: Buffer, at: number): boolean {
    const high = macHigh(buffer, at);
    const low = macLow(buffer, at);
    for (let slot = slotOf(high, low, this.#mask); ; slot = (slot + 1) & this.#mask) {
      const found = this.#high[slot]!;
      if (found === high && this.#low[slot] === low) return true;
      if (found === EMPTY) return false;
    }
  }

  has(mac: number): boolean {
    return this.#macs.has(mac);
  }

  /** At most half of the slots are taken, so that a search always finds an empty one. */
  #rebuild(): void {
    let slots = 1;
    while (slots < 2 * this.#macs.size + 1) slots *= 2;
    this.#mask = slots - 1;
    this.#high = new Int32Array(slots).fill(EMPTY);
    this.#low = new Int32Array(slots);
    for (const mac of this.#macs.keys()) {
      const high = Math.floor(mac / 0x1_0000_0000);
      const low = (mac % 0x1_0000_0000) | 0;
      let slot = slotOf(high, low, this.#mask);
      while (this.#high[slot] !== EMPTY) slot = (slot + 1) & this.#mask;
      this.#high[slot] = high;
      this.#low[slot] = low;
    }
  }
}
