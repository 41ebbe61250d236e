/** What the sessions of a server need of the rest of it. */
import type { Link, TcpFacts } from '../../io/ports.ts';
import type { InitiatorContext } from '../../machines/handler/initiator.ts';
import type { ResponderContext } from '../../machines/handler/responder.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { Begin, DeviceSpec, Handle, Join, SecretRef } from '../../machines/protocol/types.ts';
import type { PathCounters } from '../packet-path/counters.ts';
import type { FrameWatch } from '../packet-path/frame-watch.ts';
import type { Direction, Verdict } from '../packet-path/observer.ts';
import type { WireTerms } from '../packet-path/outbound.ts';
import type { Segment } from '../packet-path/segment.ts';
import type { Journal } from '../shell.ts';
import type { World } from '../world.ts';
import type { Pinged } from './pings.ts';
import type { Watcher } from './watchers.ts';

/** A Handler's place on its device, as far as questions about frames need it. */
export interface PathView {
  readonly ifindex: number;
  readonly mtu: number;
  readonly terms: WireTerms | undefined;
  trace(direction: Direction, record: Buffer): Verdict;
}

/** A Handler, as reports show it. */
export interface HandlerView {
  readonly actor: string;
  readonly state: string;
  readonly context: InitiatorContext | ResponderContext;
  /** Undefined while it has no place on its device. */
  readonly counters: PathCounters | undefined;
  /** Its place on the device; undefined while it has none. */
  readonly onDevice: PathView | undefined;
  /** The wires that stand, by their numbers. */
  readonly standingWires: ReadonlyMap<number, Pinged>;
  /** Frames that the kernel's queue on its device lost before we could read them, since that was opened. */
  readonly kernelDropped: number;
  /** How often its device carried nothing for a while and was started again, since it was opened. */
  readonly deviceInterruptions: number;
  /** Undefined while none was measured. */
  readonly rttMicros: number | undefined;
  /** What the kernel knows of the wires that stand, by their numbers in rising order; none of what it does not know. */
  readonly wireFacts: readonly (readonly [wire: number, facts: TcpFacts])[];
}

/** The Handler that a session's BEGIN was for. */
export interface WireTaker {
  /** The session's answer is out: its connection is the wire of that number. `rest` are bytes that stood behind the line. */
  takeWire(session: string, link: Link, rest: Uint8Array, wire?: number): void;
  /** The session ended before it could be the wire. */
  abandoned(session: string): void;
}

/** The Handlers, as sessions ask for them. */
export interface SessionHandlers {
  all(): readonly HandlerView[];
  /** Those with that id: two when this server dialled itself. */
  byId(id: string): readonly HandlerView[];
  responder(id: string): WireTaker | undefined;
  refuseHandle(handle: Handle): Refusal | undefined;
  refuseBegin(begin: Begin, identity: string, address: string): Refusal | undefined;
  /** HANDLE is on record. @returns what came in the way meanwhile */
  open(id: string, handle: Handle, identity: string, session: string): Refusal | undefined;
  /** BEGIN is on record. @returns what came in the way meanwhile */
  begin(begin: Begin, identity: string, session: string, address: string): Refusal | undefined;
  refuseJoin(join: Join, identity: string): Refusal | undefined;
  /** JOIN is on record. @returns what came in the way meanwhile */
  join(join: Join, identity: string, session: string): Refusal | undefined;
  /** CLOSE is on record: the session hears when it is carried out. */
  close(id: string, session: string): void;
}

/** Something that was looked at for CHECK?. */
export interface Check {
  /** One word: `log`, `device:lan0`, `handler:3f…`. */
  readonly subject: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  /** What was found, and what to do where it is not `ok`. */
  readonly text: string;
}

/** Secrets that lines bring. */
export interface LineSecrets {
  readonly keep: (secret: string) => SecretRef;
  /** Undefined when it is not known. */
  get(ref: SecretRef): string | undefined;
  drop(ref: SecretRef): void;
}

/** Records of sessions; those that never authenticate are counted past a bound instead (section 7). */
export interface SessionJournal extends Journal {
  /** Milliseconds to wait before the session's next line is read. */
  delay(): number;
}

/** What this server does on an interface, by whatever name it was asked for. */
export interface InterfaceUsage {
  /** Handlers on it. */
  readonly handlers: number;
  /** Frames that the kernel's queue lost before we could read them, since the interface was opened. */
  readonly kernelDropped: number;
}

export interface SessionWorld extends World {
  readonly secrets: LineSecrets;
  readonly handlers: SessionHandlers;
  readonly devices: {
    /** By the index of an interface. */
    usage(): ReadonlyMap<number, InterfaceUsage>;
    /** Tells of Handlers, which asked for a device, whether they are on the interface that this one names now. */
    on(spec: DeviceSpec): (handler: string, asked: DeviceSpec) => boolean;
    exists(spec: DeviceSpec): boolean;
    /** Those that are open now, by the names of their actors. */
    segments(): Iterable<readonly [string, Segment]>;
    /** As what the interface that this one names now is open, or about to be. @throws DeviceError */
    openAs(spec: DeviceSpec): DeviceSpec | undefined;
    /** The open device on the interface that this one names now. */
    segment(spec: DeviceSpec): Segment | undefined;
  };
  readonly frames: Pick<FrameWatch, 'drops' | 'capture' | 'release'>;
  readonly watchers: {
    add(watcher: Watcher): void;
    delete(watcher: Watcher): void;
    /** The watcher has read on. */
    ready(watcher: Watcher): void;
  };
  sessionJournal(session: string, address: string): SessionJournal;
  /** What CHECK? tells of the process, and the machine around it. */
  checks(): readonly Check[];
  /** `STATUS <key> <value>` pairs. */
  status(): readonly (readonly [string, string])[];
}
