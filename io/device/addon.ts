/**
 * Loads our Node-API addon (`io/device/native/`) and types it. Nothing outside of `io/` uses it directly.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { TcpFacts } from '../ports.ts';
import { projectFile } from '../project.ts';

/**
 * Places in the Int32Array that a port is made with; each `read` and `write` leaves its outcome there.
 * `state` after a read: 0, the kernel has no more for now; 1, perhaps it has; 2, there is more of the last frame, which
 * nobody will call for; negative, an errno: nothing more comes.
 */
export const OUTCOME = {
  end: 0,
  frames: 1,
  lost: 2,
  state: 3,
  written: 4,
  writtenBytes: 5,
  badOffload: 6,
  queueFull: 7,
  refused: 8,
  tooLong: 9,
  length: 10,
} as const;

/** One descriptor in libuv's loop. Made with `(…, outcome, onReadable)`. */
export interface NativePort {
  /** Whether `onReadable` is called when there is something to read. @throws SystemError */
  poll(on: boolean): void;
  /** Fills `buffer[start, limit)` with records as far as there are frames. Room for one longest record is needed. */
  read(buffer: Buffer, start: number, limit: number): void;
  write(buffer: Buffer, start: number, end: number): void;
  /** The MTU that written frames are held against; 65535 until told. */
  setMtu(mtu: number): void;
  /** Closes the descriptor at once. Idempotent; the other methods do nothing afterwards. */
  close(): void;
}

export interface NativeTap extends NativePort {
  /** @returns the TUN_F_… bits that the kernel took */
  setOffload(on: boolean): number;
  /** Whether the interface stays when its descriptor is closed. @throws SystemError */
  persist(on: boolean): void;
}

export interface NativePacketSocket extends NativePort {
  /** The instructions as they lie in `struct sock_filter`; null takes the filter off. @throws SystemError */
  setFilter(program: Buffer | null): void;
  /** Memory that frames which nobody has read may take; as the kernel's own limits allow. Those in it stay. */
  setReceiveBuffer(bytes: number): void;
  /** Frames dropped for want of room since the last call. */
  drops(): number;
}

/** An interface as the kernel tells of it. */
export interface NativeLink {
  readonly name: string;
  readonly ifindex: number;
  /** ARPHRD_… of linux/if_arp.h: 1 is Ethernet. */
  readonly type: number;
  /** IFLA_INFO_KIND, e.g. `veth`, `bridge`, `tun`; empty for hardware. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly txQueueLength: number;
  /** ifindex of the bridge or bond it is a port of, 0 for none. */
  readonly master: number;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly txDropped: number;
  /** Whether a `tun` device carries Ethernet frames. */
  readonly tap: boolean;
  readonly multiQueue: boolean;
  /** enum macvlan_mode of a macvlan or macvtap (linux/if_link.h); 0 for all others. */
  readonly macvlanMode: number;
  /** Index of the interface that it lies on; 0 where there is none, or none in this network namespace. */
  readonly lower: number;
  /** Descriptors attached to a multi-queue `tun` device. */
  readonly queues: number;
}

/** Of one TCP connection, by TCP_INFO and its like (linux/tcp.h). */
export interface NativeTcpInfo extends TcpFacts {
  readonly noDelay: boolean;
}

/** Changes of one interface, made one after the other in this order. */
export interface LinkChanges {
  readonly txQueueLength?: number;
  /** enum in6_addr_gen_mode (linux/if_link.h). */
  readonly addrGenMode?: number;
  readonly mac?: string;
  readonly mtu?: number;
  /** ifindex of the bridge to join; 0 leaves the one it is in. */
  readonly master?: number;
  readonly up?: boolean;
}

/** What the addon throws: the kernel's errno and its name, e.g. `EPERM`. */
export interface SystemError extends Error {
  readonly errno: number;
  readonly code: string;
}

export interface Addon {
  /**
   * With the number of a descriptor in place of a name: takes over one end of a `socketPair` of datagrams, which carries
   * frames as a TAP does. @throws SystemError, EPROTOTYPE for any other descriptor
   */
  readonly Tap: new (
    name: string | number,
    create: boolean,
    multiQueue: boolean,
    outcome: Int32Array,
    onReadable: () => void,
  ) => NativeTap;
  readonly PacketSocket: new (
    ifindex: number,
    outcome: Int32Array,
    onReadable: () => void,
  ) => NativePacketSocket;
  readonly LinkMonitor: new (outcome: Int32Array, onReadable: () => void) => NativePort;
  /**
   * Gives bytes to the kernel's send queue of a connected socket without waiting. `more`: others follow at once.
   * @returns how many it took; 0 also when it has an error to tell, which the next write by Node's means then gets
   */
  sendNow(fd: number, bytes: Uint8Array, more: boolean): number;
  /**
   * What a TAP of that MTU is given in place of a batch of records: TCP segments that follow one another as one
   * super-frame. For tests: what it writes to `out` nobody else reads. @returns bytes that were written @throws TypeError
   * when they find no room
   */
  joinSegments(batch: Uint8Array, mtu: number, out: Uint8Array): number;
  /** Two unix sockets, connected to one another. @returns both descriptors @throws SystemError */
  socketPair(datagrams: boolean): readonly [number, number];
  /** Sets TCP_NOTSENT_LOWAT of a TCP socket, in bytes. @throws SystemError */
  setNotSentLowat(fd: number, bytes: number): void;
  /** Sets SO_RCVLOWAT: from how many bytes on a socket is readable. @throws SystemError */
  setReceiveLowat(fd: number, bytes: number): void;
  /** Sets the congestion control of a TCP socket. @throws SystemError: ENOENT, the kernel has none of that name; EPERM */
  setCongestion(fd: number, name: string): void;
  /** Whether our sockets may have that one. @throws SystemError as `setCongestion`; EINVAL of a name over 15 bytes, EMFILE */
  probeCongestion(name: string): void;
  /** Bytes given to a TCP socket that the kernel has not sent yet; 0 of any other descriptor. */
  unsentBytes(fd: number): number;
  /** What the kernel knows of a TCP connection; undefined of any other descriptor. */
  tcpInfo(fd: number): NativeTcpInfo | undefined;
  /**
   * Makes a socket file with that mode, on which nobody listens yet; closing the descriptor leaves the file.
   * @returns the descriptor @throws SystemError, TypeError for a path over 107 bytes
   */
  bindUnix(path: string, mode: number): number;
  /**
   * Looks a name up as getaddrinfo(3) does, in a thread of its own. `code` is empty when it went well, else ENOTFOUND,
   * EAI_AGAIN or the like. Keeps the event loop from nothing. @throws SystemError when there is no thread to be had
   */
  lookUp(host: string, done: (code: string, addresses: readonly string[]) => void): void;
  /**
   * fdatasync(2) of an open descriptor, in a thread of its own; `error` is its errno, 0 when it went well. Keeps the event
   * loop alive until then. @throws SystemError when there is no thread to be had
   */
  syncData(fd: number, done: (error: number) => void): void;
  /**
   * Writes to a socket, pipe or terminal that others may share, without waiting for whoever reads it.
   * @returns how many bytes it took; or minus an errno, EAGAIN when there is no room now
   */
  writeNow(fd: number, bytes: Uint8Array): number;
  /** Gives back to the kernel what the C library keeps of memory that was freed; nothing where it has no means for that. */
  trimMemory(): void;
  /**
   * All interfaces, or the one with that index or (alternative) name, 1 to 127 bytes without NUL (an empty array when
   * there is none). @throws SystemError
   */
  links(which?: number | string): NativeLink[];
  /** The interfaces that a datagram of route netlink tells of, however it was damaged. For tests. */
  readLinks(datagram: Uint8Array): NativeLink[];
  /** @throws SystemError; what came before the change that failed is done */
  setLink(ifindex: number, changes: LinkChanges): void;
  /** The kernel's number of this network namespace, never given again while it runs; empty where it has none. */
  networkNamespace(): string;
  /** @throws SystemError */
  deleteLink(ifindex: number): void;
}

const BUILT = 'io/device/native/build/Release/vnet.node';

let loaded: Addon | undefined;

/** The addon, loaded at the first call. @throws Error that says what to do when it is not built or does not load */
export function addon(): Addon {
  if (loaded === undefined) {
    const path = projectFile(BUILT);
    if (!existsSync(path)) {
      throw new Error(`the native addon is not built (no ${path}): run \`npm run setup\``);
    }
    try {
      loaded = createRequire(import.meta.url)(path) as Addon;
    } catch (cause) {
      throw new Error(`the native addon ${path} does not load: run \`npm run setup\``, { cause });
    }
  }
  return loaded;
}
