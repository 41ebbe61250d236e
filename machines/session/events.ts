/**
 * What happens to a Session, and what it wants done. Both stand in the log or follow from it: plain JSON, no secret.
 */
import type { Reason } from '../protocol/errors.ts';
import type {
  Arguments,
  Begin,
  BeginAgain,
  Capture,
  Handle,
  Hello,
  Join,
  Ping,
  State,
  Trace,
  Verb,
} from '../protocol/types.ts';

/** What an authentication method needs is known at accept: the kind of listener and where the client is. */
export type AuthMethod = 'password' | 'cert' | 'local';

export interface SessionInput {
  readonly id: string;
  readonly scheme: 'tcp' | 'tls' | 'unix' | 'memory';
  readonly peer: string;
  readonly address: string;
  /** Methods that are good on this connection, as the greeting lists them. */
  readonly methods: readonly AuthMethod[];
  readonly limits: SessionLimits;
}

/** Time-outs in milliseconds (section 4). */
export interface SessionLimits {
  readonly hello: number;
  readonly idle: number;
  readonly failedHellos: number;
}

/** Why a command is refused before it is carried out; `rule` names the policy rule that refused. */
export interface Objection {
  readonly reason: Reason;
  readonly rule?: string;
}

/**
 * A line with a known verb. `objection` is the first that the shell found, in the order arguments, policy, objects,
 * log; the machine looks at it only when the state allows the verb. Without one the arguments are there.
 */
export type CommandEvent = {
  [V in Verb]: {
    readonly type: V;
    readonly args?: V extends 'BEGIN'
      ? Begin | BeginAgain
      : V extends 'TRACE?'
        ? Pick<Trace, 'place'>
        : Arguments[V];
    readonly objection?: Objection;
    /** Bytes of the line, kept in place of arguments that are refused, or come before a right HELLO. */
    readonly length?: number;
    /** HANDLE: the id that the shell drew for the new Handler. */
    readonly handler?: string;
  };
}[Verb];

export type SessionEvent =
  | CommandEvent
  | { readonly type: 'bad-line'; readonly reason: Reason; readonly length: number; readonly verb?: Verb }
  | { readonly type: 'empty-line' }
  | { readonly type: 'verified'; readonly identity: string }
  | { readonly type: 'rejected'; readonly reason: 'authentication-failed' | 'too-many-attempts' }
  | {
      readonly type: 'handler-up';
      readonly handler: string;
      readonly offload: boolean;
      readonly mtu: number;
      /** Connections that the Handler may have, where the other end asked for several. */
      readonly wires?: number;
    }
  /** JOIN was taken. */
  | { readonly type: 'wire-up'; readonly handler: string; readonly wire: number }
  | {
      readonly type: 'handler-failed';
      readonly handler: string;
      readonly reason: Reason;
      readonly remote?: string;
    }
  | { readonly type: 'handler-closed'; readonly handler: string }
  /** All PINGs of PING? have come back, or are not waited for any more. */
  | ({ readonly type: 'pinged' } & PingSummary)
  /** Bytes came between BEGIN and its answer. */
  | { readonly type: 'early-bytes' }
  | { readonly type: 'timer'; readonly timer: 'hello' | 'idle' }
  /** The client ended its direction, and every line before was answered. */
  | { readonly type: 'end' }
  /** The connection is gone. */
  | { readonly type: 'lost'; readonly why: string }
  /** The server makes room for another one, or is full. */
  | { readonly type: 'evicted' }
  /** The wire that this session became has ended. */
  | { readonly type: 'wire-ended' }
  | { readonly type: 'shutdown' }
  | { readonly type: 'restart' };

/** What came of PING?, round trips in whole microseconds; undefined where none came back. */
export interface PingSummary {
  readonly sent: number;
  readonly received: number;
  readonly min?: number;
  readonly median?: number;
  readonly max?: number;
}

export type Report =
  | 'DEVICES?'
  | 'HANDLERS?'
  | 'STATS?'
  | 'TRACE?'
  | 'DROPS?'
  | 'CHECK?'
  | 'STATUS?'
  | 'HELP?';

/** Effects: what the shell carries out once the transition is on record. */
export type SessionEffect =
  | { readonly type: 'greet'; readonly params: { readonly methods: readonly AuthMethod[] } }
  | { readonly type: 'answer'; readonly params: { readonly line: string } }
  /** `ERR …`; the shell knows the text for people, which never enters the machine. */
  | { readonly type: 'refuse'; readonly params: { readonly reason: Reason } }
  | {
      readonly type: 'report';
      readonly params: { readonly what: Report; readonly state: State; readonly handler?: string };
    }
  | { readonly type: 'verify'; readonly params: { readonly hello: Hello } }
  | { readonly type: 'open'; readonly params: { readonly handler: string; readonly handle: Handle } }
  | { readonly type: 'begin'; readonly params: { readonly begin: Begin | BeginAgain } }
  | { readonly type: 'join'; readonly params: { readonly join: Join } }
  | { readonly type: 'close'; readonly params: { readonly handler: string } }
  | { readonly type: 'watch'; readonly params: object }
  | { readonly type: 'capture'; readonly params: { readonly capture: Capture } }
  | { readonly type: 'ping'; readonly params: { readonly ping: Ping } }
  /** Ends WATCH and CAPTURE. */
  | { readonly type: 'unwatch'; readonly params: object }
  /** Answers BEGIN or JOIN (then there is a `wire`) and hands the connection to its Handler. */
  | {
      readonly type: 'becomeWire';
      readonly params: { readonly handler: string; readonly line: string; readonly wire?: number };
    }
  /** BEGIN was under way when its session ended. */
  | { readonly type: 'abandon'; readonly params: { readonly handler: string } }
  | { readonly type: 'arm'; readonly params: { readonly timer: 'hello' | 'idle'; readonly ms: number } }
  | { readonly type: 'cancel'; readonly params: { readonly timer: 'hello' | 'idle' } }
  /** Ends our direction behind the last answer, then closes. */
  | { readonly type: 'hangUp'; readonly params: object };
