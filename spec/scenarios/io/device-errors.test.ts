/**
 * What goes wrong when a device is opened ends in a clear error and leaves no descriptor, in a network namespace of
 * this process alone.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelDevices } from '../../../io/device/devices.ts';
import { DeviceError, type Diagnostics, type FrameDevice } from '../../../io/ports.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';

const NOBODY = 65534;
const silent: Diagnostics = { info: () => {}, warn: () => {}, error: () => {} };

const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function failure(open: () => Promise<unknown>): Promise<DeviceError> {
  try {
    await open();
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
  throw new Error('it was opened');
}

/** Runs the body while no more than a few descriptors are left. */
async function withFewDescriptors(left: number, body: () => Promise<void>): Promise<void> {
  const pid = String(process.pid);
  const soft = execFileSync('prlimit', ['--pid', pid, '--nofile', '-o', 'SOFT', '--noheadings'], {
    encoding: 'utf8',
  });
  execFileSync('prlimit', ['--pid', pid, '--nofile=200:']);
  const filling: number[] = [];
  try {
    for (;;) filling.push(openSync('/dev/null', 'r'));
  } catch {
    for (const fd of filling.splice(filling.length - left)) closeSync(fd);
  }
  try {
    await body();
  } finally {
    for (const fd of filling) closeSync(fd);
    execFileSync('prlimit', ['--pid', pid, `--nofile=${soft.trim()}:`]);
  }
}

function tests(): void {
  const test = suite('device errors');
  const devices = kernelDevices(silent);

  test.before(() => {
    veth('v0', 'v1');
    ip('tuntap add mode tun name tun0');
    ip('tuntap add mode tap name tap9');
  });

  test('an interface that is not there, or carries no Ethernet', async () => {
    const before = descriptors();
    const missing = await failure(() => devices.capture('packet', 'nothing'));
    assert.is(missing.reason, 'no-such-device');
    assert.match(missing.message, /no interface nothing/);
    for (const name of ['tun0', 'lo']) {
      const wrong = await failure(() => devices.capture('packet', name));
      assert.is(wrong.reason, 'bad-device');
      assert.match(wrong.message, /no Ethernet/);
    }
    assert.is(descriptors(), before);
  });

  test('a TAP that somebody else holds', async () => {
    const holder = await devices.openTap('tap9', {});
    const before = descriptors();
    for (let i = 0; i < 5; i += 1) {
      assert.is((await failure(() => devices.openTap('tap9', {}))).reason, 'device-busy');
    }
    assert.is(descriptors(), before);
    await holder.close();
  });

  test('without the rights it says which capability is missing', async () => {
    const before = descriptors();
    process.seteuid!(NOBODY);
    try {
      const packet = await failure(() => devices.capture('packet', 'v0'));
      assert.is(packet.reason, 'forbidden');
      assert.match(packet.message, /CAP_NET_RAW/);
      const tap = await failure(() => devices.openTap('tap1', {}));
      assert.is(tap.reason, 'forbidden');
      assert.match(tap.message, /CAP_NET_ADMIN/);
      const remove = await failure(() => devices.removeTap({ ifname: 'tap9' }));
      assert.is(remove.reason, 'forbidden');
      assert.ok(devices.interfaces().length > 0, 'listing needs no rights');
    } finally {
      process.seteuid!(0);
    }
    assert.is(descriptors(), before);
    assert.is(devices.find('tap1'), undefined);
  });

  test('at every number of descriptors that are left it opens or says so, and leaks none', async () => {
    const before = descriptors();
    const attempts: (() => Promise<FrameDevice>)[] = [
      () => devices.capture('packet', 'v0'),
      () => devices.openTap('tap1', {}),
    ];
    for (const attempt of attempts) {
      let opened = 0;
      for (let left = 0; left < 6; left += 1) {
        await withFewDescriptors(left, async () => {
          try {
            const device = await attempt();
            opened += 1;
            await device.close();
          } catch (error) {
            assert.instance(error, DeviceError);
            assert.match((error as Error).message, /open files/, `${left} left`);
          }
        });
        assert.is(descriptors(), before, `${left} left`);
        if (devices.find('tap1')) await devices.removeTap({ ifname: 'tap1' });
      }
      assert.ok(opened > 0 && opened < 6, `${opened} opened`);
    }
  });

  test('an interface that is deleted while it is down and idle is gone', async () => {
    ip('link add d0 type veth peer name d1');
    const device = await devices.capture('packet', 'd0');
    const reasons: string[] = [];
    device.start({ frames: () => {}, gone: (reason) => reasons.push(reason) });
    ip('link set d0 up');
    ip('link set d0 down');
    ip('link del d0');
    await until('gone', () => reasons.length > 0);
    assert.equal(reasons, ['the interface was deleted']);
    await device.close();
  });

  test('one that was deleted between opening and reading is gone', async () => {
    ip('link add d0 type veth peer name d1');
    const device = await devices.capture('packet', 'd0');
    ip('link del d0');
    const reasons: string[] = [];
    device.start({ frames: () => {}, gone: (reason) => reasons.push(reason) });
    await until('gone', () => reasons.length > 0);
    await device.close();
    assert.is(reasons.length, 1);
  });

  test('a port that leaves its bridge is not gone', async () => {
    ip('link add br0 type bridge');
    ip('link add d0 type veth peer name d1');
    ip('link set d0 master br0');
    const device = await devices.capture('packet', 'd0');
    const reasons: string[] = [];
    device.start({ frames: () => {}, gone: (reason) => reasons.push(reason) });
    ip('link set d0 nomaster');
    ip('link set d0 mtu 1400');
    await until('the new MTU', () => device.mtu === 1400);
    assert.equal(reasons, []);
    await device.close();
    ip('link del d0');
    ip('link del br0');
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
