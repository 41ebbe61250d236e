/**
 * The filter of many Handlers in the kernel, which counts it against net.core.optmem_max:
 *
 *     [packet device] near0 ──── veth ──── far0 [packet device that sends]
 */
import { existsSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findLink } from '../../../io/device/interfaces.ts';
import { openPacket } from '../../../io/device/packet-device.ts';
import type { FrameDevice } from '../../../io/ports.ts';
import { compileFilter, type FilterRole } from '../../../machines/frames/bpf.ts';
import { record, testFrame } from '../../suites/frames.ts';
import { numbersHeard } from '../../suites/listener.ts';
import { inOwnNamespace, ip, veth } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';

const OPTMEM = '/proc/sys/net/core/optmem_max';
/** What newer and older kernels give by default. */
const ROOM = 128 << 10;
const LESS_ROOM = 20 << 10;

interface Cable {
  readonly device: FrameDevice;
  /** Sends frames to these addresses and one more that everybody wants. @returns the addresses whose frames came */
  heardOf(destinations: readonly number[]): Promise<number[]>;
  close(): Promise<void>;
}

function cable(): Cable {
  veth('near0', 'far0');
  const device = openPacket(findLink('near0')!);
  const sender = openPacket(findLink('far0')!);
  const heard = numbersHeard(device);
  let sent = 0;
  return {
    device,
    async heardOf(destinations) {
      const [first, last] = [sent, sent + destinations.length];
      sent = last + 1;
      const frames = [...destinations, 0xffffffffffff].map((mac, index) => {
        const frame = testFrame(first + index, { length: 60, ...(index % 2 ? { vlan: 7 } : {}) });
        frame.writeUIntBE(mac, 0, 6);
        return record(frame);
      });
      for (let at = 0; at < frames.length; at += 50) {
        const some = Buffer.concat(frames.slice(at, at + 50));
        assert.is(sender.write(some, 0, some.length).written, Math.min(50, frames.length - at));
      }
      await until('the last frame', () => heard.includes(last));
      return destinations.filter((_, index) => heard.includes(first + index));
    },
    async close() {
      await Promise.all([device.close(), sender.close()]);
      ip('link del near0');
    },
  };
}

/** Addresses spread over one vendor's, and addresses with a vendor of its own each. */
const spread = (i: number): number => 0x525400000000 + ((i * 0x9e3779b1) % 2 ** 24);
const scattered = (i: number): number => 0x020000000000 + i * 0x1000000 + ((i * 0x9e3779b1) % 2 ** 24);

const addresses = (count: number, make = spread): number[] =>
  Array.from({ length: count }, (_, i) => make(i));
const proxies = (macs: readonly number[]): FilterRole[] =>
  macs.map((mac) => ({ config: { role: 'PROXY', multicast: true }, macs: [mac], l2cp: false }));

function tests(): void {
  const test = suite('packet filter');

  test('200 PROXY Handlers: their filter stands, and lets through what is theirs alone', async () => {
    const { device, heardOf, close } = cable();
    try {
      for (const make of [spread, scattered]) {
        const macs = addresses(200, make);
        assert.is(device.setFilter(compileFilter(proxies(macs))), true);
        const strangers = macs.map((mac) => mac + 1);
        assert.equal(await heardOf(macs.flatMap((mac, i) => [mac, strangers[i]!])), macs);
      }
    } finally {
      await close();
    }
  });

  // On older kernels a namespace has no such bound of its own.
  const own = existsSync(OPTMEM);
  const bounded = own ? test : test.skip;

  bounded('as many as the kernel has room for', async () => {
    const { device, close } = cable();
    try {
      const sizes = [
        [ROOM, 3000, 1200],
        [LESS_ROOM, 1800, 700],
      ] as const;
      for (const [room, ofOne, ofMany] of sizes) {
        writeFileSync(OPTMEM, String(room));
        assert.is(device.setFilter(compileFilter(proxies(addresses(ofOne)))), true);
        assert.is(device.setFilter(compileFilter(proxies(addresses(ofMany, scattered)))), true);
      }
    } finally {
      writeFileSync(OPTMEM, String(ROOM));
      await close();
    }
  });

  bounded(
    'a filter that it has no room for is left out, and a shorter one lets through no less',
    async () => {
      const { device, heardOf, close } = cable();
      try {
        writeFileSync(OPTMEM, String(8 << 10));
        const macs = addresses(1000);
        const handlers = proxies(macs);
        const some = macs.slice(0, 100);
        const stranger = 0x00aabbccddee;
        assert.is(device.setFilter(compileFilter(handlers)), false);
        assert.equal(await heardOf([...some, stranger]), [...some, stranger], 'everything is heard');
        assert.is(device.setFilter(compileFilter(handlers, 512)), true);
        assert.equal(await heardOf([...some, stranger]), some, 'what is wanted is heard');
      } finally {
        writeFileSync(OPTMEM, String(ROOM));
        await close();
      }
    },
  );

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
