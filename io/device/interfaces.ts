/**
 * The interfaces of this network namespace, asked of the kernel by route netlink.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import type { InterfaceInfo, Named } from '../ports.ts';
import { addon, type NativeLink } from './addon.ts';
import { doubt, kindOf, unfitness } from './fitness.ts';
import { linkTable } from './link-table.ts';

function toInfo(link: NativeLink, others: ReadonlyMap<number, NativeLink>): InterfaceInfo {
  const { name, ifindex, mac, mtu, up } = link;
  const master = others.get(link.master);
  const unfit = unfitness(link, others);
  const why = doubt(link, others);
  return {
    name,
    ifindex,
    kind: kindOf(link),
    mac,
    mtu,
    up,
    ...(master?.kind === 'bridge' ? { bridge: master.name } : {}),
    ...(unfit === undefined ? {} : { unfit }),
    ...(why === undefined ? {} : { doubt: why }),
  };
}

let listed: { readonly version: number; readonly infos: readonly InterfaceInfo[] } | undefined;

/** All interfaces, in the kernel's order. @throws Error when the kernel does not tell */
export function listInterfaces(): readonly InterfaceInfo[] {
  const links = linkTable().links();
  const { version } = linkTable();
  if (listed?.version !== version) {
    listed = { version, infos: [...links.values()].map((link) => toInfo(link, links)) };
  }
  return listed.infos;
}

/** One interface by its name, or by an alternative name of it. */
export function findInterface(ifname: string): InterfaceInfo | undefined {
  const link = linkTable().named(ifname);
  return link === undefined ? undefined : toInfo(link, linkTable().links());
}

/** One interface by its index. */
export function interfaceAt(ifindex: number): InterfaceInfo | undefined {
  const links = linkTable().links();
  const link = links.get(ifindex);
  return link === undefined ? undefined : toInfo(link, links);
}

/** The kernel's own view of an interface, asked for anew: not all of it is told of when it changes. */
export function findLink(ifname: string): NativeLink | undefined {
  const link = linkTable().named(ifname);
  return link === undefined ? undefined : addon().links(link.ifindex)[0];
}

/** The same, by its index where that is known. */
export function findNamed({ ifname, ifindex }: Named): NativeLink | undefined {
  return ifindex === undefined ? findLink(ifname) : addon().links(ifindex)[0];
}

/** This run of the kernel and this network namespace, in which alone an ifindex means an interface. */
export function kernelRun(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  // An inode's number is given again, as when a container starts anew; it stands in where the kernel has no better.
  return `${boot}/${addon().networkNamespace() || readlinkSync('/proc/self/ns/net')}`;
}
