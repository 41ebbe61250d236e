/**
 * The list of interfaces, held against what this test made, in a network namespace of this process alone. Its /sys
 * shows the interfaces of another namespace, as it does under `unshare -n`: nothing here may come from there.
 */
import { execFileSync } from 'node:child_process';
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
    ip('link add i0 type ifb');
    const expected: Record<string, InterfaceInfo['kind']> = {
      lo: 'loopback',
      br0: 'bridge',
      v0: 'veth',
      v1: 'veth',
      tap0: 'tap',
      tun0: 'tun',
      i0: 'ifb',
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

  test('an interface is found by what it is called now, by its other names, and by its index', () => {
    ip('link add lan0 type veth peer name far0');
    ip('link property add dev lan0 altname a-name-that-is-longer-than-fifteen-bytes');
    const { ifindex } = devices.find('lan0')!;
    assert.is(devices.find('a-name-that-is-longer-than-fifteen-bytes')?.name, 'lan0');
    ip('link set lan0 name old0');
    assert.is(devices.find('lan0'), undefined);
    ip('link add lan0 type bridge');
    assert.is(devices.find('old0')?.ifindex, ifindex);
    assert.is(devices.at(ifindex)?.name, 'old0');
    assert.is.not(devices.find('lan0')?.ifindex, ifindex);
    ip('link property del dev old0 altname a-name-that-is-longer-than-fifteen-bytes');
    assert.is(devices.find('a-name-that-is-longer-than-fifteen-bytes'), undefined);
    ip('link del old0');
    assert.is(devices.at(ifindex), undefined);
    assert.is(devices.find('far0'), undefined, 'its other end went, too');
  });

  test('a capture is of the index that is known, whoever has the name', async () => {
    ip('link add own0 type veth peer name own1');
    const { ifindex } = devices.find('own0')!;
    ip('link set own0 name was0');
    ip('link add own0 type bridge');
    const device = await devices.capture('packet', 'own0', ifindex);
    assert.equal([device.ifname, device.ifindex], ['was0', ifindex]);
    await device.close();
  });

  test('a TAP that was renamed is opened by its index, by its name, by an alternative one', async () => {
    const first = await devices.openTap('mine0', {});
    await first.close();
    ip('link set mine0 down');
    ip('link set mine0 name moved0');
    ip('link property add dev moved0 altname another-name');
    for (const [name, ifindex] of [['mine0', first.ifindex], ['moved0'], ['another-name']] as const) {
      const again = await devices.openTap(name, { ifindex });
      assert.equal([again.ifname, again.ifindex], ['moved0', first.ifindex]);
      await again.close();
    }
    await devices.removeTap({ ifname: 'mine0', ifindex: first.ifindex });
    assert.is(devices.at(first.ifindex), undefined);
  });

  test('finding one costs nothing by the number of all', () => {
    const began = performance.now();
    for (let i = 0; i < 2000; i += 1) assert.is(devices.find(`many${i % 150}`)?.kind, 'veth');
    const took = performance.now() - began;
    assert.ok(took < 1000, `2,000 times among ${devices.interfaces().length} took ${took} ms`);
  });

  test('what changes in great numbers at once is not missed', () => {
    const lines = Array.from({ length: 1500 }, (_, i) => `link set many${i % 150} mtu ${1000 + i}\n`).join(
      '',
    );
    execFileSync('ip', ['-batch', '-'], { input: lines });
    for (let i = 0; i < 150; i += 1) assert.is(devices.find(`many${i}`)?.mtu, 2350 + i);
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
