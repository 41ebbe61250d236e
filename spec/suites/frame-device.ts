/**
 * The suite that every implementation of FrameDevice passes.
 *
 *     [device under test] ──── one segment ──── [station]
 *
 * The set-up makes both ends anew for each test; the station must be something else than the device under test
 * (a raw socket of another program, another memory device), so that both directions are really checked.
 */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Batch, FrameDevice, WriteOutcome } from '../../io/ports.ts';
import { type FrameShape, RECORD_OFFLOAD, record, testFrame } from './frames.ts';
import { Listener } from './listener.ts';
import { type LetTimePass, until } from './until.ts';

/** The other end of the cable. */
export interface Station {
  /** Puts frames on the segment, in order. */
  send(frames: readonly Buffer[]): void | Promise<void>;
  /** Test frames heard so far, in order. */
  readonly heard: readonly Buffer[];
}

export interface FrameDeviceBench {
  /** Opened, not started; its MTU is 1500. */
  readonly device: FrameDevice;
  readonly station: Station;
  /** Deletes the interface under the device, where that can be done. */
  removeInterface?(): void | Promise<void>;
  /** Sets the interface down or up, where that can be done. */
  setInterface?(up: boolean): void | Promise<void>;
  /** Lets what is under way go on; not given: real time passes. */
  readonly settle?: LetTimePass;
  /** Closes whatever is still open. Runs also after a test that failed. */
  tearDown(): Promise<void>;
}

/** 60 is the least on a cable without FCS, 1514 the most; 1518 with a tag. */
const SHAPES: readonly FrameShape[] = [
  ...[60, 61, 64, 127, 128, 590, 1024, 1500, 1513, 1514].map((length) => ({ length })),
  { length: 64, vlan: 7 },
  { length: 1518, vlan: 4094 },
];

const frames = (count: number, first = 0): Buffer[] =>
  Array.from({ length: count }, (_, i) => testFrame(first + i, { length: 60 + (((first + i) * 37) % 1400) }));

const sum = (o: WriteOutcome): number => o.written + o.badOffload + o.queueFull + o.refused;

function sameFrames(actual: readonly Buffer[], expected: readonly Buffer[]): void {
  assert.is(actual.length, expected.length, `${actual.length} frames, expected ${expected.length}`);
  for (const [i, frame] of expected.entries()) {
    assert.ok(actual[i]!.equals(frame), `frame ${i} differs: ${actual[i]!.toString('hex')}`);
  }
}

const aMoment = (): Promise<void> => new Promise((over) => setTimeout(over, 1));

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** Makes and runs the tests. `setUp` is called before each of them. */
export function frameDeviceSuite(name: string, setUp: () => Promise<FrameDeviceBench>): void {
  const test = suite(`frame device: ${name}`);

  const check = (what: string, body: (bench: FrameDeviceBench) => Promise<void>): void => {
    test(what, async () => {
      const bench = await setUp();
      try {
        await body(bench);
      } finally {
        await bench.tearDown();
      }
    });
  };

  const wait = (bench: FrameDeviceBench, what: string, condition: () => boolean): Promise<void> =>
    until(what, condition, bench.settle);

  /** Long enough for a frame to come that ought not to: another one, sent behind it, was heard. */
  const heardBoth = (bench: FrameDeviceBench, listener: Listener, count: number): Promise<void> =>
    wait(bench, `${count} frames at the device`, () => listener.heard.length >= count);

  check('frames of every size go out byte-equal and in order', async (bench) => {
    const { device, station } = bench;
    device.start(new Listener());
    const sent = SHAPES.map((shape, i) => testFrame(i, shape));
    for (const frame of sent) {
      const bytes = record(frame);
      const outcome = device.write(bytes, 0, bytes.length);
      assert.is(outcome.written, 1, JSON.stringify(outcome));
      assert.is(sum(outcome), 1);
      assert.is(outcome.writtenBytes, frame.length);
    }
    await wait(bench, 'all heard by the station', () => station.heard.length >= sent.length);
    sameFrames(station.heard, sent);
  });

  check('frames of every size come in byte-equal and in order', async (bench) => {
    const listener = new Listener();
    bench.device.start(listener);
    const sent = SHAPES.map((shape, i) => testFrame(i, shape));
    for (const frame of sent) await bench.station.send([frame]);
    await heardBoth(bench, listener, sent.length);
    sameFrames(listener.heard, sent);
    assert.equal(listener.wrong, []);
  });

  check('of little frames that are held together over a long way none is left behind', async (bench) => {
    const { device, station } = bench;
    const listener = new Listener();
    device.start(listener);
    device.suit?.(20_000);
    const sent = frames(200);
    for (const [number, frame] of sent.entries()) {
      await station.send([frame]);
      if (number % 50 === 30) device.pause();
      if (number % 50 === 35) device.resume();
      await (bench.settle ?? aMoment)();
    }
    await heardBoth(bench, listener, sent.length);
    sameFrames(listener.heard, sent);
    assert.equal(listener.wrong, []);
  });

  check('a batch goes out whole, and only what lies between start and end', async (bench) => {
    bench.device.start(new Listener());
    const sent = frames(300);
    const before = record(testFrame(90_001, { length: 77 }));
    const after = record(testFrame(90_002, { length: 88 }));
    const inner = Buffer.concat(sent.map((frame) => record(frame)));
    const region = Buffer.concat([before, inner, after]);
    const copy = Buffer.from(region);
    const outcome = { ...bench.device.write(region, before.length, before.length + inner.length) };
    assert.is(sum(outcome), sent.length);
    assert.is(outcome.written, sent.length, JSON.stringify(outcome));
    assert.is(outcome.writtenBytes, inner.length - 4 * sent.length);
    assert.ok(region.equals(copy), 'write changed the bytes that it was given');
    region.fill(0xee); // the caller may use its buffer again as soon as write returns
    await wait(bench, 'the batch heard', () => bench.station.heard.length >= sent.length);
    sameFrames(bench.station.heard, sent);
  });

  check('a burst comes in whole, in order, in batches that count right', async (bench) => {
    const listener = new Listener();
    bench.device.start(listener);
    const sent = frames(200);
    await bench.station.send(sent);
    await heardBoth(bench, listener, sent.length);
    sameFrames(listener.heard, sent);
    assert.equal(listener.wrong, []);
  });

  check('it does not hear what it writes itself', async (bench) => {
    const listener = new Listener();
    bench.device.start(listener);
    const own = record(testFrame(1, { length: 100 }));
    bench.device.write(own, 0, own.length);
    await wait(bench, 'heard by the station', () => bench.station.heard.length > 0);
    const theirs = testFrame(2, { length: 100 });
    await bench.station.send([theirs]);
    await heardBoth(bench, listener, 1);
    sameFrames(listener.heard, [theirs]);
  });

  check('paused it is silent and still writes; resumed it goes on', async (bench) => {
    const { device, station } = bench;
    let calls = 0;
    const listener = new Listener(() => {
      calls += 1;
      if (calls === 1) device.pause();
    });
    device.start(listener);
    const [first, ...rest] = frames(21);
    await station.send([first!]);
    await heardBoth(bench, listener, 1);
    device.pause(); // twice is as good as once
    await station.send(rest);
    const out = record(testFrame(500, { length: 200 }));
    assert.is(device.write(out, 0, out.length).written, 1);
    await wait(bench, 'a frame written while paused', () => station.heard.length > 0);
    assert.is(calls, 1, 'frames came while paused');
    device.resume();
    device.resume();
    await heardBoth(bench, listener, 21);
    sameFrames(listener.heard, [first!, ...rest]);
  });

  check('paused in the turn in which it was started or resumed, it is silent', async (bench) => {
    const { device, station } = bench;
    const listener = new Listener();
    device.start(listener);
    device.pause();
    const sent = frames(10);
    await station.send(sent);
    const out = record(testFrame(500, { length: 200 }));
    for (let round = 1; round <= 3; round++) {
      device.resume();
      device.pause();
      device.write(out, 0, out.length);
      await wait(bench, 'a frame written while paused', () => station.heard.length >= round);
      assert.is(listener.heard.length, 0, 'frames came while paused');
    }
    device.resume();
    await heardBoth(bench, listener, sent.length);
    sameFrames(listener.heard, sent);
  });

  check('pause and resume in every batch lose nothing and turn nothing round', async (bench) => {
    const { device } = bench;
    const listener = new Listener(() => {
      device.pause();
      queueMicrotask(() => device.resume());
    });
    device.start(listener);
    const sent = frames(120);
    for (let i = 0; i < sent.length; i += 10) await bench.station.send(sent.slice(i, i + 10));
    await heardBoth(bench, listener, sent.length);
    sameFrames(listener.heard, sent);
  });

  check('a retained batch stays as it was until it is released', async (bench) => {
    const held: { batch: Batch; bytes: Buffer }[] = [];
    const listener = new Listener((batch) => {
      batch.retain();
      held.push({ batch, bytes: Buffer.from(batch.buffer.subarray(batch.start, batch.end)) });
    });
    bench.device.start(listener);
    const sent = frames(400);
    for (let i = 0; i < sent.length; i += 20) {
      await bench.station.send(sent.slice(i, i + 20));
      await heardBoth(bench, listener, i + 20);
    }
    for (const { batch, bytes } of held) {
      assert.ok(
        batch.buffer.subarray(batch.start, batch.end).equals(bytes),
        'a retained batch was overwritten',
      );
      batch.release();
    }
    await bench.station.send([testFrame(1000, { length: 60 })]);
    await heardBoth(bench, listener, sent.length + 1);
    held.at(-1)!.batch.release();
  });

  check('every record that is given is counted once', async (bench) => {
    const { device } = bench;
    device.start(new Listener());
    const header = Buffer.alloc(12);
    const given = [
      record(testFrame(0, { length: 60 })),
      record(Buffer.concat([header, testFrame(1, { length: 400 })]), RECORD_OFFLOAD),
      record(testFrame(2, { length: 20_000 })), // far over the MTU
      record(testFrame(3, { length: 1514 })),
      record(Buffer.alloc(13, 1)), // no Ethernet frame at all
    ];
    const region = Buffer.concat(given);
    const outcome = { ...device.write(region, 0, region.length) };
    assert.is(sum(outcome), given.length, JSON.stringify(outcome));
    if (!device.takesOffload) assert.is(outcome.badOffload, 1, JSON.stringify(outcome));
    await wait(
      bench,
      'the good ones heard',
      () => bench.station.heard.length >= (device.takesOffload ? 3 : 2),
    );
    const lengths = bench.station.heard.map((frame) => frame.length);
    assert.equal(lengths, device.takesOffload ? [60, 400, 1514] : [60, 1514]);
    assert.is(sum(device.write(region, 0, 0)), 0, 'an empty region');
  });

  check('a region that is no row of records harms nobody', async (bench) => {
    const { device } = bench;
    device.start(new Listener());
    const good = record(testFrame(0, { length: 100 }));
    const wrong = [
      Buffer.from([0, 0]),
      Buffer.from([0, 0xff, 0xff, 0xff]),
      Buffer.concat([good, Buffer.from([0, 0, 9, 9, 1, 2, 3])]),
      Buffer.concat([good, Buffer.from([0x42, 0, 0, 1, 9])]),
      record(Buffer.alloc(0)),
      record(Buffer.alloc(5), RECORD_OFFLOAD),
      Buffer.alloc(999, 0xff),
    ];
    for (const region of wrong) {
      const outcome = device.write(region, 0, region.length);
      assert.ok(sum(outcome) >= 0 && Number.isInteger(sum(outcome)), JSON.stringify(outcome));
    }
    const last = record(testFrame(77, { length: 1000 }));
    assert.is(device.write(last, 0, last.length).written, 1);
    await wait(bench, 'the good one behind them', () => bench.station.heard.some((f) => f.length === 1000));
    assert.ok(bench.station.heard.every((f) => f.length === 100 || f.length === 1000));
  });

  check('after close every method does nothing, and close may be called again', async (bench) => {
    const { device, station } = bench;
    const listener = new Listener();
    device.start(listener);
    await station.send(frames(5));
    await heardBoth(bench, listener, 5);
    await Promise.all([device.close(), device.close()]);
    await device.close();
    const bytes = record(testFrame(9, { length: 60 }));
    assert.is(device.write(bytes, 0, bytes.length).written, 0);
    device.pause();
    device.resume();
    device.setOffload(false);
    device.setFilter(null);
    assert.type(device.kernelDrops(), 'number');
    await station.send(frames(5, 100));
    await bench.settle?.();
    sameFrames(listener.heard, frames(5));
    assert.equal(listener.reasons, [], 'close is not gone');
  });

  check('a device that was never started can be closed', (bench) => bench.device.close());

  check('an interface that is deleted is gone, once', async (bench) => {
    if (bench.removeInterface === undefined) return;
    const { device } = bench;
    const listener = new Listener();
    device.start(listener);
    await bench.removeInterface();
    await wait(bench, 'gone', () => listener.reasons.length > 0);
    assert.is(listener.reasons.length, 1);
    assert.ok(listener.reasons[0]!.length > 3, 'a reason for people');
    const bytes = record(testFrame(9, { length: 60 }));
    assert.is(device.write(bytes, 0, bytes.length).written, 0);
    device.pause();
    device.resume();
    await device.close();
    await bench.settle?.();
    assert.is(listener.reasons.length, 1);
  });

  check('an interface that is deleted before the device is started is gone then, once', async (bench) => {
    if (bench.removeInterface === undefined) return;
    const { device } = bench;
    const listener = new Listener();
    await bench.removeInterface();
    await bench.settle?.();
    device.start(listener);
    assert.equal(listener.reasons, [], 'not within the call');
    await wait(bench, 'gone', () => listener.reasons.length > 0);
    await device.close();
    await bench.settle?.();
    assert.is(listener.reasons.length, 1);
  });

  check('an interface that is deleted is gone also while paused', async (bench) => {
    if (bench.removeInterface === undefined) return;
    const listener = new Listener();
    bench.device.start(listener);
    bench.device.pause();
    await bench.removeInterface();
    await wait(bench, 'gone', () => listener.reasons.length > 0);
  });

  check('an interface that is down is not gone, and works again when it is up', async (bench) => {
    if (bench.setInterface === undefined) return;
    const { device, station } = bench;
    const listener = new Listener();
    device.start(listener);
    await bench.setInterface(false);
    const bytes = record(testFrame(1, { length: 60 }));
    assert.is(sum(device.write(bytes, 0, bytes.length)), 1);
    await bench.setInterface(true);
    // What was sent while the interface came up may be lost: send until something crosses, each way.
    let number = 100;
    const crosses = async (what: string, send: (frame: Buffer) => unknown, heard: () => number) => {
      const before = heard();
      await wait(bench, what, () => {
        void send(testFrame(number++, { length: 60 }));
        return heard() > before;
      });
    };
    await crosses(
      'in',
      (frame) => station.send([frame]),
      () => listener.heard.length,
    );
    await crosses(
      'out',
      (frame) => device.write(record(frame), 0, 4 + frame.length),
      () => station.heard.length,
    );
    assert.equal(listener.reasons, []);
  });

  test('nothing of this process stays open', async () => {
    const once = async () => {
      const bench = await setUp();
      bench.device.start(new Listener());
      await bench.station.send(frames(3));
      await bench.tearDown();
    };
    await once();
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) await once();
    await until('descriptors closed', () => openDescriptors() <= before);
  });

  test.run();
}
