/** What the Handlers of a server need of the rest of it, and of each other. */
import type { RequestOutcome } from '../../machines/handler/events.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { DeviceSpec, SecretRef } from '../../machines/protocol/types.ts';
import type { PathObserver } from '../packet-path/observer.ts';
import type { OwnWires } from '../packet-path/own-wires.ts';
import type { Segment } from '../packet-path/segment.ts';
import type { World } from '../world.ts';
import type { DialQueue } from './dial-queue.ts';

/** The devices, as Handlers use them. */
export interface HandlerDevices {
  /** Whether two devices are of one form: opened by the same backend, with the same options. */
  sameForm(one: DeviceSpec, other: DeviceSpec): boolean;
  /** Tells of Handlers, which asked for a device, whether they are on the interface that this one names now. */
  on(spec: DeviceSpec): (handler: string, asked: DeviceSpec) => boolean;
  /** What stands against opening it, as far as can be told without opening it. */
  refuse(spec: DeviceSpec): Refusal | undefined;
  /**
   * @param wantedMtu that of the other end, in bytes, for a TAP that is made without one
   * @param mustStand no TAP is made
   */
  join(spec: DeviceSpec, handler: string, wantedMtu: number | null, mustStand?: boolean): void;
  leave(handler: string): void;
  /** Whether there is an interface of that name. @throws DeviceError */
  stands(spec: DeviceSpec): boolean;
  /**
   * Tells the Handler when there is an interface of that name again, unless it leaves before.
   * @param waits how often it has waited before: so much longer it is at least until it is told
   */
  awaitReturn(spec: DeviceSpec, handler: string, waits: number): void;
  /** Whether its device takes the MTU of the other end. */
  takesFarMtu(handler: string): boolean;
  /** @param mtu that of the other end, in bytes */
  adoptMtu(handler: string, mtu: number): void;
}

/** The sessions, as Handlers see them. */
export interface SessionDirectory {
  /** Tells a session what came of its HANDLE or BEGIN; `text` is for people and never goes on record. */
  news(session: string, news: RequestOutcome, text?: string): void;
  handlerClosed(session: string, handler: string): void;
  /** The wire that this session became has ended. */
  wireEnded(session: string): void;
}

/** Secrets of Handlers that say HELLO by password. */
export interface HandlerSecrets {
  /** Undefined when it is not known. */
  get(ref: SecretRef): string | undefined;
  /** Keeps it over a restart. @throws Error when it cannot be written */
  persist(ref: SecretRef): void;
  drop(ref: SecretRef): void;
}

export interface HandlerWorld
  extends Pick<
    World,
    'chance' | 'clock' | 'configuration' | 'diagnostics' | 'journal' | 'limits' | 'network'
  > {
  readonly secrets: HandlerSecrets;
  readonly dials: DialQueue;
  readonly devices: HandlerDevices;
  readonly sessions: SessionDirectory;
  readonly ownWires: OwnWires;
  readonly frames: {
    /** Hears what becomes of the frames of a Handler, opened by that identity, on a device. */
    observer(handler: string, owner: string, segment: Segment): PathObserver;
  };
  readonly handlers: {
    /** Those with that id: two when this server dialled itself. */
    byId(id: string): readonly { readonly over: Promise<void> }[];
  };
  /** Ids of Handlers that were CLOSEd here as responder in the last 24 h. */
  wasClosed(handler: string): boolean;
  rememberClosed(handler: string): void;
}
