/**
 * Capture and injection by libpcap, through npm `pcap` in a child process: one per device.
 *
 * It works everywhere libpcap does and asks nothing of the kernel beyond it. In return it knows no virtio header
 * (`unfinished`), no filter in the kernel that could be set from here, and one system call injects one frame.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import {
  type BpfInstruction,
  DeviceError,
  type DeviceSink,
  type FrameDevice,
  type InterfaceInfo,
  type WriteOutcome,
} from '../ports.ts';
import { readTurns } from '../read-turns.ts';
import { type Advise, once, TAGS_REFUSED } from './advice.ts';
import { watchLink } from './link-monitor.ts';
import { Inbound } from './pcap/inbound.ts';
import type { FromChild } from './pcap/messages.ts';
import { Outbound } from './pcap/outbound.ts';
import { adopt, forkChild } from './pcap/process.ts';
import { SlabPool } from './pcap/slabs.ts';

const OPEN_DEADLINE_MS = 10_000;
/** Of what the child says on standard error, the last so many characters are kept for its obituary. */
const LAST_WORDS = 2000;

/**
 * Opens an interface of this network namespace by libpcap. An interface that is down is opened, too, and carries
 * frames once it is up. @throws DeviceError `no-such-device`, `forbidden` (CAP_NET_RAW is missing), `bad-device`
 * (no Ethernet) or `internal`, with libpcap's text
 */
export async function openPcap(info: InterfaceInfo, advise: Advise = () => undefined): Promise<FrameDevice> {
  const child = await forkChild(info);
  const device = new PcapDevice(info, child, once(advise));
  try {
    await device.opened;
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

export class PcapDevice implements FrameDevice {
  readonly backend = 'pcap';
  readonly ifname: string;
  readonly ifindex: number;
  readonly takesOffload = false;
  readonly unfinished = true;
  /** Settles when the child has the interface open, or cannot have it. */
  readonly opened: Promise<void>;

  #mtu: number;
  readonly #unwatch: () => void;
  readonly #socket: Socket;
  readonly #turns = readTurns(() => this.#socket);
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #exited: Promise<void>;
  #sink: DeviceSink | undefined;
  #paused = false;
  #dead = false;
  /** Why it is gone, while nobody can be told yet. */
  #untold: string | undefined;
  #drops = 0;
  #lastWords = '';

  constructor(
    info: InterfaceInfo,
    private readonly child: ChildProcess,
    private readonly advise: Advise,
  ) {
    this.ifname = info.name;
    this.ifindex = info.ifindex;
    this.#mtu = info.mtu;
    this.#unwatch = watchLink(info.ifindex, {
      changed: ({ mtu }) => this.#resized(mtu),
      // The child hears of that, too, and says how.
      gone: () => undefined,
    });
    const pool = new SlabPool();
    this.#inbound = new Inbound(pool);
    this.#socket = adopt(child, {
      buffer: () => this.#inbound.space(),
      callback: (bytes) => this.#took(bytes),
    });
    this.#outbound = new Outbound(this.#socket, pool);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.#lastWords = (this.#lastWords + text.toString()).slice(-LAST_WORDS);
    });
    this.opened = this.#opening();
    this.#socket.on('error', () => undefined); // its end is told by the child's
    child.on('message', (message) => this.#hear(message as FromChild));
    child.on('error', () => undefined); // a signal or a message that it does not get: it is on its way out
    child.once('exit', (code, signal) => this.#gone(this.#obituary(code, signal)));
  }

  get mtu(): number {
    return this.#mtu;
  }

  start(sink: DeviceSink): void {
    if (this.#sink !== undefined) throw new Error(`the device ${this.ifname} was started already`);
    this.#sink = sink;
    if (this.#untold !== undefined) queueMicrotask(() => sink.gone(this.#untold!));
    else if (!this.#paused) this.resume();
  }

  pause(): void {
    this.#paused = true;
    if (!this.#dead) this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#dead || this.#sink === undefined) return;
    this.#socket.resume();
    process.nextTick(() => this.#handOn()); // what was read already when it was paused
  }

  /**
   * Hands the frames on to the child. What the kernel refuses there is known later only, and is charged to a later
   * call: that one counts as many frames less as `written` and more as `refused`, so that the totals are right.
   */
  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    return this.#dead ? this.#outbound.nothing() : this.#outbound.write(buffer, start, end);
  }

  /** Nothing: libpcap tells the kernel neither way. */
  setOffload(_on: boolean): void {}

  /** Nothing: the library takes filters as text only. */
  setFilter(_program: readonly BpfInstruction[] | null): boolean {
    return true;
  }

  /** As of the last second at most. */
  kernelDrops(): number {
    return this.#drops;
  }

  async close(): Promise<void> {
    this.#end();
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  #took(bytes: number): boolean {
    this.#inbound.took(bytes);
    this.#handOn();
    return this.#turns(bytes) && !this.#paused && !this.#dead; // false stops reading
  }

  #handOn(): void {
    while (!this.#paused && !this.#dead) {
      const batch = this.#inbound.next();
      if (batch === undefined) return;
      try {
        this.#sink?.frames(batch);
      } finally {
        batch.release();
      }
    }
  }

  #hear(message: FromChild): void {
    if (message.kind === 'gone') this.#gone(message.text);
    if (message.kind === 'advice') this.advise(message.text);
    if (message.kind === 'counters') {
      this.#drops = message.drops;
      this.#outbound.charge(message);
      if (message.tooLong > 0) this.advise(TAGS_REFUSED);
    }
  }

  #gone(reason: string): void {
    if (this.#dead) return;
    this.#end();
    this.#untold = reason;
    this.#sink?.gone(reason);
  }

  #resized(mtu: number): void {
    if (mtu === this.#mtu || this.#dead) return;
    this.#mtu = mtu;
    this.#sink?.resized?.();
  }

  #end(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#unwatch();
    this.#socket.destroy();
    if (this.child.connected) this.child.disconnect();
  }

  #obituary(code: number | null, signal: string | null): string {
    const how = signal === null ? `with status ${code}` : `by ${signal}`;
    const words = this.#lastWords.trim();
    return `the pcap process of ${this.ifname} ended ${how}${words === '' ? '' : `: ${words}`}`;
  }

  async #opening(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (reason: DeviceError['reason'], text: string) => reject(new DeviceError(reason, text));
        timer = setTimeout(
          () => fail('internal', `libpcap did not open ${this.ifname} in ${OPEN_DEADLINE_MS / 1000} s`),
          OPEN_DEADLINE_MS,
        );
        this.child.on('message', (message) => {
          const said = message as FromChild;
          if (said.kind === 'opened') resolve();
          if (said.kind === 'failed') fail(said.reason, said.text);
          if (said.kind === 'gone') fail('no-such-device', said.text);
        });
        this.child.once('exit', (code, signal) => fail('internal', this.#obituary(code, signal)));
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
