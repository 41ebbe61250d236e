/**
 * When the device of a segment is not to be read, so that the kernel's queue fills in place of ours.
 *
 * - When all Handlers that have a wire are behind, it is held until one of them has caught up.
 * - When only some are, it is held for their sake for PATIENCE_MS at most: a wire that carries much is behind for a
 *   moment again and again, and frames dropped then would cost a TCP stream its speed. Who has not caught up by then
 *   is *slow*, is waited for no more for SLOW_MS, and loses what its outbox cannot hold. So a slow Handler costs the
 *   others on its device PATIENCE_MS in SLOW_MS, whatever its wire does.
 */
import type { Clock, Timer } from '../../io/ports.ts';

export const PATIENCE_MS = 2;
export const SLOW_MS = 1_000;
const NANOS_PER_MS = 1e6;

/** A Handler on the segment. */
export interface Paced {
  /** Whether it has a wire, be it behind or not. */
  readonly live: boolean;
  readonly behind: boolean;
}

export class Pacing {
  /** Until when nobody waits for them, in nanoseconds of the clock. */
  readonly #slow = new Map<Paced, number>();
  #timer: Timer | undefined;

  /** `again` is called when `hold` is to be asked again. Without a clock nobody is waited for. */
  constructor(
    private readonly clock: Clock | undefined,
    private readonly members: Iterable<Paced>,
    private readonly again: () => void,
  ) {}

  /** Whether the device is to be held now. */
  hold(): boolean {
    let live = 0;
    let behind = 0;
    let awaited = false;
    for (const member of this.members) {
      if (!member.live) continue;
      live++;
      if (!member.behind) continue;
      behind++;
      awaited ||= this.#awaits(member);
    }
    const all = live > 0 && behind === live;
    if (awaited && !all) this.#timer ??= this.clock?.after(PATIENCE_MS, () => this.#giveUp());
    else this.stop();
    return all || awaited;
  }

  forget(member: Paced): void {
    this.#slow.delete(member);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #awaits(member: Paced): boolean {
    if (this.clock === undefined) return false;
    const until = this.#slow.get(member);
    return until === undefined || this.clock.mono() >= until;
  }

  #giveUp(): void {
    this.#timer = undefined;
    const until = (this.clock?.mono() ?? 0) + SLOW_MS * NANOS_PER_MS;
    for (const member of this.members) if (member.live && member.behind) this.#slow.set(member, until);
    this.again();
  }
}
