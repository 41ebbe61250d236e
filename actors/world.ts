/**
 * What the actors of one server know of each other and of the outside. Each gets this, and only this.
 */
import type {
  Authenticator,
  Chance,
  Clock,
  Devices,
  Diagnostics,
  Network,
  SecretStore,
} from '../io/ports.ts';
import type { RequestOutcome } from '../machines/handler/events.ts';
import type { Forbidden, HandlersSeen } from '../machines/policy/policy.ts';
import type { Refusal } from '../machines/protocol/errors.ts';
import type { Begin, Command, Handle, SecretRef } from '../machines/protocol/types.ts';
import type { DeviceRegistry } from './device/devices.ts';
import type { HandlerRegistry } from './handler/handlers.ts';
import type { Limits } from './limits.ts';
import type { Watchers } from './session/watchers.ts';
import type { Journal } from './shell.ts';

/** Another server that the configuration names (`--peers`). */
export interface Peer {
  readonly name: string;
  /** `tcp://…` or `tls://…` in normal form. */
  readonly url: string;
  readonly pin?: string;
  /** How to say HELLO there; undefined when the entry says nothing. */
  readonly auth?:
    | { readonly method: 'password'; readonly identity: string; readonly secret: string }
    | { readonly method: 'cert' };
}

/** What the operator configured, as it is now (it may be read again while the server runs). */
export interface Configuration {
  readonly allowPlaintext: boolean;
  peer(name: string): Peer | undefined;
  /** Whether that identity may do that (`--policy`); by which rule not. */
  forbids(identity: string, command: Command, handlers: HandlersSeen): Forbidden | undefined;
}

/** The sessions, as Handlers see them. */
export interface SessionDirectory {
  /** Tells a session what came of its HANDLE or BEGIN; `text` is for people and never goes on record. */
  news(session: string, news: RequestOutcome, text?: string): void;
  handlerClosed(session: string, handler: string): void;
  /** The wire that this session became has ended. */
  wireEnded(session: string): void;
}

/** What is on record, for those who ask. */
export interface JournalState {
  /** Whether records reach the log now: HANDLE, BEGIN and CLOSE are refused otherwise. */
  readonly available: boolean;
  readonly position: number;
  /** `ok`, or what is wrong. */
  readonly status: string;
}

/** Records of sessions; those that never authenticate are counted past a bound instead (section 7). */
export interface SessionJournal extends Journal {
  /** Milliseconds to wait before the session's next line is read. */
  delay(): number;
}

export interface World {
  readonly name: string;
  readonly version: string;
  readonly boot: string;
  readonly limits: Limits;
  readonly configuration: Configuration;
  readonly network: Network;
  readonly interfaces: Devices;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly authenticator: Authenticator;
  readonly secrets: Secrets;
  readonly diagnostics: Diagnostics;
  readonly journal: Journal & JournalState;
  sessionJournal(session: string, address: string): SessionJournal;
  readonly devices: DeviceRegistry;
  readonly handlers: HandlerRegistry;
  readonly sessions: SessionDirectory;
  readonly watchers: Watchers;
  /** `STATUS <key> <value>` pairs. */
  status(): readonly (readonly [string, string])[];
  /** Ids of Handlers that were CLOSEd here as responder in the last 24 h. */
  wasClosed(handler: string): boolean;
  rememberClosed(handler: string): void;
}

/**
 * Where secrets are between the line that brought them and their use. A reference stands for each in events and log.
 */
export class Secrets {
  readonly #passing = new Map<SecretRef, string>();

  constructor(
    private readonly store: SecretStore,
    private readonly chance: Chance,
  ) {}

  readonly keep = (secret: string): SecretRef => {
    const ref = `secret:${this.chance.id(8)}` as SecretRef;
    this.#passing.set(ref, secret);
    return ref;
  };

  /** Undefined when it is not known, as after a crash before it was stored. */
  get(ref: SecretRef): string | undefined {
    return this.#passing.get(ref) ?? this.store.get(ref);
  }

  /** Keeps it over a restart. @throws Error when it cannot be written */
  persist(ref: SecretRef): void {
    const secret = this.#passing.get(ref);
    if (secret === undefined) return;
    this.store.put(ref, secret);
    this.#passing.delete(ref);
  }

  /** It is not needed any more. */
  drop(ref: SecretRef): void {
    if (!this.#passing.delete(ref)) this.store.drop(ref);
  }

  /** Drops what no Handler of the log refers to any more. */
  sweep(needed: ReadonlySet<string>): void {
    for (const ref of this.store.refs()) if (!needed.has(ref)) this.store.drop(ref);
  }
}

/** What a Handler is made from, at either side. */
export type HandlerRequest =
  | { readonly side: 'initiator'; readonly handler: string; readonly handle: Handle }
  | { readonly side: 'responder'; readonly begin: Begin };

export type { Refusal };
