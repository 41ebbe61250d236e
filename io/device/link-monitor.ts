/**
 * Says when an interface changes or is gone, also while nobody reads it: one route netlink socket for all.
 */
import { addon, type NativePort, OUTCOME } from './addon.ts';

/** What the kernel told of an interface. */
export interface LinkChange {
  readonly mtu: number;
  readonly up: boolean;
}

export interface LinkWatcher {
  changed(change: LinkChange): void;
  /** The interface was deleted, or moved to another network namespace. Called once. */
  gone(): void;
}

/** Hears of every interface. */
export interface LinkListener {
  /** It is there anew, is another one now, or is gone. */
  touched(ifindex: number): void;
  /** Messages were lost: anything may be different. */
  missed(): void;
}

type Told = LinkChange | 'gone' | 'missed';

// Of `struct Change` in io/device/native/monitor.cc: four 32-bit numbers in the machine's byte order.
const CHANGE_NUMBERS = 4;
const KIND = { changed: 1, deleted: 2, missed: 3 } as const;
/** Of 1 KiB or so a message, as many as the addon reads at once find room. */
const BUFFER_BYTES = 32 << 10;
const RETRY_MS = 1000;

export class LinkMonitor {
  private readonly outcome = new Int32Array(OUTCOME.length);
  private readonly buffer = Buffer.alloc(BUFFER_BYTES);
  private readonly numbers = new Int32Array(this.buffer.buffer, this.buffer.byteOffset, BUFFER_BYTES / 4);
  private readonly watchers = new Map<number, Set<LinkWatcher>>();
  private readonly listeners = new Set<LinkListener>();
  /** What was read while somebody asked, and its watchers were not told of yet. */
  private readonly untold: [number, Told][] = [];
  private readonly port: NativePort;

  /** @throws SystemError */
  constructor() {
    this.port = new (addon().LinkMonitor)(this.outcome, () => {
      this.catchUp();
      this.tell();
    });
    this.port.poll(true);
  }

  /** Watches an interface until the returned function is called (which may be called more than once). */
  watch(ifindex: number, watcher: LinkWatcher): () => void {
    const set = this.watchers.get(ifindex) ?? new Set();
    this.watchers.set(ifindex, set.add(watcher));
    return () => {
      const mine = this.watchers.get(ifindex);
      mine?.delete(watcher);
      if (mine?.size === 0) this.watchers.delete(ifindex);
    };
  }

  /** The same for all interfaces. */
  listen(listener: LinkListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Reads all that the kernel has told so far. The listeners hear it before this returns; the watchers in a turn of
   * their own, so that who asks what interfaces there are is not in the middle of something else by that.
   */
  catchUp(): void {
    const before = this.untold.length;
    do {
      this.port.read(this.buffer, 0, BUFFER_BYTES);
      const numbers = this.outcome[OUTCOME.end]! / 4;
      for (let at = 0; at < numbers; at += CHANGE_NUMBERS) this.take(at);
    } while (this.outcome[OUTCOME.state] === 1);
    if (before === 0 && this.untold.length > 0) setImmediate(() => this.tell());
  }

  private take(at: number): void {
    const [kind, ifindex, mtu, up] = this.numbers.subarray(at, at + CHANGE_NUMBERS);
    if (kind === KIND.missed) {
      this.untold.push([0, 'missed']);
      for (const listener of [...this.listeners]) listener.missed();
      return;
    }
    const gone = kind === KIND.deleted;
    if (this.watchers.has(ifindex!)) {
      this.untold.push([ifindex!, gone ? 'gone' : { mtu: mtu!, up: up === 1 }]);
    }
    for (const listener of [...this.listeners]) listener.touched(ifindex!);
  }

  private tell(): void {
    for (const [ifindex, told] of this.untold.splice(0)) {
      if (told === 'missed') this.lookAgain();
      else for (const watcher of this.watching(ifindex)) tellOne(watcher, told);
    }
  }

  /** Messages were lost: the truth is what stands now. When the kernel does not tell (no descriptor left, say), later. */
  private lookAgain(): void {
    try {
      for (const ifindex of [...this.watchers.keys()]) {
        const told = addon().links(ifindex)[0] ?? 'gone';
        for (const watcher of this.watching(ifindex)) tellOne(watcher, told);
      }
    } catch {
      setTimeout(() => this.lookAgain(), RETRY_MS).unref();
    }
  }

  private watching(ifindex: number): LinkWatcher[] {
    return [...(this.watchers.get(ifindex) ?? [])];
  }
}

function tellOne(watcher: LinkWatcher, told: LinkChange | 'gone'): void {
  if (told === 'gone') watcher.gone();
  else watcher.changed(told);
}

let monitor: LinkMonitor | undefined;

/** The one of this process, from the first call on. @throws SystemError */
export function linkMonitor(): LinkMonitor {
  monitor ??= new LinkMonitor();
  return monitor;
}

/** Watches an interface until the returned function is called (which may be called more than once). @throws SystemError */
export function watchLink(ifindex: number, watcher: LinkWatcher): () => void {
  return linkMonitor().watch(ifindex, watcher);
}
