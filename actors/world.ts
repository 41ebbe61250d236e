/**
 * What is outside of the actors of one server: its configuration, and its ways out of the process. What actors of one
 * kind need of it, and of the other actors, stands in the `world.ts` of their folder; `server.ts` puts them together.
 */
import type { Authenticator, Chance, Clock, Devices, Diagnostics, Network } from '../io/ports.ts';
import type { Forbidden, HandlersSeen } from '../machines/policy/policy.ts';
import type { Command } from '../machines/protocol/types.ts';
import type { Limits } from './limits.ts';
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

/** What is on record, for those who ask. */
export interface JournalState {
  /** Whether records reach the log now: HANDLE, BEGIN and CLOSE are refused otherwise. */
  readonly available: boolean;
  readonly position: number;
  /** `ok`, or what is wrong. */
  readonly status: string;
}

export interface World {
  readonly name: string;
  readonly limits: Limits;
  readonly configuration: Configuration;
  readonly network: Network;
  readonly interfaces: Devices;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly authenticator: Authenticator;
  readonly diagnostics: Diagnostics;
  readonly journal: Journal & JournalState;
}
