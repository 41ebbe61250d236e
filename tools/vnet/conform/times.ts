/** Times of PROTOCOL.md section 4, in milliseconds, as the suite expects them of a server that was not told others. */
import type { InitiatorLimits } from '../../../machines/handler/events.ts';

export const DEFAULT_TIMES: InitiatorLimits = {
  handle: 15_000,
  dial: 10_000,
  firstDelay: 500,
  lastDelay: 10_000,
  stable: 60_000,
};
export const GRACE = 60_000;
export const SILENCE = 15_000;
/** Past a time-out: enough for it, and for a timer that rounds. */
export const BEYOND = 50;
