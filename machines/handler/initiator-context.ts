/** What an initiator knows of itself, and what follows from that alone. */
import type { Auth, Ends, HandlerOptions, Remote } from '../protocol/types.ts';
import type { InitiatorLimits } from './events.ts';
import type { WiresContext } from './wires.ts';

export interface InitiatorContext extends Ends {
  readonly id: string;
  readonly side: 'initiator';
  readonly identity: string;
  readonly remote: Remote;
  readonly auth: Auth;
  readonly options: HandlerOptions;
  readonly limits: InitiatorLimits;
  readonly since: string;
  /** The session whose HANDLE is not answered yet. */
  readonly session: string | null;
  /** What it does in `unauthenticated`: nothing at all after a shutdown, or a restart that resumes nothing. */
  readonly phase: 'device' | 'dialling' | 'waiting' | 'away' | 'idle';
  readonly deviceOpen: boolean;
  readonly mtu: number | null;
  /** Whether the device takes the MTU of the other end. */
  readonly elastic: boolean;
  readonly farMtu: number | null;
  readonly offload: boolean;
  /** Address it is, or was last, connected to. */
  readonly peer: string | null;
  readonly everBinary: boolean;
  /** Dials since the last time it was `binary` long enough. */
  readonly attempt: number;
  /** Whether a record came over the wire that stands. */
  readonly heard: boolean;
  readonly why: string | null;
  /** Whether its device is gone and waited for; not there before one ever was. */
  readonly away?: boolean;
  /** Only where it may have several wires. */
  readonly wires?: WiresContext;
}

/** Milliseconds to wait before dial number `attempt` (from 0): doubled each time up to the last, a fifth more or less. */
export function redialDelay(limits: InitiatorLimits, attempt: number, jitter: number): number {
  const whole = Math.min(limits.lastDelay, limits.firstDelay * 2 ** Math.min(attempt, 30));
  return Math.round(whole * (0.8 + 0.4 * jitter));
}

/** How long a device that is gone is waited for where nothing else is said, in milliseconds. */
export const AWAY_MS = 600_000;

/** The device is there, or not waited for any more; says nothing where it never was away. */
export function notAway({ away }: { readonly away?: boolean }): { readonly away?: boolean } {
  return away === undefined ? {} : { away: false };
}

/** Whether this side tells its segment's switches where the MAC addresses are now (section 3.2). */
export function announces(context: Pick<InitiatorContext, 'options' | 'localConfig'>): boolean {
  return context.options.announce && context.localConfig.role === 'PROXY';
}

/** Whether it is at a try, and not between two of them or laid down. */
export function isTrying({ phase }: InitiatorContext): boolean {
  return phase === 'device' || phase === 'dialling';
}
