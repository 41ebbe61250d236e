import type { Clock, FrameDevice, Link, Network, Timer } from '../../io/ports.ts';

/** Methods of the edge that answer later: of a process that has ended they never do. */
const LATER = new Set(['sync', 'close', 'verify', 'listen', 'dial', 'capture', 'openTap', 'removeTap']);
const LISTS = new Set(['interfaces', 'captureBackends', 'refs', 'retain']);

/**
 * The boundary of one process. Whatever a server does goes through it, so that the process can be killed at any
 * instant: from then on nothing of it happens any more, whatever its code still believes.
 */
export class ProcessBoundary {
  #down = false;
  readonly #timers = new Set<Timer>();
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = {
      wall: () => clock.wall(),
      now: () => clock.now(),
      mono: () => clock.mono(),
      after: (milliseconds, fire) => this.#after(clock, milliseconds, fire),
    };
  }

  get down(): boolean {
    return this.#down;
  }

  /** Timers of this process that are still to come. */
  get pending(): number {
    return this.#timers.size;
  }

  fall(): void {
    this.#down = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** The same port, for this process alone. */
  guard<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (!this.#down) return value.apply(target, args);
          if (LATER.has(String(name))) return never();
          return LISTS.has(String(name)) ? [] : undefined;
        };
      },
      set: (target, name, value) => Reflect.set(target, name, value, target),
    });
  }

  /** The network; a connection that is made when the process has just ended is nobody's. */
  network(host: Network): Network {
    const guarded = this.guard(host);
    return {
      listen: (url, accept) => guarded.listen(url, accept),
      dial: (url, options) => this.mine(guarded.dial(url, options), (link: Link) => link.destroy()),
    };
  }

  /** What comes of a call; when the process has ended meanwhile, nothing does, and what came is let go. */
  mine<T extends Link | FrameDevice>(coming: Promise<T>, letGo: (late: T) => void): Promise<T> {
    return coming.then(
      (thing) => {
        if (!this.#down) return thing;
        letGo(thing);
        return never();
      },
      (error: unknown) => {
        if (this.#down) return never();
        throw error;
      },
    );
  }

  #after(clock: Clock, milliseconds: number, fire: () => void): Timer {
    if (this.#down) return { cancel: () => undefined };
    const timer = clock.after(milliseconds, () => {
      this.#timers.delete(timer);
      fire();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
