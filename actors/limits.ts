/** Bounds and time-outs with their defaults (PROTOCOL.md section 4). All times in milliseconds. */
import type { InitiatorLimits, ResponderLimits } from '../machines/handler/events.ts';
import type { SessionLimits } from '../machines/session/events.ts';

export interface Limits {
  readonly session: SessionLimits;
  readonly initiator: InitiatorLimits;
  readonly responder: ResponderLimits;
  /** Sessions not yet authenticated, from one address and in all. */
  readonly unauthenticatedPerAddress: number;
  readonly unauthenticated: number;
  /** Those from one network: an IPv6 /64 is one; an IPv4 address is one of its own. */
  readonly unauthenticatedPerNetwork: number;
  /** Authenticated sessions in all and from one address, wires not counted; past that a new one gets 429. */
  readonly sessions: number;
  readonly sessionsPerAddress: number;
  /** Connections that got 429 and are read on so that it arrives; past that they are closed at once. */
  readonly turnedAway: number;
  /** Handlers in all, and MAC addresses of all of them together. */
  readonly handlers: number;
  readonly macs: number;
  /** Bytes of answers that a client has not read, past which its next line waits. */
  readonly unread: number;
  /** Round trip from which on a way has a length, so that a Handler's further wires are dialled. */
  readonly spreadRtt: number;
}

export const DEFAULT_LIMITS: Limits = {
  session: { hello: 10_000, idle: 600_000, failedHellos: 3 },
  initiator: {
    handle: 15_000,
    dial: 10_000,
    firstDelay: 500,
    lastDelay: 10_000,
    stable: 60_000,
    wires: 4,
    away: 600_000,
  },
  responder: { grace: 60_000, wires: 8, away: 600_000 },
  unauthenticatedPerAddress: 8,
  unauthenticatedPerNetwork: 32,
  unauthenticated: 64,
  sessions: 1024,
  sessionsPerAddress: 256,
  turnedAway: 256,
  handlers: 1024,
  macs: 65_536,
  unread: 262_144,
  spreadRtt: 5,
};
