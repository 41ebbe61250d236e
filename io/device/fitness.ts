/**
 * What a capture of an interface can do. Some kinds give frames only of their own MAC address: ping by broadcast seems to
 * work, and what is sent to a VM beyond never comes.
 */
import { existsSync } from 'node:fs';
import type { NativeLink } from './addon.ts';

const ARPHRD_ETHER = 1;
/** enum macvlan_mode (linux/if_link.h). */
const MACVLAN_MODES: Readonly<Record<number, string>> = {
  1: 'private',
  2: 'vepa',
  4: 'bridge',
  16: 'source',
};

/** What the kernel calls the kind of an interface, or what else there is to tell of it by. */
export function kindOf(link: NativeLink): string {
  if (link.loopback) return 'loopback';
  if (link.kind === 'tun') return link.tap ? 'tap' : 'tun';
  if (link.kind !== '') return link.kind;
  if (link.type !== ARPHRD_ETHER) return 'other';
  return isWireless(link) ? 'wireless' : 'nic';
}

function isWireless({ name }: NativeLink): boolean {
  return existsSync(`/sys/class/net/${name}/phy80211`);
}

/** A VRF is Ethernet by its type alone: no frame comes from beyond it. */
function isEthernet(link: NativeLink): boolean {
  return link.type === ARPHRD_ETHER && !link.loopback && link.kind !== 'vrf';
}

/** Interfaces by their index. */
type Others = ReadonlyMap<number, NativeLink>;

/** Kinds that give what the interface below gives, and no more. */
const LIKE_BELOW = new Set(['vlan', 'macvlan', 'macvtap']);

/** Why it cannot be captured to any use, in words for people that say what to use instead; undefined when it can. */
export function unfitness(link: NativeLink, others: Others): string | undefined {
  const { name, kind, macvlanMode } = link;
  if (!isEthernet(link)) return `${name} carries no Ethernet frames (it is ${article(kindOf(link))})`;
  const below = others.get(link.lower);
  const instead = below?.name ?? 'the interface that it lies on';
  const mode = kind === 'macvlan' || kind === 'macvtap' ? MACVLAN_MODES[macvlanMode] : undefined;
  if (mode !== undefined) {
    return `${name} is a ${kind} in mode ${mode}: frames to other MAC addresses than its own, as a VM's, never come to it; use ${instead} itself, or one in mode passthru`;
  }
  if (kind === 'ipvlan' || kind === 'ipvtap') {
    return `${name} is an ${kind}, which has the MAC address of the interface that it lies on: frames to others, as a VM's, never come to it; use ${instead} itself`;
  }
  if (below === undefined || below === link || !LIKE_BELOW.has(kind)) return undefined;
  const why = unfitness(below, others);
  return why === undefined ? undefined : `${name} lies on ${below.name}, and ${why}`;
}

/** What may make a capture useless, and cannot be told from here. */
export function doubt(link: NativeLink, others: Others): string | undefined {
  const below = LIKE_BELOW.has(link.kind) ? others.get(link.lower) : undefined;
  if (below !== undefined && below !== link) return doubt(below, others);
  if (kindOf(link) !== 'wireless') return undefined;
  return `${link.name} is wireless: as a client of an access point it carries frames of its own MAC address only, and a VM's never come; use a wired interface, one that is an access point itself, or 4addr (iw dev ${link.name} set 4addr on) where the access point takes it`;
}

function article(kind: string): string {
  return kind === 'other' ? 'of another kind' : `a ${kind}`;
}
