import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { MemoryDevices } from '../../../io/memory/devices.ts';
import { DeviceError, type FrameDevice } from '../../../io/ports.ts';
import { parseRecords, record, testFrame } from '../../suites/frames.ts';

const test = suite('memory devices');

function world() {
  const clock = new VirtualClock();
  const devices = new MemoryDevices(clock);
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => undefined);
    await clock.settle();
    return promise;
  };
  return { clock, devices, settled };
}

async function reason(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, DeviceError);
    return (error as DeviceError).reason;
  }
  throw new Error('it did not fail');
}

function listen(device: FrameDevice): { lengths: number[]; gone: string[] } {
  const heard = { lengths: [] as number[], gone: [] as string[] };
  device.start({
    frames: (batch) => {
      for (const { payload } of parseRecords(batch.buffer.subarray(batch.start, batch.end)))
        heard.lengths.push(payload.length);
    },
    gone: (why) => heard.gone.push(why),
  });
  return heard;
}

test('a capture hears what others on the segment send, and two captures hear each other', async () => {
  const { clock, devices, settled } = world();
  const hub = devices.add({ name: 'eth0', kind: 'nic', mtu: 9000 });
  const one = await settled(devices.capture('packet', 'eth0'));
  const other = await settled(devices.capture('pcap', 'eth0'));
  assert.equal([one.backend, one.mtu, one.takesOffload], ['packet', 9000, true]);
  assert.equal([other.backend, other.unfinished, other.takesOffload], ['pcap', true, false]);
  assert.is(one.ifindex, other.ifindex);
  const [heard, alsoHeard] = [listen(one), listen(other)];
  const beyond = hub.attach();
  beyond.send([testFrame(1, { length: 60 })]);
  const bytes = record(testFrame(2, { length: 9014 }));
  assert.is(one.write(bytes, 0, bytes.length).written, 1);
  clock.advance(0);
  assert.equal([heard.lengths, alsoHeard.lengths], [[60], [60, 9014]]);
});

test('an interface that is deleted takes its devices along', async () => {
  const { clock, devices, settled } = world();
  devices.add({ name: 'eth0' });
  const device = await settled(devices.capture('packet', 'eth0'));
  const heard = listen(device);
  devices.delete('eth0');
  clock.advance(0);
  assert.equal(heard.gone, ['the interface eth0 was deleted']);
  assert.is(devices.find('eth0'), undefined);
  assert.is(await reason(settled(devices.capture('packet', 'eth0'))), 'no-such-device');
});

test('a TAP is made, shared with nobody, outlives its device and is removed', async () => {
  const { devices, settled } = world();
  const tap = await settled(devices.openTap('vm0', { mtu: 1400 }));
  assert.equal([tap.backend, tap.mtu, devices.find('vm0')?.kind], ['tap', 1400, 'tap']);
  assert.is(await reason(settled(devices.openTap('vm0', {}))), 'device-busy');
  await tap.close();
  assert.ok(devices.find('vm0'));
  const again = await settled(devices.openTap('vm0', {}));
  assert.is(again.mtu, 1400);
  devices.setMtu({ ifname: 'vm0' }, 1300);
  assert.is(devices.find('vm0')?.mtu, 1300);
  assert.throws(() => devices.setMtu({ ifname: 'vm0' }, 67), /68/);
  await settled(devices.removeTap({ ifname: 'vm0' }));
  await settled(devices.removeTap({ ifname: 'vm0' }));
  assert.is(devices.find('vm0'), undefined);
});

test('a TAP in a bridge is on the segment of the bridge', async () => {
  const { clock, devices, settled } = world();
  const hub = devices.add({ name: 'br0', kind: 'bridge' });
  const tap = await settled(devices.openTap('vn0', { bridge: 'br0' }));
  const heard = listen(tap);
  hub.attach().send([testFrame(1, { length: 99 })]);
  clock.advance(0);
  assert.equal(heard.lengths, [99]);
  assert.is(devices.find('vn0')?.bridge, 'br0');
  assert.is(await reason(settled(devices.openTap('vn1', { bridge: 'br0', mtu: 1000 }))), 'bad-device');
  assert.is(await reason(settled(devices.openTap('vn1', { bridge: 'vn0' }))), 'bad-device');
  assert.is(await reason(settled(devices.openTap('br0', {}))), 'bad-device');
  assert.is(await reason(settled(devices.removeTap({ ifname: 'br0' }))), 'bad-device');
});

test('faults: opening fails, is slow, the interface is down', async () => {
  const { clock, devices, settled } = world();
  devices.add({ name: 'eth0' });
  devices.fault = new DeviceError('forbidden', 'CAP_NET_RAW is missing');
  assert.is(await reason(settled(devices.capture('packet', 'eth0'))), 'forbidden');
  devices.fault = undefined;
  devices.delay = 100;
  let opened: FrameDevice | undefined;
  void devices.capture('packet', 'eth0').then((device) => {
    opened = device;
  });
  await clock.elapse(99);
  assert.is(opened, undefined);
  await clock.elapse(1);
  assert.ok(opened);
  devices.setUp('eth0', false);
  const bytes = record(testFrame(1, { length: 60 }));
  assert.is(opened.write(bytes, 0, bytes.length).refused, 1);
  devices.setUp('eth0', true);
  assert.is(opened.write(bytes, 0, bytes.length).written, 1);
});

test.run();
