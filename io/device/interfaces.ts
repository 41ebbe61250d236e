/**
 * The interfaces of this network namespace, asked of the kernel by route netlink.
 */
import { existsSync } from 'node:fs';
import type { InterfaceInfo, Named } from '../ports.ts';
import { addon, type NativeLink } from './addon.ts';

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

/** All interfaces, in the kernel's order. @throws Error when the kernel does not tell */
export function listInterfaces(): InterfaceInfo[] {
  const links = addon().links();
  const masters = new Map(links.map((link) => [link.ifindex, link]));
  return links.map((link) => toInfo(link, masters));
}

/** One interface by its name. */
export function findInterface(ifname: string): InterfaceInfo | undefined {
  return listInterfaces().find((info) => info.name === ifname);
}

/** The kernel's own view of an interface. */
export function findLink(ifname: string): NativeLink | undefined {
  return addon()
    .links()
    .find((link) => link.name === ifname);
}

/** The same, by its index where that is known. */
export function findNamed({ ifname, ifindex }: Named): NativeLink | undefined {
  return ifindex === undefined ? findLink(ifname) : addon().links(ifindex)[0];
}

/** Whether it carries Ethernet frames to and from other machines. */
export function isEthernet(link: NativeLink): boolean {
  return link.type === ARPHRD_ETHER && !link.loopback;
}
