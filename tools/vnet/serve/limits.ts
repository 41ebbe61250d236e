/** The bounds and time-outs that the file of `--config` may set, under `limits`. Times in milliseconds. */
import * as v from 'valibot';
import { DEFAULT_LIMITS, type Limits } from '../../../actors/limits.ts';
import { MOST_WIRES } from '../../../machines/protocol/options.ts';

const Milliseconds = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 31 - 1)));
/** Silence that breaks a wire: no way is longer. */
const MOST_SPREAD_RTT_MS = 15_000;
const Count = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));

export const LimitSettings = v.strictObject({
  /** From accept to a right HELLO. */
  'hello-ms': Milliseconds,
  /** An authenticated session that asks nothing. */
  'idle-ms': Milliseconds,
  /** The whole of HANDLE. */
  'handle-ms': Milliseconds,
  /** One try to dial again. */
  'dial-ms': Milliseconds,
  /** Before the first and at most before any further try to dial again. */
  'redial-first-ms': Milliseconds,
  'redial-last-ms': Milliseconds,
  /** How long a responder waits for its initiator to come back. */
  'grace-ms': Milliseconds,
  /** How long Handlers wait for a device that is gone. */
  'device-away-ms': Milliseconds,
  sessions: Count,
  'sessions-unauthenticated': Count,
  'sessions-unauthenticated-per-address': Count,
  'sessions-unauthenticated-per-network': Count,
  'sessions-per-address': Count,
  handlers: Count,
  macs: Count,
});

const Wires = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MOST_WIRES)));

/** Of the wires of all Handlers: options of their own, since they are no bounds against anybody. */
export const WIRE_SETTINGS = {
  /** Most wires of a Handler whose HANDLE names no number, and most that a BEGIN is granted: 1 to 8. */
  wires: Wires,
  'wires-granted': Wires,
  /** Round trip in milliseconds from which on a way has a length. */
  'spread-rtt': v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(MOST_SPREAD_RTT_MS))),
} as const;
type WireSettings = { readonly [K in keyof typeof WIRE_SETTINGS]?: number | undefined };

/** The defaults, with what was set in their place. */
export function readLimits(
  settings: v.InferOutput<typeof LimitSettings> = {},
  wires: WireSettings = {},
): Limits {
  const { session, initiator, responder } = DEFAULT_LIMITS;
  return {
    ...DEFAULT_LIMITS,
    session: {
      ...session,
      hello: settings['hello-ms'] ?? session.hello,
      idle: settings['idle-ms'] ?? session.idle,
    },
    initiator: {
      ...initiator,
      handle: settings['handle-ms'] ?? initiator.handle,
      dial: settings['dial-ms'] ?? initiator.dial,
      firstDelay: settings['redial-first-ms'] ?? initiator.firstDelay,
      lastDelay: settings['redial-last-ms'] ?? initiator.lastDelay,
      wires: wires.wires ?? initiator.wires ?? 1,
      away: settings['device-away-ms'] ?? initiator.away ?? 600_000,
    },
    responder: {
      grace: settings['grace-ms'] ?? responder.grace,
      wires: wires['wires-granted'] ?? responder.wires ?? 1,
      away: settings['device-away-ms'] ?? responder.away ?? 600_000,
    },
    spreadRtt: wires['spread-rtt'] ?? DEFAULT_LIMITS.spreadRtt,
    sessions: settings.sessions ?? DEFAULT_LIMITS.sessions,
    unauthenticated: settings['sessions-unauthenticated'] ?? DEFAULT_LIMITS.unauthenticated,
    unauthenticatedPerAddress:
      settings['sessions-unauthenticated-per-address'] ?? DEFAULT_LIMITS.unauthenticatedPerAddress,
    unauthenticatedPerNetwork:
      settings['sessions-unauthenticated-per-network'] ?? DEFAULT_LIMITS.unauthenticatedPerNetwork,
    sessionsPerAddress: settings['sessions-per-address'] ?? DEFAULT_LIMITS.sessionsPerAddress,
    handlers: settings.handlers ?? DEFAULT_LIMITS.handlers,
    macs: settings.macs ?? DEFAULT_LIMITS.macs,
  };
}
