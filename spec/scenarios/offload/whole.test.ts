/**
 * Super-frames and unfinished checksums through the real devices. What the kernel makes of a super-frame is held against
 * segments that were built the slow way. The devices are drawn in `bench.ts`.
 */
import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inOwnNamespace } from '../../suites/own-namespace.ts';
import { ACK, build, CWR, PSH, superRecord } from '../../unit/frames/packets.ts';
import { arrivesCut, cable, cross, crossesWhole, listen, sameBytes, tapAndCapture } from './bench.ts';
import { KINDS, packet } from './kinds.ts';

const everything = ['tx', 'tso', 'gso', 'gro', 'tx-udp-segmentation'];

function ethtool(ifname: string, on: boolean): void {
  const words = everything.flatMap((feature) => [feature, on ? 'on' : 'off']);
  execFileSync('ethtool', ['-K', ifname, ...words], { stdio: 'ignore' });
}

function tests(): void {
  const test = suite('offload: super-frames');

  test('packet: a super-frame crosses a cable whole', async () => {
    const { from, to, close } = cable();
    try {
      const heard = listen(to);
      for (const { name, make } of KINDS) await crossesWhole(from, heard, make(20_000), name);
    } finally {
      await close();
    }
  });

  test('tap: a super-frame that is written arrives whole', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) await crossesWhole(tap, heard, make(20_000), name);
    } finally {
      await close();
    }
  });

  test('tap: a super-frame is read whole, or in segments when none are wanted', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(tap);
      for (const { name, make } of KINDS) await crossesWhole(capture, heard, make(20_000), name);
      tap.setOffload(false);
      for (const { name, make } of KINDS) await arrivesCut(capture, heard, make(20_000), name);
      tap.setOffload(true);
      await crossesWhole(capture, heard, KINDS[0]!.make(60_000), 'wanted again');
    } finally {
      await close();
    }
  });

  test('packet: where the interface has no offload, the kernel makes segments', async () => {
    const { from, to, close } = cable();
    try {
      ethtool('near0', false);
      const heard = listen(to);
      for (const { name, make } of KINDS) await arrivesCut(from, heard, make(20_000), name);
      for (const version of [4, 6] as const) {
        const what = { ...packet(version, 6, [], 20_000), flags: ACK | PSH | CWR };
        const plain = version === 4 ? 1 : 4;
        for (const gsoType of [plain, plain | 0x80]) {
          await arrivesCut(from, heard, what, `CWR, gso_type ${gsoType}`, { gsoType });
        }
      }
    } finally {
      await close();
    }
  });

  test('a super-frame of one segment goes as an ordinary frame, whatever its gso_size', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) {
        const what = make(1_000);
        for (const size of [1_000, 1_001, 0xffff]) {
          const record = superRecord(what, size);
          const [got] = await cross(tap, heard, record, 1);
          assert.is(got!.type, 1, `${name}, ${size}`);
          assert.is(got!.payload[1], 0, `${name}, ${size}`);
          sameBytes(got!.payload.subarray(12), record.subarray(16), `${name}, ${size}`);
        }
      }
    } finally {
      await close();
    }
  });

  test('a checksum that is only started arrives as such, or finished', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(tap);
      for (const { name, make } of KINDS) {
        const what = make(500);
        const record = superRecord(what, 0, { gsoType: 0 });
        const [partial] = await cross(capture, heard, record, 1);
        assert.is(partial!.type, 1, name);
        sameBytes(partial!.payload.subarray(12), record.subarray(16), name);
        tap.setOffload(false);
        const [finished] = await cross(capture, heard, record, 1);
        assert.is(finished!.type, 0, name);
        sameBytes(finished!.payload, build(what).frame, name);
        tap.setOffload(true);
      }
    } finally {
      await close();
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
