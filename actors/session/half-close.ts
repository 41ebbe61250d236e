/** The end of a connection whose last answer has to arrive. */
import type { Clock, Link } from '../../io/ports.ts';

/** What a client still sends is read and dropped, so that no reset swallows the answer; but not for ever. */
const MOST_DROPPED = 1 << 20;

/**
 * Ends our direction behind what was written, and waits for the other end: `ms` at most, and no more than 1 MiB of
 * what it still sends.
 */
export function halfClose(link: Link, clock: Clock, ms: number, closed: () => void = () => undefined): void {
  let left = MOST_DROPPED;
  const guard = clock.after(ms, () => link.destroy());
  link.attach({
    data: (chunk) => {
      left -= chunk.length;
      if (left < 0) link.destroy();
    },
    drain: () => undefined,
    end: () => undefined,
    closed: () => {
      guard.cancel();
      closed();
    },
  });
  link.resume();
  link.end();
}
