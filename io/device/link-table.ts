/**
 * The interfaces of this network namespace, listed once and kept by what the kernel tells since (RTNLGRP_LINK): with
 * 2,000 of them a list costs 20 ms, and a HANDLE looks ten times. The kernel puts its word of a change into the socket
 * before whoever made the change hears that it is done, so that what stands here is never behind.
 */
import { addon, type NativeLink } from './addon.ts';
import { linkMonitor } from './link-monitor.ts';

/** Past so many that changed, the whole list is quicker. */
const MOST_SINGLE = 64;

class LinkTable {
  private byIndex = new Map<number, NativeLink>();
  private readonly byName = new Map<string, NativeLink>();
  private readonly touched = new Set<number>();
  private all = true;
  /** Counts up with every change. */
  version = 0;

  constructor() {
    linkMonitor().listen({
      touched: (ifindex) => this.touched.add(ifindex),
      missed: () => {
        this.all = true;
      },
    });
  }

  /** All interfaces by their index, in the order of the kernel's list. @throws SystemError */
  links(): ReadonlyMap<number, NativeLink> {
    this.catchUp();
    return this.byIndex;
  }

  /** By its name, or by an alternative one. @throws SystemError */
  named(name: string): NativeLink | undefined {
    this.catchUp();
    const link = this.byName.get(name);
    if (link !== undefined || !isName(name)) return link;
    // Alternative names come and go without a word while the interface is down: the kernel is asked for them.
    return addon().links(name)[0];
  }

  private catchUp(): void {
    linkMonitor().catchUp();
    if (!this.all && this.touched.size === 0) return;
    if (this.all || this.touched.size > MOST_SINGLE) this.listAll();
    else for (const ifindex of [...this.touched]) this.askFor(ifindex);
    this.rename();
    this.version += 1;
  }

  private listAll(): void {
    const links = addon().links();
    this.byIndex = new Map(links.map((link) => [link.ifindex, link]));
    this.all = false;
    this.touched.clear();
  }

  private askFor(ifindex: number): void {
    const link = addon().links(ifindex)[0];
    if (link === undefined) this.byIndex.delete(ifindex);
    else this.byIndex.set(ifindex, link);
    this.touched.delete(ifindex);
  }

  private rename(): void {
    this.byName.clear();
    for (const link of this.byIndex.values()) this.byName.set(link.name, link);
  }
}

/** What the kernel can be asked for (ALTIFNAMSIZ is 128 with the NUL). */
function isName(name: string): boolean {
  return name !== '' && !name.includes('\0') && Buffer.byteLength(name) < 128;
}

let table: LinkTable | undefined;

/** The one of this process, from the first call on. @throws SystemError */
export function linkTable(): LinkTable {
  table ??= new LinkTable();
  return table;
}
