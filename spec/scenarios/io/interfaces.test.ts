/**
 * The list of interfaces, held against what this test made, in a network namespace of this process alone. Its /sys
 * shows the interfaces of another namespace, as it does under `unshare -n`: nothing here may come from there.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelDevices } from '../../../io/device/devices.ts';
import type { Diagnostics, InterfaceInfo } from '../../../io/ports.ts';
import { inOwnNamespace, ip } from '../../suites/own-namespace.ts';

const silent: Diagnostics = { info: () => {}, warn: () => {}, error: () => {} };

function tests(): void {
  const test = suite('interfaces');
  const devices = kernelDevices(silent);
  const kinds = () => Object.fromEntries(devices.interfaces().map(({ name, kind }) => [name, kind]));

  test('each kind is told apart', () => {
    ip('link add br0 type bridge');
    ip('link add v0 type veth peer name v1');
    ip('tuntap add mode tap name tap0');
    ip('tuntap add mode tun name tun0');
    const expected: Record<string, InterfaceInfo['kind']> = {
      lo: 'loopback',
      br0: 'bridge',
      v0: 'veth',
      v1: 'veth',
      tap0: 'tap',
      tun0: 'other',
    };
    const found = kinds();
    for (const [name, kind] of Object.entries(expected)) assert.is(found[name], kind, name);
  });

  test('address, MTU, state and bridge are those of the kernel', () => {
    ip('link set v0 address 02:00:00:00:00:77 mtu 1450');
    ip('link set v0 master br0');
    ip('link set v0 up');
    const info = devices.find('v0')!;
    assert.equal(
      { ...info, ifindex: 0 },
      { name: 'v0', ifindex: 0, kind: 'veth', mac: '02:00:00:00:00:77', mtu: 1450, up: true, bridge: 'br0' },
    );
    const [link] = JSON.parse(ip('-j link show dev v0')) as [{ ifindex: number }];
    assert.is(info.ifindex, link.ifindex);
    assert.is(devices.find('v1')!.up, false);
    assert.is(devices.find('v1')!.bridge, undefined);
    assert.is(devices.find('tun0')!.mac, '00:00:00:00:00:00');
  });

  test('what is not there is not found', () => {
    for (const name of ['nothing', '', 'v', 'v0 ', '../v0', '\0']) assert.is(devices.find(name), undefined);
  });

  test('many interfaces are all listed', () => {
    const count = 150;
    for (let i = 0; i < count; i += 1) ip(`link add many${i} type veth peer name other${i}`);
    const found = kinds();
    for (let i = 0; i < count; i += 1) assert.is(found[`other${i}`], 'veth');
  });

  test('the MTU of an interface is set, or the error says why not', () => {
    devices.setMtu({ ifname: 'v0' }, 1300);
    assert.is(devices.find('v0')!.mtu, 1300);
    assert.throws(() => devices.setMtu({ ifname: 'v0' }, 10), /mtu/);
    assert.throws(() => devices.setMtu({ ifname: 'nothing' }, 1300), /no interface nothing/);
  });

  test('what this machine can do', () => {
    assert.is(devices.captureBackends()[0], 'packet');
    assert.ok(devices.tapAvailable());
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
