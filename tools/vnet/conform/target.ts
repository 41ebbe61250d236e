/** The server under test: how it is reached, and what the suite may use on it. */
import type { KeyPair } from '../../../io/net/tls-material.ts';
import type { DeviceError, Link } from '../../../io/ports.ts';
import type { Verb } from '../../../machines/protocol/types.ts';

export type Credentials =
  | { readonly method: 'password'; readonly identity: string; readonly secret: string }
  | { readonly method: 'cert' | 'local' };

export interface Target {
  /** For people. */
  readonly url: string;
  readonly scheme: 'tcp' | 'tls' | 'unix';
  readonly login: Credentials;
  /** Identity that the server gives a certificate; unknown where undefined. */
  readonly identity?: string;
  /** Another identity, for cases that need two. */
  readonly secondLogin?: Credentials;
  /** Devices of the server, as they stand in HANDLE and BEGIN. */
  readonly device: string;
  readonly secondDevice?: string;
  /** Milliseconds that an answer may take. */
  readonly patience: number;
  /** A new connection to its control port. @throws Error when there is none to be had */
  dial(): Promise<Link>;
  /** Where the server can dial the suite; with a certificate of the suite's by TLS, and nothing vouches for it. */
  listen(
    accept: (link: Link) => void,
    own?: KeyPair,
  ): Promise<{ readonly url: string; close(): Promise<void> }>;
  /** A URL at which nobody listens, as the server sees it. */
  nowhere(): Promise<string>;
  /** What only a server in this process can be made to do. */
  readonly control?: Control;
}

/** Power over a server in this process: its clock, devices, log and life. */
export interface Control {
  /** Lets so many milliseconds pass; every timer that is due on the way fires in order. */
  advance(milliseconds: number): Promise<void>;
  /** Milliseconds on the server's clock. */
  now(): number;
  /** From now on devices open only when told (`openDevice`, `failDevice`). */
  holdDevices(): void;
  /** Resolves when the server waits for a device to open. */
  deviceWanted(): Promise<void>;
  openDevice(): void;
  failDevice(reason: DeviceError['reason']): void;
  /** Deletes the interface that this device is. */
  removeDevice(device: string): void;
  /** Makes an interface of that name again, that nobody has set up. */
  restoreDevice(device: string): void;
  /** Frames that the server put on the device since the last call, and a way to put some on it. */
  sniff(device: string): { heard(): readonly Buffer[]; send(frame: Uint8Array): void };
  /** From now on records are written, and nothing follows from them until `releaseLog`. */
  holdLog(): void;
  /** Lets what was written so far have its effects; what follows from them is held again. */
  stepLog(): void;
  releaseLog(): void;
  breakLog(broken: boolean): void;
  /** The policy refuses this verb from now on. */
  forbid(verb: Verb): void;
  /** Connections that are made from now on come from, and go to, addresses that are not loopback. */
  farAway(): void;
  /** The queue of HELLOs to be checked is full. */
  overload(on: boolean): void;
  /** A HELLO is not checked before `releaseVerdict`. */
  holdVerdict(): void;
  /** Resolves when the server waits for a verdict. */
  verdictWanted(): Promise<void>;
  releaseVerdict(): void;
  stop(): Promise<void>;
  /** The process dies and a new one starts on the same log and the same addresses. */
  restart(resume: boolean): Promise<void>;
  /** State of an actor, `handler:<id>` or `session:<id>`, as the server itself has it. */
  stateOf(actor: string): string | undefined;
  /** Whether there is a session in that state. */
  hasSessions(state: string): boolean;
  /** Other bounds from now on. */
  limit(limits: LimitsForTests): void;
  /** A new server with an empty log. */
  renew(): Promise<void>;
}

export interface LimitsForTests {
  readonly unauthenticated?: number;
  readonly sessions?: number;
  readonly handlers?: number;
}

/** The same server without any power over it. */
export function fromOutside(target: Target): Target {
  const { scheme, login, identity, secondLogin, device, secondDevice, patience } = target;
  return {
    get url() {
      return target.url;
    },
    scheme,
    login,
    device,
    patience,
    ...(identity === undefined ? {} : { identity }),
    ...(secondLogin === undefined ? {} : { secondLogin }),
    ...(secondDevice === undefined ? {} : { secondDevice }),
    dial: () => target.dial(),
    listen: (accept, own) => target.listen(accept, own),
    nowhere: () => target.nowhere(),
  };
}
