/**
 * What happens to a Handler, and what it wants done. Plain JSON, no secret, no clock: whatever an effect brings back
 * (the result of a dial, chance for the jitter) stands in an event.
 */
import type { Reason } from '../protocol/errors.ts';
import type { Auth, Ends, HandlerOptions, Remote } from '../protocol/types.ts';

/** BYE's reason words (section 6). */
export const BYE_REASONS = ['closed', 'shutting-down', 'device-gone', 'protocol-error', 'replaced'] as const;
export type ByeReason = (typeof BYE_REASONS)[number];

interface CommonInput extends Ends {
  readonly id: string;
  /** Who asked for it on this server. */
  readonly identity: string;
  /** The session that waits for an answer. */
  readonly session: string;
  readonly options: HandlerOptions;
  /** RFC 3339: when it was asked for. */
  readonly since: string;
}

/** Times in milliseconds (section 4). */
export interface InitiatorLimits {
  /** The whole of HANDLE. */
  readonly handle: number;
  /** One try to dial again. */
  readonly dial: number;
  readonly firstDelay: number;
  readonly lastDelay: number;
  /** So long in `binary`, and the delay starts anew. */
  readonly stable: number;
  /** Most wires of a Handler whose HANDLE names no number; undefined: one, as before there were several. */
  readonly wires?: number;
  /** How long a device that is gone is waited for. */
  readonly away?: number;
}

export interface InitiatorInput extends CommonInput {
  readonly remote: Remote;
  readonly auth: Auth;
  readonly limits: InitiatorLimits;
}

export interface ResponderLimits {
  /** How long it waits for the other end to dial again. */
  readonly grace: number;
  /** Most wires that are granted to a Handler; undefined: one. */
  readonly wires?: number;
  /** How long a device that is gone is waited for. */
  readonly away?: number;
}

export interface ResponderInput extends CommonInput {
  /** Address of the initiator. */
  readonly peer: string;
  /** MTU of the initiator's device. */
  readonly farMtu: number;
  readonly limits: ResponderLimits;
}

/** Which wire of a Handler that may have several; left out where it may have one only. */
interface OneWire {
  readonly wire?: number;
  /** Milliseconds that it stood. */
  readonly stood?: number;
}

/**
 * What the kernel knew of the connection of a wire that broke (TCP_INFO): smoothed round trip in microseconds, segments
 * that were sent again, bytes that the other end never acknowledged. For who reads the log: no machine goes by it.
 */
export interface LastKnown {
  readonly rttMicros: number;
  readonly retransmitted: number;
  readonly unacknowledged: number;
}

/** What the life of a Handler brings to either side alike. */
export type CommonEvent =
  /** `elastic`: a TAP that we made and that was given no MTU, so that it takes the other end's. */
  | { readonly type: 'device-open'; readonly mtu: number; readonly elastic: boolean }
  | { readonly type: 'device-failed'; readonly reason: Reason; readonly jitter: number }
  /** Its end, where the Handler does not wait for it to come back. */
  | { readonly type: 'device-gone'; readonly why: string }
  /** The same of a Handler that has carried: it waits. */
  | { readonly type: 'device-away'; readonly why: string }
  /** There is an interface of its name again. */
  | { readonly type: 'device-back' }
  /**
   * It has another MTU. `told`: the other end hears of it over the wire, or needs not; else it has to be begun again.
   * `elastic`: as in `device-open`, and nobody else has set its MTU since.
   */
  | { readonly type: 'device-mtu'; readonly mtu: number; readonly elastic: boolean; readonly told: boolean }
  /** The other end's device has another MTU. */
  | { readonly type: 'far-mtu'; readonly mtu: number }
  /** The first record came over the wire that stands now. */
  | { readonly type: 'first-record' }
  | ({
      readonly type: 'wire-lost';
      readonly why: string;
      readonly jitter: number;
      readonly tcp?: LastKnown;
    } & OneWire)
  | ({ readonly type: 'bye'; readonly reason: string; readonly jitter: number } & OneWire)
  /** The other end sent what is no record. */
  | { readonly type: 'protocol-error'; readonly why: string }
  /** CLOSE, by that session. */
  | { readonly type: 'close'; readonly session: string }
  | { readonly type: 'shutdown' };

/** The first of a run: nothing of the one before is there any more. */
interface Restart {
  readonly type: 'restart';
  readonly resume: boolean;
  readonly jitter: number;
}

export type InitiatorEvent =
  | CommonEvent
  | Restart
  /** Connected, and greeted. */
  | { readonly type: 'dialled'; readonly peer: string }
  | { readonly type: 'hello-taken' }
  | { readonly type: 'begin-sent' }
  | {
      readonly type: 'begin-taken';
      readonly offload: boolean;
      readonly mtu: number;
      /** Wires that were granted; left out where one was asked for, or the other end knows of one only. */
      readonly wires?: number;
    }
  /** PINGs show that the way has a length (`--spread-rtt`). */
  | { readonly type: 'far'; readonly rttMicros: number }
  /** A further wire, or wire 0 again while others stand, was dialled and taken. */
  | { readonly type: 'wire-up'; readonly wire: number; readonly peer: string; readonly mtu?: number }
  /** Its dial, HELLO, JOIN or BEGIN came to nothing; `final` when that was a 410. */
  | {
      readonly type: 'wire-failed';
      readonly wire: number;
      readonly reason: Reason;
      readonly remote?: string;
      readonly final: boolean;
      readonly jitter: number;
    }
  /**
   * The dial, HELLO or BEGIN came to nothing; `remote` is `<code> <reason>` of the other server's ERR line.
   * `final` when that was a 410 to BEGIN.
   */
  | {
      readonly type: 'dial-failed';
      readonly reason: Reason;
      readonly remote?: string;
      readonly final: boolean;
      readonly jitter: number;
    }
  | {
      readonly type: 'timer';
      readonly timer: 'handle' | 'dial' | 'redial' | 'stable' | 'away' | WireTimer;
      readonly jitter: number;
    };

export type ResponderEvent =
  | CommonEvent
  | Restart
  /** BEGIN with the id of this Handler, the same in all that counts. */
  | {
      readonly type: 'begin';
      readonly session: string;
      readonly peer: string;
      readonly farMtu: number;
      readonly options: HandlerOptions;
    }
  /** JOIN: that session's connection becomes a further wire, or takes one over. */
  | { readonly type: 'join'; readonly wire: number; readonly session: string }
  /** The session that brought BEGIN ended before it was answered. */
  | { readonly type: 'abandoned'; readonly session: string }
  /** Another BEGIN of the same identity takes its MAC addresses. */
  | { readonly type: 'yield'; readonly to: string }
  | { readonly type: 'timer'; readonly timer: 'grace' | 'away' };

/** Tells a session what came of its request; the session takes it as an event. */
export type RequestOutcome =
  | {
      readonly type: 'handler-up';
      readonly handler: string;
      readonly offload: boolean;
      readonly mtu: number;
      readonly wires?: number;
    }
  | { readonly type: 'wire-up'; readonly handler: string; readonly wire: number }
  | {
      readonly type: 'handler-failed';
      readonly handler: string;
      readonly reason: Reason;
      readonly remote?: string;
    };

/** When one wire is dialled again, by its number. */
export type WireTimer = `wire-${number}`;
export type HandlerTimer = 'handle' | 'dial' | 'redial' | 'stable' | 'grace' | 'away' | WireTimer;

export interface HandlerEffects {
  /** Opens the local device, or joins it where it is open. Comes back as `device-open` or `device-failed`. */
  openDevice: object;
  /** Leaves the device. */
  leaveDevice: object;
  /** Leaves the device that is gone, and comes back as `device-back` when there is one of its name again. */
  awaitDevice: object;
  /** Connects, and waits for the greeting. Comes back as `dialled` or `dial-failed`. */
  dial: object;
  sayHello: object;
  /** `wires`: how many to ask for, of a server that knows of several. */
  sayBegin: { readonly mtu: number; readonly wires?: number };
  /** Frames flow over the wire that was made. */
  connect: { readonly offload: boolean; readonly farMtu: number; readonly announce: boolean };
  /** A TAP that we made, without an MTU of its own, takes the other end's. */
  adoptMtu: { readonly mtu: number };
  /** Lets the other end know what MTU our device has now. */
  tellMtu: object;
  /** Frames for the other end are held against this MTU from now on. */
  followFarMtu: { readonly mtu: number };
  /**
   * Says BYE on the wire that stands and lets it end by itself; no more frames. `device-away` is no reason of BYE: to the
   * other end it is a broken wire, with a word beside it.
   */
  farewell: { readonly reason: ByeReason | 'device-away' };
  /**
   * Dials for each, says HELLO, and JOIN (BEGIN with `mtu` and `wires` for wire 0). Comes back as `wire-up` or
   * `wire-failed` of each.
   */
  dialWires: { readonly dial: readonly number[]; readonly mtu: number; readonly wires?: number };
  /** Frames flow over this wire, too. */
  connectWire: { readonly wire: number; readonly offload: boolean; readonly farMtu: number };
  /** Says BYE `replaced` on one wire that stands. */
  replaceWire: { readonly wire: number };
  /** Drops the wire, or the dial that is under way. */
  dropWire: object;
  news: { readonly session: string | null; readonly news: RequestOutcome };
  /** Answers every CLOSE: when the farewell is over, or at once where there was none. */
  tellClosed: { readonly sessions: readonly string[] };
  /** CLOSEd here: the id is to be refused for 24 h. */
  remember: object;
  arm: { readonly timer: HandlerTimer; readonly ms: number };
  cancel: { readonly timer: HandlerTimer };
}
export type HandlerEffect = {
  [T in keyof HandlerEffects]: { readonly type: T; readonly params: HandlerEffects[T] };
}[keyof HandlerEffects];
