/**
 * The interfaces of this network namespace, asked of the kernel by route netlink.
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import type { InterfaceInfo, Named } from '../ports.ts';
import { addon, type NativeLink } from './addon.ts';
import { linkTable } from './link-table.ts';

const ARPHRD_ETHER = 1;

const KINDS: Readonly<Record<string, InterfaceInfo['kind']>> = {
  bridge: 'bridge',
  veth: 'veth',
  vlan: 'vlan',
  bond: 'bond',
  dummy: 'dummy',
};

function kindOf(link: NativeLink): InterfaceInfo['kind'] {
  if (link.loopback) return 'loopback';
  if (link.kind === 'tun') return link.tap ? 'tap' : 'other';
  if (link.kind !== '') return KINDS[link.kind] ?? 'other';
  if (link.type !== ARPHRD_ETHER) return 'other';
  return existsSync(`/sys/class/net/${link.name}/phy80211`) ? 'wireless' : 'nic';
}

function toInfo(link: NativeLink, masters: ReadonlyMap<number, NativeLink>): InterfaceInfo {
  const { name, ifindex, mac, mtu, up } = link;
  const info: InterfaceInfo = { name, ifindex, kind: kindOf(link), mac, mtu, up };
  const master = masters.get(link.master);
  return master?.kind === 'bridge' ? { ...info, bridge: master.name } : info;
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

/** Whether it carries Ethernet frames to and from other machines. */
export function isEthernet(link: NativeLink): boolean {
  return link.type === ARPHRD_ETHER && !link.loopback;
}
