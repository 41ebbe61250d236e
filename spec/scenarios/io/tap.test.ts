/**
 * TAP interfaces, in a network namespace of this process alone:
 *
 *     [device under test] ════ tap0 [raw socket of another program]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon } from '../../../io/device/addon.ts';
import { kernelDevices } from '../../../io/device/devices.ts';
import { findInterface, findLink } from '../../../io/device/interfaces.ts';
import { openTap, removeTap } from '../../../io/device/tap-device.ts';
import { MemoryDiagnostics } from '../../../io/memory/diagnostics.ts';
import { DeviceError, type TapOptions } from '../../../io/ports.ts';
import { type FrameDeviceBench, frameDeviceSuite } from '../../suites/frame-device.ts';
import { inOwnNamespace, ip } from '../../suites/own-namespace.ts';
import { RawStation } from '../../suites/raw-station.ts';
import { until } from '../../suites/until.ts';

async function bench(): Promise<FrameDeviceBench> {
  const device = openTap('tap0', {});
  const station = await RawStation.open('tap0');
  return {
    device,
    station,
    removeInterface: () => void removeTap({ ifname: 'tap0' }),
    setInterface: (up) => void ip(`link set tap0 ${up ? 'up' : 'down'}`),
    async tearDown() {
      await device.close();
      await station.close();
      removeTap({ ifname: 'tap0' });
    },
  };
}

/** The error that opening gives. */
function failure(ifname: string, options: TapOptions): DeviceError {
  try {
    openTap(ifname, options);
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
  throw new Error(`${ifname} was opened`);
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

function ownTests(): void {
  const test = suite('tap');

  test.after.each(() => {
    for (const name of ['tap0', 'tap1', 'tap9', 'br0', 'd0', 'far0'])
      if (findLink(name)) ip(`link del ${name}`);
  });

  test('one that was made outlives its descriptor, is attached to again, and goes when it is removed', async () => {
    const first = openTap('tap0', { mtu: 1400 });
    assert.is(first.mtu, 1400);
    assert.is(first.ifindex, findLink('tap0')!.ifindex);
    await first.close();
    assert.equal(findInterface('tap0')!.kind, 'tap');
    const second = openTap('tap0', {});
    assert.is(second.ifindex, first.ifindex);
    assert.is(second.mtu, 1400, 'without an option the MTU stays');
    assert.is(failure('tap0', {}).reason, 'device-busy');
    await second.close();
    removeTap({ ifname: 'tap0' });
    assert.is(findLink('tap0'), undefined);
    removeTap({ ifname: 'tap0' });
  });

  test('one that was renamed is removed, and told its MTU, by its index', async () => {
    const device = openTap('tap0', {});
    const { ifindex } = device;
    ip('link set tap0 down');
    ip('link set tap0 name tap9');
    ip('tuntap add mode tap name tap0');
    kernelDevices(new MemoryDiagnostics()).setMtu({ ifname: 'tap0', ifindex }, 1300);
    assert.is(findLink('tap9')?.mtu, 1300);
    assert.is(findLink('tap0')?.mtu, 1500);
    await device.close();
    assert.is(removeTap({ ifname: 'tap0', ifindex }), 'tap9');
    assert.is(findLink('tap9'), undefined);
    assert.ok(findLink('tap0'));
    assert.is(removeTap({ ifname: 'tap0', ifindex }), undefined);
  });

  test('it is up, has a short queue and hears of a new MTU', async () => {
    const device = openTap('tap0', {});
    const link = findLink('tap0')!;
    assert.ok(link.up);
    assert.ok(link.txQueueLength < 1000, `${link.txQueueLength}`);
    ip('link set tap0 mtu 1300');
    await until('the new MTU', () => device.mtu === 1300);
    await device.close();
  });

  test('one that we make has no IPv6 address of its own, also when IPv6 comes to it later', () => {
    for (const scope of ['all', 'default']) {
      writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, '0');
    }
    const devices = kernelDevices(new MemoryDiagnostics());
    try {
      const setting = (name: string, key: string) =>
        readFileSync(`/proc/sys/net/ipv6/conf/${name}/${key}`, 'utf8').trim();
      openTap('tap0', {});
      assert.is(ip('-6 address show dev tap0'), '');
      assert.equal([setting('tap0', 'addr_gen_mode'), setting('tap0', 'accept_ra')], ['1', '0']);
      // The least MTU that IPv6 is had with is 1280.
      openTap('tap1', { mtu: 1000 });
      devices.setMtu({ ifname: 'tap1' }, 1280);
      assert.is(ip('-6 address show dev tap1'), '');
      assert.equal([setting('tap1', 'addr_gen_mode'), setting('tap1', 'accept_ra')], ['1', '0']);
      assert.ok(findInterface('tap1')!.up);
      openTap('tap9', { ip: true });
      assert.match(ip('-6 address show dev tap9'), 'fe80:');
    } finally {
      for (const name of ['tap0', 'tap1', 'tap9']) removeTap({ ifname: name });
      for (const scope of ['all', 'default']) {
        writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, '1');
      }
    }
  });

  test('in a bridge it has a high address, and the bridge keeps its own', async () => {
    ip('link add br0 type bridge');
    ip('link add d0 type veth peer name far0');
    for (const port of ['d0', 'far0']) ip(`link set ${port} mtu 1400`);
    ip('link set d0 master br0');
    const before = findLink('br0')!;
    assert.is(before.mtu, 1400);
    const device = openTap('tap0', { bridge: 'br0' });
    assert.is(device.mtu, 1400);
    const info = findInterface('tap0')!;
    assert.is(info.bridge, 'br0');
    assert.match(info.mac, /^fe:/);
    const after = findLink('br0')!;
    assert.is(after.mac, before.mac);
    assert.is(after.mtu, before.mtu);
    await device.close();
    removeTap({ ifname: 'tap0' });
    assert.is(findLink('br0')!.mac, before.mac);
    assert.is(findLink('br0')!.mtu, before.mtu);
  });

  test('a bridge without any port keeps its own address too', async () => {
    ip('link add br0 type bridge');
    const before = findLink('br0')!;
    const device = openTap('tap0', { bridge: 'br0' });
    assert.is(findLink('br0')!.mac, before.mac);
    assert.is(findLink('br0')!.mtu, before.mtu);
    await device.close();
    const again = openTap('tap0', { bridge: 'br0' });
    assert.is(findInterface('tap0')!.bridge, 'br0');
    await again.close();
    removeTap({ ifname: 'tap0' });
    assert.is(findLink('br0')!.mac, before.mac);
  });

  test('what cannot be is refused with its reason, and nothing is left behind', () => {
    ip('link add br0 type bridge');
    ip('link add d0 type veth peer name far0');
    addon().links();
    const before = descriptors();
    const wrong: [string, TapOptions, string, RegExp][] = [
      ['tap0', { bridge: 'nobr' }, 'no-such-device', /no bridge nobr/],
      ['tap0', { bridge: 'd0' }, 'bad-device', /d0 is no bridge/],
      ['tap0', { bridge: 'br0', mtu: 1400 }, 'bad-device', /another one than the 1500 of br0/],
      ['d0', {}, 'bad-device', /no TAP/],
      ['lo', {}, 'bad-device', /no TAP/],
      ['tap%d', {}, 'bad-device', /name/],
      ['sixteenletters16', {}, 'bad-device', /name/],
      ['a/b', {}, 'bad-device', /name/],
      ['..', {}, 'bad-device', /name/],
      ['tap0', { mtu: 10 }, 'bad-device', /mtu/],
      ['tap0', { mtu: 70_000 }, 'bad-device', /mtu/],
    ];
    for (const [name, options, reason, text] of wrong) {
      const error = failure(name, options);
      assert.is(error.reason, reason, `${name} ${JSON.stringify(options)}: ${error.message}`);
      assert.match(error.message, text);
      assert.is(findLink('tap0'), undefined, `${name} ${JSON.stringify(options)} left an interface`);
    }
    assert.is(descriptors(), before);
  });

  test('one that stands is as it was when it cannot be set up', () => {
    ip('tuntap add mode tap name tap0');
    ip('link add br0 type bridge');
    ip('link set tap0 master br0');
    ip('link add br1 type bridge');
    const before = findLink('tap0')!;
    const error = failure('tap0', { bridge: 'br1' });
    assert.is(error.reason, 'bad-device');
    assert.match(error.message, /tap0 is a port of br0 already/);
    assert.equal(findLink('tap0'), before);
    ip('link del br1');
  });

  test('an interface that carries no Ethernet is no TAP', () => {
    ip('tuntap add mode tun name tap1');
    assert.is(failure('tap1', {}).reason, 'bad-device');
    assert.throws(() => removeTap({ ifname: 'tap1' }), /no TAP/);
  });

  test('a multi-queue TAP is attached to when nobody else is', async () => {
    ip('tuntap add mode tap multi_queue name tap0');
    const device = openTap('tap0', {});
    assert.is(failure('tap0', {}).reason, 'device-busy');
    await device.close();
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) {
  frameDeviceSuite('tap', bench);
  ownTests();
}
