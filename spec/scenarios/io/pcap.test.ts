/**
 * The pcap backend on a real cable, in a network namespace of this process alone:
 *
 *     [pcap device] pcap0 ──── veth ──── far0 [raw socket of another program]
 */

import { openPcap } from '../../../io/pcap.ts';
import type { InterfaceInfo } from '../../../io/ports.ts';
import { type FrameDeviceBench, frameDeviceSuite } from '../../suites/frame-device.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { RawStation } from '../../suites/raw-station.ts';

function info(name: string): InterfaceInfo {
  const [link] = JSON.parse(ip(`-j link show dev ${name}`)) as [
    { ifindex: number; mtu: number; address: string },
  ];
  return { name, ifindex: link.ifindex, kind: 'veth', mac: link.address, mtu: link.mtu, up: true };
}

async function cable(): Promise<FrameDeviceBench> {
  veth('pcap0', 'far0');
  const station = await RawStation.open('far0');
  const device = await openPcap(info('pcap0'));
  return {
    device,
    station,
    removeInterface: () => void ip('link del pcap0'),
    setInterface: (up) => void ip(`link set pcap0 ${up ? 'up' : 'down'}`),
    async tearDown() {
      await device.close();
      await station.close();
      if (ip('-j link').includes('"pcap0"')) ip('link del pcap0');
    },
  };
}

if (inOwnNamespace(import.meta.url)) {
  frameDeviceSuite('pcap', cable);
}
