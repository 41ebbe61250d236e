/**
 * The packet backend on a real cable, in a network namespace of this process alone:
 *
 *     [packet device] near0 ──── veth ──── far0 [raw socket of another program]
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findLink } from '../../../io/device/interfaces.ts';
import { openPacket } from '../../../io/device/packet-device.ts';
import type { BpfInstruction } from '../../../io/ports.ts';
import { type FrameDeviceBench, frameDeviceSuite } from '../../suites/frame-device.ts';
import { record, testFrame } from '../../suites/frames.ts';
import { numbersHeard } from '../../suites/listener.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { RawStation } from '../../suites/raw-station.ts';
import { until } from '../../suites/until.ts';

async function bench(): Promise<FrameDeviceBench> {
  veth('near0', 'far0');
  const station = await RawStation.open('far0');
  const device = openPacket(findLink('near0')!);
  return {
    device,
    station,
    removeInterface: () => void ip('link del near0'),
    setInterface: (up) => void ip(`link set near0 ${up ? 'up' : 'down'}`),
    async tearDown() {
      await device.close();
      await station.close();
      if (findLink('near0')) ip('link del near0');
    },
  };
}

/** Accepts test frames without a tag whose number is this. */
const onlyNumber = (number: number): BpfInstruction[] => [
  { code: 0x20, jt: 0, jf: 0, k: 14 }, // ld [14]
  { code: 0x15, jt: 0, jf: 1, k: number }, // jeq number
  { code: 0x06, jt: 0, jf: 0, k: 0xffff_ffff }, // ret all
  { code: 0x06, jt: 0, jf: 0, k: 0 }, // ret nothing
];

function ownTests(): void {
  const test = suite('packet');

  test('a filter lets only matching frames through until it is taken off', async () => {
    const { device, station, tearDown } = await bench();
    try {
      const heard = numbersHeard(device);
      device.setFilter(onlyNumber(3));
      await station.send([1, 2, 3, 4].map((number) => testFrame(number, { length: 100 })));
      await until('the one that matches', () => heard.length > 0);
      device.setFilter(onlyNumber(6));
      await station.send([3, 5, 6].map((number) => testFrame(number, { length: 100 })));
      await until('the next one', () => heard.includes(6));
      device.setFilter(null);
      await station.send([testFrame(7, { length: 100 })]);
      await until('the last one', () => heard.includes(7));
      assert.equal(heard, [3, 6, 7]);
      assert.throws(() => device.setFilter([{ code: 0xffff, jt: 0, jf: 0, k: 0 }]), /SO_ATTACH_FILTER/);
    } finally {
      await tearDown();
    }
  });

  test('frames that the kernel drops while nobody reads are counted', async () => {
    veth('near0', 'far0');
    const device = openPacket(findLink('near0')!);
    const sender = openPacket(findLink('far0')!);
    try {
      const heard = numbersHeard(device);
      device.pause();
      const batch = Buffer.concat(
        Array.from({ length: 500 }, (_, i) => record(testFrame(i, { length: 1500 }))),
      );
      let sent = 0;
      while (device.kernelDrops() === 0) sent += sender.write(batch, 0, batch.length).written;
      sent += sender.write(batch, 0, batch.length).written;
      device.resume();
      await until('all that was kept', () => heard.length + device.kernelDrops() >= sent);
      // What the kernel itself had to say on the cable may be among the dropped ones.
      assert.ok(heard.length > 0 && heard.length + device.kernelDrops() <= sent + 10);
      const dropped = device.kernelDrops();
      await device.close();
      assert.is(device.kernelDrops(), dropped, 'known after close as well');
    } finally {
      await device.close();
      await sender.close();
      ip('link del near0');
    }
  });

  test('it hears what another program of this machine sends on the same interface', async () => {
    veth('near0', 'far0');
    const device = openPacket(findLink('near0')!);
    const other = openPacket(findLink('near0')!);
    try {
      const heard = numbersHeard(device);
      const bytes = record(testFrame(9, { length: 100 }));
      other.write(bytes, 0, bytes.length);
      await until('heard', () => heard.length > 0);
      assert.equal(heard, [9]);
    } finally {
      await device.close();
      await other.close();
      ip('link del near0');
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) {
  frameDeviceSuite('packet', bench);
  ownTests();
}
