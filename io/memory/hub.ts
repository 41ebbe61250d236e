import type { Clock } from '../ports.ts';
import type { SegmentFrame } from './batch.ts';
import { MemoryDevice, type MemoryDeviceOptions } from './device.ts';

/**
 * One Ethernet segment: what one device on it writes, all others hear, in order and exactly once.
 *
 *     [device] ──┐
 *     [device] ──┼── hub
 *     [device] ──┘
 */
export class MemoryHub {
  readonly #devices = new Set<MemoryDevice>();
  /** Milliseconds that a frame is under way. */
  latency = 0;
  /** Decides about each frame on its way to each device; false loses it. For faults. */
  passes: (frame: SegmentFrame, to: MemoryDevice) => boolean = () => true;

  constructor(readonly clock: Clock) {}

  /** The devices on this segment now. */
  get devices(): readonly MemoryDevice[] {
    return [...this.#devices];
  }

  /** Puts a new device on the segment. */
  attach(options: MemoryDeviceOptions = {}): MemoryDevice {
    const device = new MemoryDevice(options, {
      clock: this.clock,
      send: (frames) => this.#send(device, frames),
      left: () => this.#devices.delete(device),
    });
    this.#devices.add(device);
    return device;
  }

  #send(from: MemoryDevice, frames: readonly SegmentFrame[]): void {
    this.clock.after(this.latency, () => {
      for (const device of this.#devices) {
        if (device === from) continue;
        for (const frame of frames) if (this.passes(frame, device)) device.arrive(frame);
      }
    });
  }
}
