/** Handlers whose device is gone, until there is an interface of its name again. */
import type { Clock, Devices, Timer } from '../../io/ports.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';
import { deviceRefusal } from './refusals.ts';

/** A device that comes and goes, or cannot be opened, is tried that often at most. */
const FIRST_MS = 1_000;
const LAST_MS = 10_000;

interface Waiting {
  readonly spec: DeviceSpec;
  /** Undefined when it has waited long enough, and looks. */
  pause: Timer | undefined;
}

export class ReturningDevices {
  readonly #waiting = new Map<string, Waiting>();
  #unwatch: (() => void) | undefined;

  /** @param back hears of each Handler once; it waits no longer then */
  constructor(
    private readonly interfaces: Devices,
    private readonly clock: Clock,
    private readonly back: (handler: string, spec: DeviceSpec) => void,
  ) {}

  /** @param waits how often it has waited before in vain: the pause is doubled each time */
  wait(spec: DeviceSpec, handler: string, waits: number): void {
    this.forget(handler);
    const waiting: Waiting = { spec, pause: undefined };
    this.#waiting.set(handler, waiting);
    this.#pause(handler, waiting, Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(waits, 10)));
    this.#unwatch ??= this.interfaces.onChange(() => this.#look());
  }

  forget(handler: string): void {
    this.#waiting.get(handler)?.pause?.cancel();
    this.#waiting.delete(handler);
    if (this.#waiting.size === 0) this.stop();
  }

  stop(): void {
    for (const { pause } of this.#waiting.values()) pause?.cancel();
    this.#waiting.clear();
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #pause(handler: string, waiting: Waiting, ms: number): void {
    waiting.pause = this.clock.after(ms, () => {
      waiting.pause = undefined;
      this.#lookFor(handler, waiting);
    });
  }

  #look(): void {
    for (const [handler, waiting] of [...this.#waiting]) {
      if (waiting.pause === undefined && this.#waiting.get(handler) === waiting) {
        this.#lookFor(handler, waiting);
      }
    }
  }

  #lookFor(handler: string, waiting: Waiting): void {
    try {
      if (this.interfaces.find(waiting.spec.ifname) === undefined) return;
    } catch (error) {
      deviceRefusal(error);
      // The kernel does not say which interfaces there are (no descriptor left, say): nobody will tell when it does.
      return this.#pause(handler, waiting, FIRST_MS);
    }
    this.forget(handler);
    this.back(handler, waiting.spec);
  }
}
