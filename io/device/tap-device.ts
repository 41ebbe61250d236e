/**
 * TAP interfaces: made by us (persistent, so that they outlive a crash of the server with their addresses) or
 * attached to, read and written with virtio-net headers so that super-frames cross whole.
 */
import { existsSync } from 'node:fs';
import { DeviceError, type FrameDevice, type Named, type TapOptions, type TapState } from '../ports.ts';
import { addon, type NativeLink, type NativeTap } from './addon.ts';
import { BridgePort } from './bridge-port.ts';
import { deviceError } from './device-error.ts';
import { findLink, findNamed, interfaceAt } from './interfaces.ts';
import { KernelDevice, OpenPort } from './kernel-device.ts';
import { checkBridgeMtu, findBridge, leaveAsFound, setUpTap, shortenQueue } from './links.ts';
import { MOST_FRAMES, type QueuePlan } from './queue-governor.ts';
import { keepQuiet, makeQuiet, quietNoMore, silenceAgain, wakes } from './quiet.ts';

const CLONE_DEVICE = '/dev/net/tun';
/** IFNAMSIZ 16 with the NUL, and what the kernel's dev_valid_name() refuses; `%` would make it pick a number. */
const GOOD_NAME = /^(?!\.{1,2}$)[^\s/:%\0]{1,15}$/;

class TapDevice extends KernelDevice<NativeTap> {
  readonly backend = 'tap';
  private readonly dropsBefore: number;
  private drops = 0;

  /** Whether super-frames are wanted, and whether they may be had just now. */
  private offload = { wanted: true, allowed: true };
  /** Of the interface's queue, in frames: when nothing is the matter, and now. */
  private readonly fullQueue: number;
  private queue: number;
  private bridgePort: BridgePort | undefined;

  constructor(
    link: NativeLink,
    open: OpenPort<NativeTap>,
    readonly found: TapState | undefined,
  ) {
    super(link, open);
    this.dropsBefore = link.txDropped;
    this.queue = link.txQueueLength;
    // A run that was killed may have left a short one behind.
    this.fullQueue = Math.max(this.queue, MOST_FRAMES);
    this.port.setOffload(true);
  }

  keepIn(bridge: NativeLink, tell: NonNullable<TapOptions['onBridge']>): void {
    this.bridgePort = new BridgePort(this.ifindex, bridge, tell);
  }

  override setOffload(on: boolean): void {
    this.takeOffload({ ...this.offload, wanted: on });
  }

  protected override govern({ frames, superFrames }: QueuePlan): void {
    this.takeOffload({ ...this.offload, allowed: superFrames });
    const queue = frames === MOST_FRAMES ? this.fullQueue : frames;
    if (queue < this.queue) this.drain();
    this.setQueue(queue);
  }

  private takeOffload(offload: { wanted: boolean; allowed: boolean }): void {
    this.offload = offload;
    if (!this.dead) this.port.setOffload(offload.wanted && offload.allowed);
  }

  private setQueue(frames: number): void {
    if (frames === this.queue) return;
    try {
      addon().setLink(this.ifindex, { txQueueLength: frames });
      this.queue = frames;
    } catch {
      // Without CAP_NET_ADMIN, or with the interface just deleted, it stays as it is: nothing fails by that.
    }
  }

  kernelDrops(): number {
    if (!this.dead) this.readDrops();
    return this.drops + this.lost;
  }

  /** Somebody else may have changed it. */
  protected override mtuChanged(before: number): void {
    if (!wakes(this.ifindex, before, this.mtu)) return;
    try {
      const link = findNamed({ ifname: this.ifname, ifindex: this.ifindex });
      if (link !== undefined) silenceAgain(link.ifindex, link.name);
    } catch {
      // Deleted at this moment, or no right to: it speaks, and nothing else is the worse for it.
    }
  }

  protected override beforeClose(): void {
    this.bridgePort?.stop();
    quietNoMore(this.ifindex);
    this.readDrops();
    this.setQueue(this.fullQueue);
  }

  private readDrops(): void {
    try {
      const link = addon().links(this.ifindex)[0];
      if (link !== undefined) this.drops = link.txDropped - this.dropsBefore;
    } catch {
      // No descriptor left to ask with: the last figure known stands.
    }
  }
}

/** Whether this machine has TAP interfaces at all. */
export function tapAvailable(): boolean {
  return existsSync(CLONE_DEVICE);
}

/** The interface when it stands and we can attach to it. @throws DeviceError */
function standingTap(tap: Named): NativeLink | undefined {
  const { ifname } = tap;
  if (!GOOD_NAME.test(ifname)) {
    throw new DeviceError(
      'bad-device',
      `${JSON.stringify(ifname)} is no interface name: 1 to 15 characters, none of them space, / : or %`,
    );
  }
  const link = findNamed(tap);
  if (link !== undefined && !link.tap) {
    throw new DeviceError(
      'bad-device',
      `${ifname} stands and is no TAP interface; to capture it leave tap: out`,
    );
  }
  if (link?.multiQueue && link.queues > 0) {
    throw new DeviceError('device-busy', `${ifname} is in use by another program`);
  }
  return link;
}

/** What stands under that name now. */
function linkOf(ifname: string): NativeLink {
  const link = findLink(ifname);
  if (link === undefined)
    throw new DeviceError('no-such-device', `${ifname} was deleted while it was set up`);
  return link;
}

function setUp(
  open: OpenPort<NativeTap>,
  ifname: string,
  options: TapOptions,
  standing: NativeLink | undefined,
  warn: (why: string) => void,
): FrameDevice {
  const bridge = options.bridge === undefined ? undefined : findBridge(options.bridge);
  const created = standing === undefined;
  const found = created ? undefined : stateOf(standing);
  if (created) prepare(linkOf(ifname), options, warn);
  else keepQuiet(standing.ifindex, standing.name);
  setUpTap(linkOf(ifname), options, bridge);
  const device = new TapDevice(linkOf(ifname), open, found);
  // Last: until here it goes away by itself with its descriptor, whatever fails.
  if (created) persist(open, device);
  if (bridge !== undefined) device.keepIn(bridge, options.onBridge ?? (() => undefined));
  return device;
}

/** What comes before it is up for the first time. */
function prepare(tap: NativeLink, { ip = false }: TapOptions, warn: (why: string) => void): void {
  shortenQueue(tap);
  const fault = ip ? undefined : makeQuiet(tap.ifindex, tap.name);
  if (fault !== undefined) warn(fault);
}

function stateOf({ ifindex, mac, mtu, up, txQueueLength: queue }: NativeLink): TapState {
  const bridge = interfaceAt(ifindex)?.bridge;
  return { mac, mtu, up, queue, ...(bridge === undefined ? {} : { bridge }) };
}

function persist(open: OpenPort<NativeTap>, device: FrameDevice): void {
  try {
    open.port.persist(true);
  } catch (cause) {
    void device.close();
    throw cause;
  }
}

/**
 * Makes a persistent TAP interface, or attaches to the one that stands, and sets it up. On failure nothing of it
 * is left. `warn` hears what could not be done for it to be quiet. @throws DeviceError
 */
export function openTap(
  ifname: string,
  options: TapOptions,
  warn: (why: string) => void = () => undefined,
): FrameDevice {
  if (!tapAvailable())
    throw new DeviceError('bad-device', `this machine has no TAP interfaces: no ${CLONE_DEVICE}`);
  let open: OpenPort<NativeTap> | undefined;
  try {
    const standing = standingTap({ ifname, ifindex: options.ifindex });
    const bridge = options.bridge === undefined ? undefined : findBridge(options.bridge);
    // One that is its port already has followed it, whatever it was when it was asked for.
    if (bridge !== undefined && standing?.master !== bridge.ifindex) checkBridgeMtu(bridge, options);
    const created = standing === undefined;
    // It may have been renamed, or asked for by an alternative name, which the tun driver does not know.
    const name = standing?.name ?? ifname;
    const { Tap } = addon();
    open = new OpenPort(
      (outcome, onReadable) => new Tap(name, created, standing?.multiQueue ?? false, outcome, onReadable),
    );
    return setUp(open, name, options, standing, warn);
  } catch (cause) {
    open?.port.close();
    throw deviceError(cause, ifname, 'CAP_NET_ADMIN');
  }
}

/** Leaves a TAP as it was found. @returns its name now, undefined when there is none @throws DeviceError */
export function restoreTap(ifindex: number, found: TapState, options: TapOptions): string | undefined {
  try {
    const link = findNamed({ ifname: '', ifindex });
    if (link === undefined || !link.tap) return undefined;
    leaveAsFound(link, found, options);
    return link.name;
  } catch (cause) {
    const error = deviceError(cause, `interface ${ifindex}`, 'CAP_NET_ADMIN');
    if (error.reason !== 'no-such-device') throw error;
    return undefined;
  }
}

/** Of no interface: nothing is told of it, and nothing can be changed. */
const NO_LINK: NativeLink = {
  ...{
    name: 'none',
    ifindex: 0,
    type: 1,
    kind: 'tun',
    mac: '02:00:00:00:00:00',
    mtu: 1500,
    master: 0,
    queues: 0,
    macvlanMode: 0,
    lower: 0,
  },
  ...{ up: true, loopback: false, tap: true, multiQueue: false, txDropped: 0, txQueueLength: MOST_FRAMES },
};

/**
 * A TAP device on one end of a `socketPair` of datagrams in place of an interface; the other end hears its frames behind a
 * virtio header of 12 bytes each, and says such. For the warm-up. @throws SystemError; the socket is the caller's then
 */
export function openTapOver(socket: number): FrameDevice {
  const open = new OpenPort(
    (outcome, onReadable) => new (addon().Tap)(socket, false, false, outcome, onReadable),
  );
  return new TapDevice(NO_LINK, open, undefined);
}

/** Removes a TAP interface. @returns its name now, undefined when there is none @throws DeviceError */
export function removeTap(tap: Named): string | undefined {
  try {
    const link = findNamed(tap);
    if (link === undefined) return undefined;
    if (!link.tap) throw new DeviceError('bad-device', `${link.name} is no TAP interface: not removed`);
    addon().deleteLink(link.ifindex);
    return link.name;
  } catch (cause) {
    const error = deviceError(cause, tap.ifname, 'CAP_NET_ADMIN');
    if (error.reason !== 'no-such-device') throw error;
    return undefined;
  }
}
