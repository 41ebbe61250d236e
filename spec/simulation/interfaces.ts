import { MemoryDevices } from '../../io/memory/devices.ts';
import type { MemoryHub } from '../../io/memory/hub.ts';
import type { Clock, FrameDevice, Named, TapOptions, Timer } from '../../io/ports.ts';
import type { ProcessBoundary } from './process-boundary.ts';

/** A clock whose timers can be given to a process: with it they end. */
class OwnedClock implements Clock {
  owner: ProcessBoundary | undefined;
  constructor(private readonly clock: Clock) {}

  wall(): string {
    return this.clock.wall();
  }
  now(): number {
    return this.clock.now();
  }
  mono(): number {
    return this.clock.mono();
  }
  after(milliseconds: number, fire: () => void): Timer {
    const { owner } = this;
    return this.clock.after(milliseconds, () => {
      if (owner?.down !== true) fire();
    });
  }
}

/** The interfaces of a simulated machine. They outlive its processes; what a process has begun to do to them does not. */
export class SimulatedInterfaces extends MemoryDevices {
  /** Told of every TAP that was opened, with its segment. */
  onTap: (ifname: string, hub: MemoryHub) => void = () => undefined;
  readonly #clock: OwnedClock;
  #process: ProcessBoundary | undefined;

  constructor(clock: Clock) {
    const owned = new OwnedClock(clock);
    super(owned);
    this.#clock = owned;
  }

  /** Whose calls those are that come from now on. */
  set process(fence: ProcessBoundary) {
    this.#process = fence;
  }

  override capture(backend: 'packet' | 'pcap', ifname: string, ifindex?: number): Promise<FrameDevice> {
    return this.#opened(() => super.capture(backend, ifname, ifindex));
  }

  override async openTap(ifname: string, options: TapOptions): Promise<FrameDevice> {
    const device = await this.#opened(() => super.openTap(ifname, options));
    this.onTap(device.ifname, this.hub(device.ifname));
    return device;
  }

  override onChange(changed: () => void): () => void {
    const fence = this.#process;
    return super.onChange(() => {
      if (fence?.down !== true) changed();
    });
  }

  override removeTap(tap: Named): Promise<void> {
    return this.#owned(() => super.removeTap(tap));
  }

  #opened(open: () => Promise<FrameDevice>): Promise<FrameDevice> {
    const fence = this.#process;
    const opening = this.#owned(open);
    return fence === undefined ? opening : fence.mine(opening, (device) => void device.close());
  }

  /** Timers that the call begins with belong to the process. */
  #owned<T>(call: () => Promise<T>): Promise<T> {
    this.#clock.owner = this.#process;
    try {
      return call();
    } finally {
      this.#clock.owner = undefined;
    }
  }
}
