/** Doors in the way of a server in this process: what it waits for can be held back, let go, or made to fail. */
import type { MemoryDevices } from '../../io/memory/devices.ts';
import type { MemoryJournal } from '../../io/memory/journal.ts';
import {
  type Authenticator,
  DeviceError,
  type Devices,
  type FrameDevice,
  type InterfaceInfo,
  type JournalStore,
  type Named,
  type PeerCertificate,
  type TapOptions,
  type TapState,
} from '../../io/ports.ts';

/** A promise that is kept when somebody says so. */
export class Gate {
  #waiting: (() => void)[] = [];
  #wanted: (() => void)[] = [];
  #held = false;

  hold(): void {
    this.#held = true;
  }

  /** Lets those go that wait now. */
  step(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  release(): void {
    this.#held = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  pass(): Promise<void> {
    if (!this.#held) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      for (const told of this.#wanted.splice(0)) told();
    });
  }

  /** Resolves when somebody waits before it. */
  wanted(): Promise<void> {
    if (this.#waiting.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#wanted.push(resolve));
  }
}

type Reason = DeviceError['reason'];

/** Devices that open when told. */
export class HeldDevices implements Devices {
  #held = false;
  readonly #asked: ((reason: Reason | undefined) => void)[] = [];
  #wanted: (() => void)[] = [];
  /** The process that had it is dead. */
  #over = false;

  constructor(private readonly devices: MemoryDevices) {}

  hold(): void {
    this.#held = true;
  }

  /** The same for a new process: what the old one waited for is forgotten. */
  afresh(): HeldDevices {
    this.#over = true;
    const fresh = new HeldDevices(this.devices);
    fresh.#held = this.#held;
    return fresh;
  }

  /** Lets one that waits open, or fail. @throws Error when none waits */
  answer(reason?: Reason): void {
    const go = this.#asked.shift();
    if (go === undefined) throw new Error('no device waits to be opened');
    go(reason);
  }

  wanted(): Promise<void> {
    if (this.#asked.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#wanted.push(resolve));
  }

  interfaces(): InterfaceInfo[] {
    return this.devices.interfaces();
  }

  find(ifname: string): InterfaceInfo | undefined {
    return this.devices.find(ifname);
  }

  at(ifindex: number): InterfaceInfo | undefined {
    return this.devices.at(ifindex);
  }

  get kernel(): string {
    return this.devices.kernel;
  }

  captureBackends(): readonly ('packet' | 'pcap')[] {
    return this.devices.captureBackends();
  }

  tapAvailable(): boolean {
    return this.devices.tapAvailable();
  }

  async capture(backend: 'packet' | 'pcap', ifname: string, ifindex?: number): Promise<FrameDevice> {
    await this.#pass();
    return this.devices.capture(backend, ifname, ifindex);
  }

  async openTap(ifname: string, options: TapOptions): Promise<FrameDevice> {
    await this.#pass();
    return this.devices.openTap(ifname, options);
  }

  onChange(changed: () => void): () => void {
    return this.devices.onChange(() => {
      if (!this.#over) changed();
    });
  }

  setMtu(tap: Named, mtu: number): void {
    this.devices.setMtu(tap, mtu);
  }

  restoreTap(ifindex: number, found: TapState): void {
    this.devices.restoreTap(ifindex, found);
  }

  removeTap(tap: Named): Promise<void> {
    return this.devices.removeTap(tap);
  }

  async #pass(): Promise<void> {
    if (!this.#held) return;
    const reason = await new Promise<Reason | undefined>((resolve) => {
      this.#asked.push(resolve);
      for (const told of this.#wanted.splice(0)) told();
    });
    if (reason !== undefined) throw new DeviceError(reason, `the case wants it to fail: ${reason}`);
  }
}

/** A log whose records are written, and from which nothing follows as long as it is held. */
export class HeldJournal implements JournalStore {
  readonly gate = new Gate();
  /** The process that wrote here is dead: nothing is written any more. */
  dead = false;

  constructor(private readonly journal: MemoryJournal) {}

  get segment(): JournalStore['segment'] {
    return this.journal.segment;
  }

  get spoilt(): undefined {
    return undefined;
  }

  get problems(): readonly string[] {
    return [];
  }

  look(): void {}

  append(lines: readonly string[]): void {
    if (!this.dead) this.journal.append(lines);
  }

  sync(): Promise<void> {
    return this.gate.pass();
  }

  rotate(firstLine: string): void {
    if (!this.dead) this.journal.rotate(firstLine);
  }

  retain(): readonly number[] {
    return [];
  }

  close(): Promise<void> {
    return this.journal.close();
  }
}

/** Knows secrets and certificates; its verdict can be held back. */
export class HeldAuthenticator implements Authenticator {
  readonly gate = new Gate();
  overloaded = false;
  readonly passwords: boolean;
  readonly certificates: boolean;

  constructor(
    private readonly secrets: ReadonlyMap<string, string>,
    private readonly fingerprints: ReadonlyMap<string, string>,
  ) {
    this.passwords = secrets.size > 0;
    this.certificates = fingerprints.size > 0;
  }

  async verify(identity: string, secret: string): Promise<boolean> {
    await this.gate.pass();
    if (this.overloaded) throw new Error('too many secrets wait to be checked');
    return this.secrets.get(identity) === secret;
  }

  identify({ fingerprint }: PeerCertificate): string | undefined {
    return this.fingerprints.get(fingerprint);
  }
}
