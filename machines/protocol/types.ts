/**
 * What the lines of the protocol mean, as values. They stand in events and so in the log: plain JSON, no secret.
 */
import type { Refusal, Result } from './errors.ts';

/** An opaque name for a secret that the shell keeps to itself; it looks like `secret:3f…`. */
export type SecretRef = string & { readonly __brand: 'SecretRef' };

export const ROLES = ['HOST', 'PROXY', 'BRIDGE'] as const;
export type Role = (typeof ROLES)[number];

/** `<config>`: a role with its options, e.g. `PROXY:multicast=off`. */
export interface RoleConfig {
  readonly role: Role;
  /** PROXY only: whether multicast frames cross from device to peer. Always true for the other roles. */
  readonly multicast: boolean;
}

/** `<device>` (section 3.1). */
export type DeviceSpec =
  | { readonly kind: 'interface'; readonly backend: 'any' | 'packet' | 'pcap'; readonly ifname: string }
  | {
      readonly kind: 'tap';
      readonly ifname: string;
      readonly mtu?: number;
      readonly bridge?: string;
      /** Whether this machine speaks IPv6 of its own on it. */
      readonly ip?: true;
    };

/** `<remote>`. A URL is kept in its normal form: lower-case host, port always there, without the pin. */
export type Remote =
  | { readonly kind: 'url'; readonly scheme: 'tcp' | 'tls'; readonly url: string; readonly pin?: string }
  | { readonly kind: 'peer'; readonly name: string };

/** `<auth>`. */
export type Auth =
  | { readonly kind: 'password'; readonly identity: string; readonly secret: SecretRef }
  | { readonly kind: 'cert' }
  | { readonly kind: 'peer-entry' };

/** Options of HANDLE, handed on in BEGIN. */
export interface HandlerOptions {
  readonly offload: boolean;
  readonly announce: boolean;
  readonly l2cp: boolean;
  /** Most bits a second that this Handler carries in each direction; undefined: no cap. */
  readonly rate?: number;
  /** Most group-addressed (broadcast, multicast) frames a second in each direction; undefined: no cap. */
  readonly bcastRate?: number;
  /** Most wires that it may use, 1 to 8; undefined: as the server is set (HANDLE), or one (BEGIN). */
  readonly wires?: number;
}

/** Two devices, two roles and the MAC addresses, as the server that received the line sees them. */
export interface Ends {
  readonly localDevice: DeviceSpec;
  readonly remoteDevice: DeviceSpec;
  readonly localConfig: RoleConfig;
  readonly remoteConfig: RoleConfig;
  /** Lower-case, colon-separated, sorted, without doubles; `['*']` for BRIDGE. */
  readonly macs: readonly string[];
}

export interface HelloPassword {
  readonly method: 'password';
  readonly identity: string;
  readonly secret: SecretRef;
}
export type Hello = HelloPassword | { readonly method: 'cert' } | { readonly method: 'local' };

export interface Handle extends Ends {
  readonly remote: Remote;
  readonly auth: Auth;
  readonly options: HandlerOptions;
}

export interface Begin extends Ends {
  readonly handler: string;
  /** MTU of the initiator's device. */
  readonly mtu: number;
  readonly options: HandlerOptions;
}

/** What goes on record of a BEGIN that takes over a Handler which stands: the rest is on record of that Handler. */
export type BeginAgain = Pick<Begin, 'handler' | 'mtu' | 'options'>;

/** This connection becomes that wire of a Handler which stands (section 6.1). */
export interface Join {
  readonly handler: string;
  /** 1 to 7: number 0 is the connection that brought BEGIN. */
  readonly wire: number;
}

/** Where frames are asked about: on a device, or on the wire of a Handler. */
export type FramePlace =
  | { readonly kind: 'device'; readonly device: DeviceSpec }
  | { readonly kind: 'handler'; readonly handler: string };

export interface Trace {
  readonly place: FramePlace;
  /** The whole frame in lower-case hex, 14 to 65,575 bytes. It never goes on record. */
  readonly frame: string;
}

export interface Capture {
  readonly place: FramePlace;
  /** Bytes of each frame that are shown at most. */
  readonly snap: number;
  readonly only?: 'dropped' | 'carried';
  /** Of the source or the destination, in canonical form. */
  readonly mac?: string;
  /** Ethertype behind the VLAN tags. */
  readonly type?: number;
}

export interface Ping {
  readonly handler: string;
  /** PINGs over each wire, 1 to 100. */
  readonly count: number;
}

export const VERBS = [
  'HELLO',
  'DONE',
  'DEVICES?',
  'HANDLERS?',
  'HANDLE',
  'BEGIN',
  'JOIN',
  'CLOSE',
  'STATS?',
  'TRACE?',
  'DROPS?',
  'CAPTURE',
  'PING?',
  'CHECK?',
  'STATUS?',
  'WATCH',
  'HELP?',
] as const;
export type Verb = (typeof VERBS)[number];

/** Arguments of each verb. */
export interface Arguments {
  HELLO: Hello;
  DONE: null;
  'DEVICES?': null;
  'HANDLERS?': null;
  HANDLE: Handle;
  BEGIN: Begin;
  JOIN: Join;
  CLOSE: { readonly handler: string };
  'STATS?': { readonly handler: string };
  'TRACE?': Trace;
  'DROPS?': { readonly handler?: string };
  CAPTURE: Capture;
  'PING?': Ping;
  'CHECK?': null;
  'STATUS?': null;
  WATCH: null;
  'HELP?': null;
}

/** One line whose verb is known; whether its arguments are right is only looked at when the state allows the verb. */
export type Command = { [V in Verb]: { readonly verb: V; readonly args: Result<Arguments[V]> } }[Verb];

/** One line as read: nothing at all, a command, or what is wrong with it. */
export type Line =
  | { readonly kind: 'empty' }
  | { readonly kind: 'command'; readonly command: Command }
  | {
      readonly kind: 'bad';
      readonly refusal: Refusal;
      /** The verb, where known: with the line's length all that the log may tell of it. */
      readonly verb?: Verb;
    };

/** Takes a secret out of a line and returns the reference that stands for it from now on. */
export type KeepSecret = (secret: string) => SecretRef;

/** Where a session stands (section 4). */
export const STATES = ['unauthenticated', 'authenticated', 'handling', 'binary', 'closed'] as const;
export type State = (typeof STATES)[number];
