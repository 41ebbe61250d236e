/**
 * The edge of the program: every way out of the process is one of these interfaces. Each has a real
 * implementation in this folder and an in-memory twin in `io/memory/`, and one test suite that both pass (HTTP has no
 * twin: nobody here waits for what it does).
 * Actors know these types only.
 */

// ── Frames ──────────────────────────────────────────────────────────────────────────────────────────

/**
 * Some frames in one buffer, already in wire form: the records FRAME and OFFLOAD of PROTOCOL.md section 6,
 * one behind the other without a gap, from `start` to `end`. Nobody changes the bytes of a batch.
 *
 * A batch comes with one reference. Who wants to keep it past the call takes another by `retain()`;
 * when the last one is `release()`d its buffer goes back to the pool and must not be touched again.
 */
export interface Batch {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Number of records in it, at least 1. */
  readonly frames: number;
  retain(): void;
  release(): void;
}

/** One instruction of the kernel's classic BPF (linux/filter.h, struct sock_filter). */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** What became of the records given to one `FrameDevice.write`. The sum of all is the number of records given. */
export interface WriteOutcome {
  written: number;
  writtenBytes: number;
  /** The device refused the virtio header (EINVAL); that frame alone is lost. */
  badOffload: number;
  /** The device's queue, or the pipe to it, was full (EAGAIN, ENOBUFS). */
  queueFull: number;
  /** The interface is down or refused the frame for another reason (EIO, ENETDOWN, EMSGSIZE …). */
  refused: number;
  /**
   * Of those refused: how many the kernel found too long though they are within the MTU, because of their VLAN tags. On
   * a captured interface it takes one tag beside the MTU, and that of TPID 0x8100 only (packet(7), EMSGSIZE).
   */
  tooLong: number;
}

export interface DeviceSink {
  /** Called with at least one record; the batch is valid during the call, longer with `retain()`. */
  frames(batch: Batch): void;
  /** The interface has another MTU from now on, `mtu` of the device says which. */
  resized?(): void;
  /** Nothing is read or written for now, as the process that does it has died; it is started again. */
  interrupted?(why: string): void;
  /** It carries again. */
  recovered?(): void;
  /** The interface was deleted or cannot be read any more. Called once at most; the device is dead then. */
  gone(reason: string): void;
}

/**
 * One open kernel interface: one Ethernet segment. What is written is not heard again by the same device.
 * After `close()`, or after `gone`, every method but `close` does nothing.
 */
export interface FrameDevice {
  readonly backend: 'tap' | 'packet' | 'pcap' | 'memory';
  /** The kernel's name of the interface, e.g. `br0`. */
  readonly ifname: string;
  readonly ifindex: number;
  /** Of a TAP that stood before: how it was found. */
  readonly found?: TapState | undefined;
  /** MTU in bytes as it is now (Ethernet payload: without the 14-byte header and without a VLAN tag). */
  readonly mtu: number;
  /** Whether `write` takes OFFLOAD records as they are. Where not, it counts them as `badOffload`. */
  readonly takesOffload: boolean;
  /**
   * Whether frames may come as FRAME records that are longer than the MTU or have a checksum that is only
   * started, as a capture without virtio header hands them over. The packet path mends them.
   */
  readonly unfinished: boolean;
  /** Begins to read. Called once. */
  start(sink: DeviceSink): void;
  /** Stops reading at once; the kernel's own queue fills and drops. Idempotent. */
  pause(): void;
  resume(): void;
  /**
   * Puts all records in `buffer[start, end)` on the interface, in order, before it returns (or, for a device in
   * another process, hands them on; what it cannot take without growing past a bound it counts as `queueFull`).
   * The returned object is reused by the next call.
   */
  write(buffer: Buffer, start: number, end: number): WriteOutcome;
  /** All ways that its frames go are at least so long, in microseconds (0: not known): it may wait a moment for more of them. */
  suit?(lengthMicros: number): void;
  /** Says whether super-frames are wanted from now on; a device that cannot tell goes on as it is. */
  setOffload(on: boolean): void;
  /**
   * Lets only matching frames through in the kernel; null takes the filter off. No effect where there is none.
   * @returns false when the kernel has no room for this one: it is left out, and a shorter one may still do
   */
  setFilter(program: readonly BpfInstruction[] | null): boolean;
  /** Frames that the kernel dropped before we read them, as far as the device can tell. */
  kernelDrops(): number;
  /** Ends reading and frees everything in this process; a TAP interface itself stays. Idempotent. */
  close(): Promise<void>;
}

/** A device that could not be opened: `reason` is a reason word of PROTOCOL.md section 5. */
export class DeviceError extends Error {
  constructor(
    readonly reason: 'no-such-device' | 'device-busy' | 'bad-device' | 'forbidden' | 'internal',
    message: string,
  ) {
    super(message);
    this.name = 'DeviceError';
  }
}

export interface TapOptions {
  /** MTU to set, 68..65535; undefined: the interface's own. */
  readonly mtu?: number;
  /** Bridge to join. */
  readonly bridge?: string;
  /** Of one that is made: whether this machine speaks IPv6 of its own on it, as on other interfaces. */
  readonly ip?: boolean;
  /** Of the TAP that stands and is meant, whatever it is called now. */
  readonly ifindex?: number | undefined;
  /** Hears, as long as the device is open, that the TAP left its bridge or was put into it again; never while it is opened. */
  readonly onBridge?: (change: BridgeChange) => void;
}

/** A TAP's place in its bridge, which it is put into again by whoever opened it. */
export interface BridgeChange {
  /** The bridge's name. */
  readonly bridge: string;
  readonly joined: boolean;
  /** Why it could not be put back. */
  readonly why?: string;
}

/** What we change of a TAP that stood before we opened it. */
export interface TapState {
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Frames. */
  readonly queue: number;
  /** Name of the bridge whose port it is. */
  readonly bridge?: string;
}

/** What DEVICES? tells of an interface. */
export interface InterfaceInfo {
  readonly name: string;
  readonly ifindex: number;
  /**
   * What the kernel calls it (`bridge`, `veth`, `vlan`, `macvlan`, `vxlan`, `bond`, `dummy` …); `tap` and `tun` of its two
   * kinds of `tun`, and `nic`, `wireless`, `loopback`, `other` where it has no word.
   */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Name of the bridge whose port it is. */
  readonly bridge?: string;
  /** Why it cannot be captured, in words for people, that say what to use instead; undefined when it can. */
  readonly unfit?: string;
  /** Why a capture of it may be of no use, and what would be; undefined when nothing speaks against it. */
  readonly doubt?: string;
}

/** An interface by its name; where its index is known by that, whatever anybody calls it now. */
export interface Named {
  readonly ifname: string;
  readonly ifindex?: number | undefined;
}

/** Interfaces of this machine (of this network namespace). All calls are synchronous and quick. */
export interface Devices {
  /** @throws DeviceError when the kernel does not say */
  interfaces(): readonly InterfaceInfo[];
  /**
   * By its name, or by an alternative one: `name` of what is found is the kernel's own.
   * @throws DeviceError when the kernel does not say
   */
  find(ifname: string): InterfaceInfo | undefined;
  /** By its index. @throws DeviceError when the kernel does not say */
  at(ifindex: number): InterfaceInfo | undefined;
  /** Names this run of the kernel and this network namespace: where it is another one, an index means nothing. */
  readonly kernel: string;
  /** Backends that work here; the first is what a bare interface name means. */
  captureBackends(): readonly ('packet' | 'pcap')[];
  tapAvailable(): boolean;
  /** Opens a capture of that interface, by its index where that is known. @throws DeviceError */
  capture(backend: 'packet' | 'pcap', ifname: string, ifindex?: number): Promise<FrameDevice>;
  /** Creates a persistent TAP interface (or attaches to the one that stands), sets it up. @throws DeviceError */
  openTap(ifname: string, options: TapOptions): Promise<FrameDevice>;
  /**
   * Calls, not before this has returned, each time that an interface may have come, gone or got another name, until the
   * returned function is called.
   */
  onChange(changed: () => void): () => void;
  /** Sets the MTU (68..65535 bytes) of a TAP that we created. @throws DeviceError */
  setMtu(tap: Named, mtu: number): void;
  /**
   * Leaves a TAP that stood before, and is closed, as it was found, as far as nobody else has changed it since. Does
   * nothing when there is none of that index. @throws DeviceError
   */
  restoreTap(ifindex: number, found: TapState, options: TapOptions): void;
  /** Removes a TAP interface that we created. Does nothing when there is none. @throws DeviceError */
  removeTap(tap: Named): Promise<void>;
}

// ── Byte links ──────────────────────────────────────────────────────────────────────────────────────

export interface LinkSink {
  /** The bytes are valid during the call only: the buffer is used again for the next read. */
  data(chunk: Buffer): void;
  /** Less than the low-water mark is unsent again, after `write` had returned false. */
  drain(): void;
  /** The other side ended its direction. Ours stays open. */
  end(): void;
  /** Both directions are gone. Called exactly once, last. `error` when it was not an orderly end. */
  closed(error?: Error): void;
}

export interface PeerCertificate {
  /** `sha256:` and 64 lower-case hex digits, over the DER form. */
  readonly fingerprint: string;
  /** `spki-sha256:` and 64 lower-case hex digits, over the DER form of its public key (SubjectPublicKeyInfo). */
  readonly publicKey: string;
  readonly commonName: string;
  /** Whether a CA that we were given signed it, and it is in its time. */
  readonly authorized: boolean;
  readonly validTo: string;
}

/** What the kernel knows of a TCP connection (TCP_INFO and its like, tcp(7)). What an older kernel does not tell is 0. */
export interface TcpFacts {
  /** Smoothed round trip, and the least one of the last minutes, in microseconds. */
  readonly rttMicros: number;
  readonly leastRttMicros: number;
  /** Segments that were sent again. */
  readonly retransmitted: number;
  /** Name of the congestion control. */
  readonly congestion: string;
  /** Bytes that were not sent yet. */
  readonly unsent: number;
  /** Bytes that the other end has not acknowledged, those that were not sent among them. */
  readonly unacknowledged: number;
  /** Bits a second, as measured last. */
  readonly deliveryRate: number;
}

/** The TCP connection below a link; addresses as bytes in network order, 4 or 16 of them, as they stand in its packets. */
export interface TcpConnection {
  readonly localAddress: Uint8Array;
  readonly localPort: number;
  readonly remoteAddress: Uint8Array;
  readonly remotePort: number;
}

/** An ordered stream of bytes both ways, half-closable: TCP, TLS or unix socket. */
export interface Link {
  readonly scheme: 'tcp' | 'tls' | 'unix' | 'memory';
  /** Where the other end is, for people: `203.0.113.9:40000`, `[2001:db8::1]:7411`, `unix`. */
  readonly peer: string;
  /** The address alone, without port; the key for limits per address. */
  readonly address: string;
  /** Whether the other end is on this machine by a loopback address or a unix socket. */
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
  /** Undefined where it is none of TCP. */
  readonly connection?: TcpConnection | undefined;
  /** Bytes given to `write` that the kernel has not taken yet. */
  readonly unsent: number;
  /** Bytes a millisecond that it takes when something waits for it; undefined where that is not known, or it keeps up. */
  readonly bytesPerMs?: number | undefined;
  /** What the kernel knows of it, where there is one that does; of a link that is gone what it knew last. */
  tcpFacts?(): TcpFacts | undefined;
  /**
   * It is a wire over a way so long, in microseconds. Where it can be done, its congestion control is chosen by that, and on
   * a long one it waits a moment for more to come.
   */
  suit?(lengthMicros: number): void;
  /** Sets who is told. May be called again to hand the link on; nothing is lost in between. */
  attach(sink: LinkSink): void;
  /**
   * Queues the bytes. Nobody may change them until `done` is called, which is called exactly once, perhaps before this
   * returns, also when the link breaks. @returns false when more than the high-water mark is unsent (64 KiB, less on a slow line): `drain` will follow.
   */
  write(chunk: Uint8Array, done?: () => void): boolean;
  /** The same for several pieces that go out together. */
  writeAll(chunks: readonly Uint8Array[], done?: () => void): boolean;
  pause(): void;
  resume(): void;
  /** Ends our direction when everything is written. */
  end(): void;
  /** Drops both directions at once. Idempotent. */
  destroy(): void;
}

/** A dial that failed: `kind` is the reason of PROTOCOL.md section 5. */
export class DialError extends Error {
  constructor(
    readonly kind: 'remote-unreachable' | 'remote-untrusted' | 'remote-timeout',
    message: string,
  ) {
    super(message);
    this.name = 'DialError';
  }
}

export interface DialOptions {
  readonly signal: AbortSignal;
  /** `sha256:<hex>` that the server's certificate must have, or `spki-sha256:<hex>` that its public key must have. */
  readonly pin?: string;
  /** The same of further certificates and keys that may stand for this server when there is no pin. */
  readonly acceptFingerprints?: readonly string[];
  /** Offer our own certificate. */
  readonly clientCertificate: boolean;
  /** Name of the peer entry whose certificate is offered in place of our own, where it has one. */
  readonly certificateOf?: string;
}

export interface Listener {
  /** The URL with the port that it really has. */
  readonly url: string;
  close(): Promise<void>;
}

export interface Network {
  /** @throws Error with a clear message when the address cannot be had */
  listen(url: string, accept: (link: Link) => void): Promise<Listener>;
  /** @throws DialError */
  dial(url: string, options: DialOptions): Promise<Link>;
}

// ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────

/** What of an HTTP request counts here. Its method is GET or HEAD: others are answered before. */
export interface HttpRequest {
  /** What stands before any `?`. */
  readonly path: string;
  /** The headers of these names, as they were sent. */
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  /** Address of the client without its port, or `unix`; the key for limits per address. */
  readonly address: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Its Content-Type. */
  readonly type: string;
  readonly text: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers requests. It has no twin in memory: a test calls it as the listener does. */
export type HttpAnswerer = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

// ── Time, chance, secrets ───────────────────────────────────────────────────────────────────────────

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, RFC 3339 in UTC with microseconds. */
  wall(): string;
  /** Wall clock in milliseconds since 1970. */
  now(): number;
  /** Monotonic nanoseconds since this clock was made. */
  mono(): number;
  after(milliseconds: number, fire: () => void): Timer;
}

export interface Chance {
  /** `bytes` random bytes in lower-case hex. */
  id(bytes: number): string;
  /** 0 <= x < 1 */
  fraction(): number;
}

export interface Authenticator {
  /** Whether passwords can be verified at all. */
  readonly passwords: boolean;
  readonly certificates: boolean;
  /** Takes the same time for an unknown identity. `address` is the key for fairness. */
  verify(identity: string, secret: string, address: string): Promise<boolean>;
  /** The identity that a certificate stands for, or undefined. */
  identify(certificate: PeerCertificate): string | undefined;
}

/** Secrets of inline `<auth>` arguments, by opaque reference, beside the log (0600). */
export interface SecretStore {
  get(ref: string): string | undefined;
  /** Written through before it returns. @throws Error when it cannot be kept */
  put(ref: string, secret: string): void;
  drop(ref: string): void;
  /** All references held. */
  refs(): readonly string[];
}

// ── Log ─────────────────────────────────────────────────────────────────────────────────────────────

/** Where the lines of the event log are kept. Lines are complete JSON texts without the LF. */
export interface JournalStore {
  /** Appends all lines, in order, by one write; when it throws nothing of them is kept. Synchronous. */
  append(lines: readonly string[]): void;
  /**
   * Resolves when everything appended so far is on the disk. Looks at the files, too: see `look`, whose errors are told
   * by this promise.
   */
  sync(): Promise<void>;
  /** Looks whether the files are as they were left. @throws Error when they had to be written again, or cannot be seen */
  look(): void;
  /** What somebody else did to the open segment: no start could read it any more, and a new one is to be begun. */
  readonly spoilt: string | undefined;
  /** What is wrong with older segments, as of the last look. Nothing can be done about it from here. */
  readonly problems: readonly string[];
  /** Bytes and age of the segment that is written to. */
  readonly segment: { readonly number: number; readonly bytes: number; readonly openedAt: number };
  /** Begins a new segment whose first line is this. */
  rotate(firstLine: string): void;
  /** Drops old segments as the retention says, never the newest. @returns numbers of those dropped */
  retain(): readonly number[];
  close(): Promise<void>;
}

// ── Operational log ─────────────────────────────────────────────────────────────────────────────────

export interface Diagnostics {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}
