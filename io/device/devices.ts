/**
 * The interfaces of this machine and the ways to open them: the real `Devices`.
 */

import {
  DeviceError,
  type Devices,
  type Diagnostics,
  type FrameDevice,
  type InterfaceInfo,
  type Named,
  type TapOptions,
  type TapState,
} from '../ports.ts';
import type { NativeLink } from './addon.ts';
import { deviceError, noSuchDevice } from './device-error.ts';
import { findInterface, findNamed, interfaceAt, kernelRun, listInterfaces } from './interfaces.ts';
import { linkMonitor } from './link-monitor.ts';
import { setMtu } from './links.ts';
import { openPacket } from './packet-device.ts';
import { openPcap } from './pcap-device.ts';
import { openTap, removeTap, restoreTap, tapAvailable } from './tap-device.ts';

/** Whether the optional `pcap` package is installed. */
function pcapInstalled(): boolean {
  try {
    import.meta.resolve('pcap');
    return true;
  } catch {
    return false;
  }
}

export class KernelDevices implements Devices {
  readonly kernel = kernelRun();
  // Looked at while there are descriptors to look with.
  private readonly backends: readonly ('packet' | 'pcap')[] = pcapInstalled()
    ? ['packet', 'pcap']
    : ['packet'];

  /** @throws DeviceError when the kernel does not say which interfaces there are */
  constructor(private readonly diagnostics: Diagnostics) {
    // The socket for asking is opened now, and kept: later there may be no descriptor left.
    this.interfaces();
  }

  interfaces(): readonly InterfaceInfo[] {
    return asked(listInterfaces);
  }

  find(ifname: string): InterfaceInfo | undefined {
    return asked(() => findInterface(ifname));
  }

  at(ifindex: number): InterfaceInfo | undefined {
    return asked(() => interfaceAt(ifindex));
  }

  onChange(changed: () => void): () => void {
    let told = false;
    const tell = () => {
      if (told) return;
      told = true;
      setImmediate(() => {
        told = false;
        if (!over) changed();
      });
    };
    let over = false;
    const stop = linkMonitor().listen({ touched: tell, missed: tell });
    return () => {
      over = true;
      stop();
    };
  }

  captureBackends(): readonly ('packet' | 'pcap')[] {
    return this.backends;
  }

  tapAvailable(): boolean {
    return tapAvailable();
  }

  async capture(backend: 'packet' | 'pcap', ifname: string, ifindex?: number): Promise<FrameDevice> {
    const { link, info } = this.captured({ ifname, ifindex });
    const told = { ifname: info.name, ifindex: info.ifindex, backend };
    const advise = (text: string) => this.diagnostics.warn(told, text);
    const device = backend === 'packet' ? openPacket(link, advise) : await openPcap(info, advise);
    this.diagnostics.info(told, 'capture opened');
    const { doubt: why } = info;
    if (why !== undefined) this.diagnostics.warn({ ...told, why }, 'capture that may be of no use');
    return device;
  }

  async openTap(ifname: string, options: TapOptions): Promise<FrameDevice> {
    const device = openTap(ifname, options, (why) =>
      this.diagnostics.warn({ ifname, why }, 'the TAP may speak IPv6 of its own'),
    );
    const { onBridge: _, ...told } = options;
    this.diagnostics.info({ ifname, ifindex: device.ifindex, mtu: device.mtu, ...told }, 'TAP opened');
    return device;
  }

  restoreTap(ifindex: number, found: TapState, options: TapOptions): void {
    const ifname = restoreTap(ifindex, found, options);
    if (ifname !== undefined) this.diagnostics.info({ ifname, ...found }, 'TAP left as it was found');
  }

  async removeTap(tap: Named): Promise<void> {
    const ifname = removeTap(tap);
    if (ifname !== undefined) this.diagnostics.info({ ifname }, 'TAP removed');
  }

  /** Sets the MTU of an interface that stands, 68..65535 bytes; open devices hear of it. @throws DeviceError */
  setMtu(tap: Named, mtu: number): void {
    try {
      const link = findNamed(tap);
      if (link === undefined) throw noSuchDevice(tap.ifname);
      setMtu(link.ifindex, mtu);
    } catch (cause) {
      throw deviceError(cause, tap.ifname, 'CAP_NET_ADMIN');
    }
  }

  /** An interface that can be captured. @throws DeviceError */
  private captured(wanted: Named): { link: NativeLink; info: InterfaceInfo } {
    const { ifname } = wanted;
    try {
      const link = findNamed(wanted);
      const info = link === undefined ? undefined : interfaceAt(link.ifindex);
      if (link === undefined || info === undefined) throw noSuchDevice(ifname);
      if (info.unfit !== undefined) throw new DeviceError('bad-device', info.unfit);
      return { link, info };
    } catch (cause) {
      throw deviceError(cause, ifname, 'CAP_NET_RAW');
    }
  }
}

/** @throws DeviceError */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    throw deviceError(cause, 'this machine', 'CAP_NET_ADMIN');
  }
}

/** The devices of this machine, of the network namespace that the process is in. @throws DeviceError */
export function kernelDevices(diagnostics: Diagnostics): KernelDevices {
  return new KernelDevices(diagnostics);
}
