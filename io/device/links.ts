/**
 * Set-up of the TAP interfaces that we open: queue, MTU, bridge, up. By route netlink, no program is started.
 */
import { randomBytes } from 'node:crypto';
import { DeviceError, type TapOptions, type TapState } from '../ports.ts';
import { addon, type NativeLink } from './addon.ts';
import { findLink } from './interfaces.ts';
import { linkTable } from './link-table.ts';
import { MOST_FRAMES } from './queue-governor.ts';
import { silence, wakes } from './quiet.ts';

/** The bridge of that name. @throws DeviceError */
export function findBridge(name: string): NativeLink {
  const bridge = findLink(name);
  if (bridge === undefined) throw new DeviceError('no-such-device', `there is no bridge ${name}`);
  if (bridge.kind !== 'bridge') throw new DeviceError('bad-device', `${name} is no bridge`);
  return bridge;
}

/** Checks the options of a TAP against its bridge before anything is made. @throws DeviceError */
export function checkBridgeMtu(bridge: NativeLink, options: TapOptions): void {
  if (options.mtu === undefined || options.mtu === bridge.mtu) return;
  throw new DeviceError(
    'bad-device',
    `mtu=${options.mtu} is another one than the ${bridge.mtu} of ${bridge.name}, which its port takes: leave mtu out, or set the bridge's own`,
  );
}

/** How the MAC addresses begin that we give. */
const OUR_MAC = 'fe:ff:';

/** Whether it has a MAC address that we have given. */
export function isOurs({ mac }: NativeLink): boolean {
  return mac.startsWith(OUR_MAC);
}

/** A MAC address that no bridge takes over: bridges take the lowest of their ports'. Locally administered. */
function highMac(): string {
  return `${OUR_MAC}${randomBytes(4).toString('hex').match(/../g)!.join(':')}`;
}

/**
 * Puts an interface that is in no bridge into this one; out of another one only where we had put it into a bridge before,
 * and somebody moved it while no server ran. @throws SystemError, DeviceError
 */
function join(tap: NativeLink, bridge: NativeLink): void {
  if (tap.master === bridge.ifindex) return;
  if (tap.master !== 0 && !isOurs(tap)) {
    const other = addon().links(tap.master)[0]?.name ?? 'another interface';
    throw new DeviceError('bad-device', `${tap.name} is a port of ${other} already`);
  }
  putInto(tap, bridge);
}

/**
 * Puts an interface into a bridge, out of another one if need be, so that the bridge keeps its own MAC address and MTU: the port's are set before.
 * A bridge without any port takes the address of its first one, however high; telling it its own address makes it
 * stay. @throws SystemError
 */
export function putInto(tap: NativeLink, bridge: NativeLink): void {
  const { setLink } = addon();
  const ports = [...linkTable().links().values()].filter((link) => link.master === bridge.ifindex);
  if (ports.length === 0) setLink(bridge.ifindex, { mac: bridge.mac });
  const mac = tap.mac.startsWith(OUR_MAC) ? tap.mac : highMac();
  setLink(tap.ifindex, { mac, mtu: bridge.mtu, master: bridge.ifindex });
}

/**
 * Makes a TAP interface ready: in the bridge, with the MTU, up. On failure one that stood before is as it was.
 * @throws SystemError, DeviceError
 */
export function setUpTap(tap: NativeLink, options: TapOptions, bridge: NativeLink | undefined): void {
  const { setLink } = addon();
  try {
    if (bridge !== undefined) join(tap, bridge);
    else if (options.mtu !== undefined && options.mtu !== tap.mtu) setLink(tap.ifindex, { mtu: options.mtu });
    setLink(tap.ifindex, { up: true });
  } catch (cause) {
    restore(tap);
    throw cause;
  }
}

/**
 * The queue of a TAP that we made, for a start. Long enough for what comes in small frames while the process does
 * something else: with 128, a flood of 60-byte frames lost two thirds of what came through with 512, more than that
 * won nothing. Where super-frames fill it and leave slowly it is made shorter (queue-governor.ts). @throws SystemError
 */
export function shortenQueue(tap: NativeLink): void {
  addon().setLink(tap.ifindex, { txQueueLength: MOST_FRAMES });
}

function restore(tap: NativeLink): void {
  const { mac, mtu, master, up } = tap;
  try {
    addon().setLink(tap.ifindex, { mac, mtu, master, up });
  } catch {
    // What made the set-up fail is what matters; it is thrown on.
  }
}

/**
 * Gives a TAP back what we have changed of it: only what is still as we have made it, since its owner may have changed it
 * meanwhile. @throws SystemError
 */
export function leaveAsFound(tap: NativeLink, found: TapState, { bridge, mtu }: TapOptions): void {
  const { setLink } = addon();
  // Out of the bridge first, which would take a MAC address or an MTU of its port over. One that is in a bridge is in
  // none but that, else it is not opened.
  if (bridge !== undefined && found.bridge === undefined && tap.master !== 0) {
    setLink(tap.ifindex, { master: 0 });
  }
  if (tap.mac.startsWith(OUR_MAC)) setLink(tap.ifindex, { mac: found.mac });
  if (bridge !== undefined || tap.mtu === mtu) setLink(tap.ifindex, { mtu: found.mtu });
  if (tap.up && !found.up) setLink(tap.ifindex, { up: false });
  if (tap.txQueueLength !== found.queue) setLink(tap.ifindex, { txQueueLength: found.queue });
}

/** Sets the MTU of an interface, 68..65535 bytes. @throws SystemError */
export function setMtu(ifindex: number, mtu: number): void {
  const { links, setLink } = addon();
  const link = links(ifindex)[0];
  if (link === undefined || !wakes(ifindex, link.mtu, mtu)) return setLink(ifindex, { mtu });
  // Not before it is quiet again.
  setLink(ifindex, { up: false });
  setLink(ifindex, { mtu });
  silence(ifindex, link.name);
  if (link.up) setLink(ifindex, { up: true });
}
