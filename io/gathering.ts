/**
 * Reading less often, and more at a time.
 *
 * On a narrow line frames come half a millisecond apart, and each of them wakes the process up: at 20 Mbit/s that costs
 * more than all else that is done for them. So where the way is long anyway, who was read from for little again and
 * again is held for a moment, and then gives what has come. All that are held in a process are let go at once, by one
 * wake-up.
 *
 * A lone frame, and one of a few, is never held: only who is read often is. Nor is who gives much at a time.
 */

/** Shortest round trip of a way that is long enough for it, in microseconds. */
export const GATHER_FROM_MICROS = 15_000;
/** How long one is held, or a millisecond more. */
const HOLD_MS = 2;
/** Reads are often when so many in a row came so soon one after the other. */
const OFTEN = 8;
const SOON_MS = 8;
/** A read that gave so much is worth its wake-up. */
export const MUCH_BYTES = 16 << 10;

/** Something that is read when the kernel says so. */
export interface Holdable {
  /** From now on it wakes nobody up, or for much only. */
  hold(): void;
  /** What has come meanwhile is read. */
  release(): void;
}

/** Lets go of all at once. */
export class HeldTogether {
  #held: (() => void)[] = [];

  /** @param after calls it after so many milliseconds */
  constructor(private readonly after: (milliseconds: number, call: () => void) => void) {}

  add(release: () => void): void {
    if (this.#held.push(release) === 1) this.after(HOLD_MS, this.#release);
  }

  readonly #release = (): void => {
    const held = this.#held;
    this.#held = [];
    for (const release of held) release();
  };
}

const together = new HeldTogether((milliseconds, call) => void setTimeout(call, milliseconds));

export class Gathering {
  #on = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #often = 0;
  #held = false;

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    private readonly now: () => number,
    private readonly port: Holdable,
    private readonly group = together,
  ) {}

  /** How long the way is, in microseconds. */
  set lengthMicros(micros: number) {
    this.#on = micros >= GATHER_FROM_MICROS;
  }

  /** So much was read. */
  read(bytes: number): void {
    if (!this.#on || this.#held) return;
    const now = this.now();
    this.#often = bytes < MUCH_BYTES && now - this.#readAt < SOON_MS ? this.#often + 1 : 0;
    this.#readAt = now;
    if (this.#often < OFTEN) return;
    this.#held = true;
    this.port.hold();
    this.group.add(this.#release);
  }

  readonly #release = (): void => {
    this.#held = false;
    this.port.release();
  };
}
