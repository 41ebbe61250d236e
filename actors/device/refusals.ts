/** What stands against a device, as far as the interfaces of this machine tell without its being opened. */
import type { DeviceError, Devices } from '../../io/ports.ts';
import type { Refusal } from '../../machines/protocol/errors.ts';
import type { DeviceSpec } from '../../machines/protocol/types.ts';

/** @throws DeviceError when the kernel does not say which interfaces there are */
export function refuseToOpen(interfaces: Devices, spec: DeviceSpec): Refusal | undefined {
  return spec.kind === 'tap' ? refuseTap(interfaces, spec) : refuseInterface(interfaces, spec);
}

/** What the interfaces of this machine had to say. @throws what is no DeviceError */
export function deviceRefusal(error: unknown): Refusal {
  if (!(error instanceof Error) || error.name !== 'DeviceError') throw error;
  return { reason: (error as DeviceError).reason, text: error.message };
}

function refuseInterface(interfaces: Devices, spec: DeviceSpec & { kind: 'interface' }): Refusal | undefined {
  const standing = interfaces.find(spec.ifname);
  if (standing === undefined) return noSuchDevice(spec.ifname);
  if (standing.unfit !== undefined) return { reason: 'bad-device', text: standing.unfit };
  if (spec.backend === 'any' || interfaces.captureBackends().includes(spec.backend)) return undefined;
  return { reason: 'bad-device', text: `the backend ${spec.backend}: does not work on this machine` };
}

function refuseTap(
  interfaces: Devices,
  { ifname, bridge, mtu }: DeviceSpec & { kind: 'tap' },
): Refusal | undefined {
  const standing = interfaces.find(ifname);
  if (standing !== undefined && standing.kind !== 'tap') {
    return {
      reason: 'bad-device',
      text: `${ifname} is there already and is no TAP (it is a ${standing.kind}); choose another name`,
    };
  }
  if (bridge === undefined) return undefined;
  const br = interfaces.find(bridge);
  if (br === undefined) return noSuchDevice(bridge);
  if (br.kind !== 'bridge')
    return { reason: 'bad-device', text: `${bridge} is no bridge (it is a ${br.kind})` };
  if (mtu === undefined || mtu === br.mtu) return undefined;
  return {
    reason: 'bad-device',
    text: `mtu=${mtu} is another one than that of bridge ${bridge} (${br.mtu}), which its port takes; leave it out`,
  };
}

function noSuchDevice(ifname: string): Refusal {
  return {
    reason: 'no-such-device',
    text: `there is no interface ${ifname} here; ${hint(ifname)}`,
  };
}

/** `ip link` prints `eth0@if5` for the interface eth0 whose other end is number 5. */
function hint(ifname: string): string {
  const at = ifname.lastIndexOf('@');
  return at > 0
    ? `what ip(8) prints behind @ is no part of the name: it is ${ifname.slice(0, at)}`
    : 'DEVICES? lists those there are';
}
