/**
 * TAPs on which this machine says nothing of its own by IPv6, and takes nothing: they are ports of a tunnel, and what stands
 * on the far segment is none of this machine's business. The kernel would make a link-local address for them, ask for
 * routers there, report multicast groups, and take a default route from whoever answers.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { addon } from './addon.ts';

/** IN6_ADDR_GEN_MODE_NONE (linux/if_link.h): no address but those that somebody sets. */
const NO_ADDRESSES = 1;
/** IPV6_MIN_MTU: below it an interface has no IPv6, and with it again it has it anew, set as all others are. */
const LEAST_MTU = 1280;
/** Indexes of those that are open. */
const quiet = new Set<number>();

const setting = (name: string, key: string) => `/proc/sys/net/ipv6/conf/${name}/${key}`;

/**
 * Makes a TAP quiet, which is down, and keeps it so until `quietNoMore`.
 * @returns what could not be set, in words for people @throws SystemError
 */
export function makeQuiet(ifindex: number, name: string): string | undefined {
  quiet.add(ifindex);
  return silence(ifindex, name);
}

/** Keeps one quiet that somebody has made so before. */
export function keepQuiet(ifindex: number, name: string): void {
  if (isQuiet(name)) quiet.add(ifindex);
}

function isQuiet(name: string): boolean {
  return existsSync(setting(name, 'addr_gen_mode')) && get(name, 'addr_gen_mode') === String(NO_ADDRESSES);
}

export function quietNoMore(ifindex: number): void {
  quiet.delete(ifindex);
}

/** Whether IPv6 begins anew by this change of an MTU, on an interface that is to be quiet. */
export function wakes(ifindex: number, mtu: number, to: number): boolean {
  return quiet.has(ifindex) && mtu < LEAST_MTU && to >= LEAST_MTU;
}

/** For one whose IPv6 has begun already: it forgets what it has. @throws SystemError */
export function silenceAgain(ifindex: number, name: string): void {
  if (!existsSync(setting(name, 'disable_ipv6')) || isQuiet(name)) return;
  const before = get(name, 'disable_ipv6');
  set(name, 'disable_ipv6', '1');
  silence(ifindex, name);
  set(name, 'disable_ipv6', before);
}

/**
 * A router reports that it hears the group of all routers, address or not, and that it does no more. Only by version 1 of
 * MLD (RFC 2710, 4) it says nothing when it leaves a group that it has not reported.
 */
function forwardNothing(name: string): void {
  if (get(name, 'forwarding') === '0') return;
  const version = get(name, 'force_mld_version');
  set(name, 'force_mld_version', '1');
  set(name, 'forwarding', '0');
  set(name, 'force_mld_version', version);
}

function get(name: string, key: string): string {
  return readFileSync(setting(name, key), 'utf8').trim();
}

function set(name: string, key: string, value: string): void {
  if (get(name, key) !== value) writeFileSync(setting(name, key), value);
}

/** @returns what could not be set, in words for people @throws SystemError */
export function silence(ifindex: number, name: string): string | undefined {
  try {
    addon().setLink(ifindex, { addrGenMode: NO_ADDRESSES });
    // Neither addresses nor routes from router advertisements, and none is asked for.
    set(name, 'accept_ra', '0');
    forwardNothing(name);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // No IPv6 in this kernel, or none on an interface with so small an MTU.
    if (code === 'EAFNOSUPPORT' || code === 'ENOENT') return undefined;
    // A container whose /proc/sys cannot be written.
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return message;
    throw cause;
  }
  return undefined;
}
