/**
 * Capture and injection by libpcap, through npm `pcap` in a child process: one per device. One that dies is started again.
 *
 * It works everywhere libpcap does and asks nothing of the kernel beyond it. In return it knows no virtio header
 * (`unfinished`), no filter in the kernel that could be set from here, and one system call injects one frame.
 */
import type {
  BpfInstruction,
  DeviceError,
  DeviceSink,
  FrameDevice,
  InterfaceInfo,
  WriteOutcome,
} from '../ports.ts';
import { addon } from './addon.ts';
import { type Advise, once, TAGS_REFUSED } from './advice.ts';
import { deviceError } from './device-error.ts';
import { watchLink } from './link-monitor.ts';
import { refusedAll } from './pcap/outbound.ts';
import { countRecords } from './pcap/records.ts';
import { PcapRun, type RunEvents } from './pcap/run.ts';

/** Between two starts of the process: the first, doubled to the last while none lasts so long. */
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 10_000;

/**
 * Opens an interface of this network namespace by libpcap. An interface that is down is opened, too, and carries
 * frames once it is up. @throws DeviceError `no-such-device`, `forbidden` (CAP_NET_RAW is missing), `bad-device`
 * (no Ethernet) or `internal`, with libpcap's text
 */
export async function openPcap(info: InterfaceInfo, advise: Advise = () => undefined): Promise<FrameDevice> {
  const device = new PcapDevice(info, once(advise));
  try {
    await device.open();
    return device;
  } catch (error) {
    await device.close();
    throw error;
  }
}

class PcapDevice implements FrameDevice {
  readonly backend = 'pcap';
  readonly ifname: string;
  readonly ifindex: number;
  readonly takesOffload = false;
  readonly unfinished = true;

  #mtu: number;
  #unwatch: () => void = () => undefined;
  readonly #events: RunEvents;
  #run: PcapRun | undefined;
  /** The newest that was started after one that died. */
  #opening: PcapRun | undefined;
  /** Of runs that are over. */
  #earlierDrops = 0;
  #startedAt = 0;
  #pause = FIRST_PAUSE_MS;
  #next: NodeJS.Timeout | undefined;
  /** The last attempt to start a process, while it is under way. */
  #starting: Promise<void> = Promise.resolve();
  #sink: DeviceSink | undefined;
  #paused = false;
  #dead = false;
  /** Why it is gone, or interrupted, while nobody can be told yet. */
  #untold: string | undefined;
  #interrupted: string | undefined;

  constructor(
    private readonly info: InterfaceInfo,
    advise: Advise,
  ) {
    this.ifname = info.name;
    this.ifindex = info.ifindex;
    this.#mtu = info.mtu;
    this.#events = {
      wanted: () => this.#wanted,
      frames: (batch) => this.#sink?.frames(batch),
      advice: advise,
      tooLong: () => advise(TAGS_REFUSED),
      gone: (why) => this.#gone(why),
      died: (why) => this.#died(why),
    };
  }

  /** @throws DeviceError */
  async open(): Promise<void> {
    this.#startedAt = performance.now();
    const run = await PcapRun.start(this.info, this.#events);
    this.#run = run;
    await run.opened;
    this.#watch();
  }

  /** @throws DeviceError */
  #watch(): void {
    const { ifname, ifindex } = this;
    try {
      this.#unwatch = watchLink(ifindex, {
        changed: ({ mtu }) => this.#resized(mtu),
        // The child hears of that, too, and says how; there may be none just now.
        gone: () => {
          if (this.#interrupted !== undefined) this.#gone(`the interface ${ifname} was deleted`);
        },
      });
      // What happened before it was watched.
      this.#mtu = addon().links(ifindex)[0]?.mtu ?? this.#mtu;
    } catch (cause) {
      throw deviceError(cause, ifname, 'CAP_NET_RAW');
    }
  }

  get mtu(): number {
    return this.#mtu;
  }

  start(sink: DeviceSink): void {
    if (this.#sink !== undefined) throw new Error(`the device ${this.ifname} was started already`);
    this.#sink = sink;
    if (this.#untold !== undefined) queueMicrotask(() => sink.gone(this.#untold!));
    else if (!this.#paused) this.resume();
    if (this.#interrupted !== undefined) sink.interrupted?.(this.#interrupted);
  }

  pause(): void {
    this.#paused = true;
    this.#run?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#wanted) this.#run?.resume();
  }

  /**
   * Hands the frames on to the child. What the kernel refuses there is known later only, and is charged to a later
   * call: that one counts as many frames less as `written` and more as `refused`, so that the totals are right.
   */
  write(buffer: Buffer, start: number, end: number): WriteOutcome {
    if (this.#dead) return refusedAll(0);
    if (this.#run !== undefined) return this.#run.write(buffer, start, end);
    return refusedAll(countRecords(buffer, start, end));
  }

  /** Nothing: libpcap tells the kernel neither way. */
  setOffload(_on: boolean): void {}

  /** Nothing: the library takes filters as text only. */
  setFilter(_program: readonly BpfInstruction[] | null): boolean {
    return true;
  }

  /** As of the last second at most. */
  kernelDrops(): number {
    return this.#earlierDrops + (this.#run?.drops ?? 0);
  }

  async close(): Promise<void> {
    this.#end();
    await this.#opening?.close();
    await this.#starting;
    await this.#run?.close();
  }

  get #wanted(): boolean {
    return this.#sink !== undefined && !this.#paused && !this.#dead;
  }

  /** The process is no more, and the interface may be there still. */
  #died(why: string): void {
    if (this.#dead) return;
    this.#letGo();
    if (this.#interrupted === undefined) this.#sink?.interrupted?.(why);
    this.#interrupted = why;
    const lasted = performance.now() - this.#startedAt;
    if (lasted >= LAST_PAUSE_MS) this.#pause = FIRST_PAUSE_MS;
    this.#next = setTimeout(
      () => {
        this.#starting = this.#startAgain();
      },
      Math.max(0, this.#pause - lasted),
    );
    this.#pause = Math.min(LAST_PAUSE_MS, 2 * this.#pause);
  }

  #letGo(): void {
    this.#earlierDrops += this.#run?.drops ?? 0;
    this.#run = undefined;
  }

  async #startAgain(): Promise<void> {
    if (this.#dead) return;
    let run: PcapRun | undefined;
    let carries = false;
    const died = (why: string) => {
      if (carries) this.#died(why);
    };
    try {
      this.#startedAt = performance.now();
      run = await PcapRun.start(this.info, { ...this.#events, died });
      this.#opening = run;
      if (this.#dead) await run.close();
      await run.opened;
    } catch (error) {
      await run?.close();
      const { name, reason, message } = error as DeviceError;
      if (name !== 'DeviceError') throw error;
      if (this.#dead) return;
      if (reason === 'no-such-device' || reason === 'bad-device') this.#gone(message);
      else this.#died(message);
      return;
    }
    carries = true;
    this.#run = run;
    this.#carriesAgain();
  }

  #carriesAgain(): void {
    if (this.#dead) return;
    const told = this.#interrupted;
    this.#interrupted = undefined;
    if (this.#wanted) this.#run?.resume();
    if (told !== undefined) this.#sink?.recovered?.();
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
    this.#dead = true;
    this.#unwatch();
    clearTimeout(this.#next);
  }
}
