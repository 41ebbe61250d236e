import { noSuchDevice } from '../device/device-error.ts';
import {
  type BridgeChange,
  type Clock,
  DeviceError,
  type Devices,
  type FrameDevice,
  type InterfaceInfo,
  type Named,
  type TapOptions,
  type TapState,
} from '../ports.ts';
import type { MemoryDevice } from './device.ts';
import { MemoryHub } from './hub.ts';

const LEAST_MTU = 68;
const MOST_MTU = 65_535;

interface Interface {
  info: InterfaceInfo;
  readonly hub: MemoryHub;
  /** Devices that were opened on it and may be open still. */
  readonly opened: Set<MemoryDevice>;
  /** Made by `openTap`. */
  readonly ours: boolean;
  readonly altNames: Set<string>;
  /** Who opened it, as a TAP in a bridge. */
  onBridge?: ((change: BridgeChange) => void) | undefined;
}

/** The interfaces of a machine that does not exist. What lies beyond an interface is its hub. */
export class MemoryDevices implements Devices {
  readonly #interfaces = new Map<string, Interface>();
  #nextIndex = 2;
  backends: readonly ('packet' | 'pcap')[] = ['packet', 'pcap'];
  readonly kernel = 'memory';
  taps = true;
  /** When set, opening fails with it. */
  fault: DeviceError | undefined;
  /** When set, `interfaces` and `find` fail with it. */
  untold: DeviceError | undefined;
  /** How long opening takes, in ms. */
  delay = 0;

  readonly #watchers = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** Adds an interface that stands on a segment: a new one, or the one given. @returns the segment */
  add(info: Partial<InterfaceInfo> & { readonly name: string }, hub?: MemoryHub): MemoryHub {
    return this.#add(info, hub ?? new MemoryHub(this.clock), false).hub;
  }

  /** The same with a TAP that an earlier process has made by `openTap`. */
  addOurs(info: InterfaceInfo): void {
    this.#add(info, new MemoryHub(this.clock), true);
  }

  /** The segment beyond an interface. @throws Error when there is no such interface */
  hub(ifname: string): MemoryHub {
    return this.#get(ifname).hub;
  }

  /** Devices that are open on an interface now. */
  opened(ifname: string): readonly MemoryDevice[] {
    return [...(this.#interfaces.get(ifname)?.opened ?? [])].filter((device) => !device.dead);
  }

  /** Deletes an interface: every device on it is gone. */
  delete(ifname: string): void {
    const { opened } = this.#get(ifname);
    this.#interfaces.delete(ifname);
    this.#changed();
    for (const device of opened) device.vanish();
  }

  /** Gives an interface another name; what is open on it stays. */
  rename(ifname: string, to: string): void {
    const found = this.#get(ifname);
    found.info = { ...found.info, name: to };
    this.#interfaces.delete(ifname);
    this.#interfaces.set(to, found);
    this.#changed();
  }

  /** Sets an interface down or up. */
  setUp(ifname: string, up: boolean): void {
    const found = this.#get(ifname);
    found.info = { ...found.info, up };
    for (const device of found.opened) device.up = up;
    this.#changed();
  }

  /** Tells whoever has opened a TAP in a bridge of a change of that. */
  changeBridge(ifname: string, change: BridgeChange): void {
    if (this.opened(ifname).length > 0) this.#get(ifname).onBridge?.(change);
  }

  /** Gives an interface a further name. */
  addName(ifname: string, alternative: string): void {
    this.#get(ifname).altNames.add(alternative);
  }

  interfaces(): InterfaceInfo[] {
    if (this.untold !== undefined) throw this.untold;
    return this.standing();
  }

  find(ifname: string): InterfaceInfo | undefined {
    if (this.untold !== undefined) throw this.untold;
    return this.look(ifname);
  }

  /** All interfaces that stand, whether the server is told of them or not. */
  standing(): InterfaceInfo[] {
    return [...this.#interfaces.values()].map(({ info }) => info);
  }

  /** One of them. */
  look(ifname: string): InterfaceInfo | undefined {
    return this.#called(ifname)?.info;
  }

  at(ifindex: number): InterfaceInfo | undefined {
    if (this.untold !== undefined) throw this.untold;
    return this.standing().find((info) => info.ifindex === ifindex);
  }

  onChange(changed: () => void): () => void {
    // One of its own: the same function may be given twice.
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #changed(): void {
    for (const watcher of this.#watchers) {
      this.clock.after(0, () => {
        if (this.#watchers.has(watcher)) watcher();
      });
    }
  }

  captureBackends(): readonly ('packet' | 'pcap')[] {
    return this.backends;
  }

  tapAvailable(): boolean {
    return this.taps;
  }

  async capture(backend: 'packet' | 'pcap', ifname: string, ifindex?: number): Promise<FrameDevice> {
    await this.#opening();
    if (!this.backends.includes(backend))
      throw new DeviceError('bad-device', `${backend} does not work here`);
    const found = this.#named({ ifname, ifindex });
    if (found === undefined) throw noSuchDevice(ifname);
    if (found.info.unfit !== undefined) throw new DeviceError('bad-device', found.info.unfit);
    return this.#open(found, { backend, takesOffload: backend === 'packet', unfinished: backend === 'pcap' });
  }

  async openTap(ifname: string, options: TapOptions): Promise<FrameDevice> {
    await this.#opening();
    if (!this.taps) throw new DeviceError('bad-device', 'there is no /dev/net/tun');
    const standing = this.#named({ ifname, ifindex: options.ifindex });
    const before = standing === undefined ? undefined : stateOf(standing.info);
    const found = standing ?? this.#makeTap(ifname, options);
    const { name } = found.info;
    if (found.info.kind !== 'tap') {
      throw new DeviceError('bad-device', `${ifname} is no TAP interface but a ${found.info.kind}`);
    }
    if (this.opened(name).length > 0) throw new DeviceError('device-busy', `${ifname} is in use`);
    if (options.mtu !== undefined) this.setMtu({ ifname: name }, options.mtu);
    found.onBridge = options.onBridge;
    const device = this.#open(found, { backend: 'tap', takesOffload: true, unfinished: false });
    device.found = before;
    return device;
  }

  restoreTap(ifindex: number, { mac, mtu, up }: TapState): void {
    const found = this.#named({ ifname: '', ifindex });
    if (found !== undefined) found.info = { ...found.info, mac, mtu, up };
  }

  setMtu(tap: Named, mtu: number): void {
    if (!Number.isInteger(mtu) || mtu < LEAST_MTU || mtu > MOST_MTU) {
      throw new DeviceError('bad-device', `an MTU is ${LEAST_MTU}..${MOST_MTU} bytes, not ${mtu}`);
    }
    const found = this.#named(tap);
    if (found === undefined) throw noSuchDevice(tap.ifname);
    found.info = { ...found.info, mtu };
    for (const device of found.opened) device.resize(mtu);
    this.#changed();
  }

  async removeTap(tap: Named): Promise<void> {
    await this.#turn();
    const found = this.#named(tap);
    if (found === undefined) return;
    const { name } = found.info;
    if (!found.ours) throw new DeviceError('bad-device', `${name} is none of the TAP interfaces we made`);
    this.delete(name);
  }

  #add(info: Partial<InterfaceInfo> & { readonly name: string }, hub: MemoryHub, ours: boolean): Interface {
    if (this.#interfaces.has(info.name)) throw new Error(`there is an interface ${info.name} already`);
    const ifindex = info.ifindex ?? this.#nextIndex;
    this.#nextIndex = Math.max(this.#nextIndex, ifindex + 1);
    const mac = `02:00:00:00:00:${(ifindex & 0xff).toString(16).padStart(2, '0')}`;
    const made: Interface = {
      info: { kind: 'veth', mtu: 1500, up: true, mac, ...info, ifindex },
      hub,
      opened: new Set(),
      ours,
      altNames: new Set(),
    };
    this.#interfaces.set(info.name, made);
    this.#changed();
    return made;
  }

  #makeTap(ifname: string, { mtu, bridge }: TapOptions): Interface {
    if (bridge === undefined) {
      return this.#add({ name: ifname, kind: 'tap', mtu: mtu ?? 1500 }, new MemoryHub(this.clock), true);
    }
    const found = this.#find(bridge);
    if (found.info.kind !== 'bridge') throw new DeviceError('bad-device', `${bridge} is no bridge`);
    if (mtu !== undefined && mtu !== found.info.mtu) {
      throw new DeviceError(
        'bad-device',
        `mtu=${mtu} would change ${bridge}, whose MTU is ${found.info.mtu}`,
      );
    }
    return this.#add({ name: ifname, kind: 'tap', mtu: found.info.mtu, bridge }, found.hub, true);
  }

  #open(
    found: Interface,
    form: { backend: FrameDevice['backend']; takesOffload: boolean; unfinished: boolean },
  ): MemoryDevice {
    const { name, ifindex, mtu, up } = found.info;
    const device = found.hub.attach({ ...form, ifname: name, ifindex, mtu });
    device.up = up;
    found.opened.add(device);
    return device;
  }

  async #opening(): Promise<void> {
    await this.#turn();
    if (this.fault !== undefined) throw this.fault;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.clock.after(this.delay, resolve));
  }

  #find(ifname: string): Interface {
    const found = this.#called(ifname);
    if (found === undefined) throw noSuchDevice(ifname);
    return found;
  }

  #called(ifname: string): Interface | undefined {
    const all = [...this.#interfaces.values()];
    return this.#interfaces.get(ifname) ?? all.find(({ altNames }) => altNames.has(ifname));
  }

  #named({ ifname, ifindex }: Named): Interface | undefined {
    if (ifindex === undefined) return this.#called(ifname);
    return [...this.#interfaces.values()].find(({ info }) => info.ifindex === ifindex);
  }

  #get(ifname: string): Interface {
    const found = this.#interfaces.get(ifname);
    if (found === undefined) throw new Error(`there is no interface ${ifname}`);
    return found;
  }
}

function stateOf({ mac, mtu, up, bridge }: InterfaceInfo): TapState {
  return { mac, mtu, up, queue: 0, ...(bridge === undefined ? {} : { bridge }) };
}
