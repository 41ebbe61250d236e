/**
 * Says when an interface changes or is gone, also while nobody reads it: one route netlink socket for all.
 */
import { addon, type NativeLink, type NativePort, OUTCOME } from './addon.ts';

export interface LinkWatcher {
  changed(mtu: number, up: boolean): void;
  /** The interface was deleted, or moved to another network namespace. Called once. */
  gone(): void;
}

// Of `struct Change` in io/device/native/monitor.cc: four 32-bit numbers in the machine's byte order.
const CHANGE_BYTES = 16;
const KIND = { changed: 1, deleted: 2, missed: 3 } as const;
const BUFFER_BYTES = 32 << 10;
const RETRY_MS = 1000;

class LinkMonitor {
  private readonly outcome = new Int32Array(OUTCOME.length);
  private readonly buffer = Buffer.alloc(BUFFER_BYTES);
  private readonly numbers = new Int32Array(this.buffer.buffer, this.buffer.byteOffset, BUFFER_BYTES / 4);
  private readonly watchers = new Map<number, Set<LinkWatcher>>();
  private readonly port: NativePort;

  constructor() {
    this.port = new (addon().LinkMonitor)(this.outcome, () => this.readable());
    this.port.poll(true);
  }

  add(ifindex: number, watcher: LinkWatcher): void {
    const set = this.watchers.get(ifindex) ?? new Set();
    this.watchers.set(ifindex, set.add(watcher));
  }

  /** @returns whether somebody watches still */
  remove(ifindex: number, watcher: LinkWatcher): boolean {
    const set = this.watchers.get(ifindex);
    set?.delete(watcher);
    if (set?.size === 0) this.watchers.delete(ifindex);
    return this.watchers.size > 0;
  }

  close(): void {
    this.port.close();
  }

  private readable(): void {
    do {
      this.port.read(this.buffer, 0, BUFFER_BYTES);
      const numbers = this.outcome[OUTCOME.end]! / 4;
      for (let at = 0; at < numbers; at += CHANGE_BYTES / 4) this.take(at);
    } while (this.outcome[OUTCOME.state] === 1);
  }

  private take(at: number): void {
    const [kind, ifindex, mtu, up] = this.numbers.subarray(at, at + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (kind === KIND.missed) this.lookAgain();
    else if (kind === KIND.deleted) this.gone(ifindex);
    else for (const watcher of this.watching(ifindex)) watcher.changed(mtu, up === 1);
  }

  /** Messages were lost: the truth is what stands now. */
  private lookAgain(): void {
    const links = this.list();
    if (links === undefined) return;
    for (const ifindex of [...this.watchers.keys()]) {
      const link = links.get(ifindex);
      if (link === undefined) this.gone(ifindex);
      else for (const watcher of this.watching(ifindex)) watcher.changed(link.mtu, link.up);
    }
  }

  /** All interfaces by index; when the kernel does not tell now (no descriptor left, say), asks again later. */
  private list(): Map<number, NativeLink> | undefined {
    try {
      const links = addon().links();
      return new Map(links.map((link) => [link.ifindex, link]));
    } catch {
      setTimeout(() => this.lookAgain(), RETRY_MS).unref();
      return undefined;
    }
  }

  private gone(ifindex: number): void {
    for (const watcher of this.watching(ifindex)) watcher.gone();
  }

  private watching(ifindex: number): LinkWatcher[] {
    return [...(this.watchers.get(ifindex) ?? [])];
  }
}

let monitor: LinkMonitor | undefined;

/** Watches an interface until the returned function is called (which may be called more than once). @throws SystemError */
export function watchLink(ifindex: number, watcher: LinkWatcher): () => void {
  monitor ??= new LinkMonitor();
  const mine = monitor;
  mine.add(ifindex, watcher);
  return () => {
    if (mine.remove(ifindex, watcher) || monitor !== mine) return;
    monitor = undefined;
    mine.close();
  };
}
