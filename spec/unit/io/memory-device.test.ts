import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { POISON } from '../../../io/memory/batch.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import type { MemoryDevice } from '../../../io/memory/device.ts';
import { MemoryHub } from '../../../io/memory/hub.ts';
import type { Batch } from '../../../io/ports.ts';
import { type FrameDeviceBench, frameDeviceSuite } from '../../suites/frame-device.ts';
import { isTestFrame, parseRecords, RECORD_OFFLOAD, record, testFrame } from '../../suites/frames.ts';

async function bench(takesOffload: boolean): Promise<FrameDeviceBench> {
  const clock = new VirtualClock();
  const hub = new MemoryHub(clock);
  const device = hub.attach({ takesOffload });
  const far = hub.attach({ ifname: 'far0', takesOffload });
  far.setOffload(true);
  const heard: Buffer[] = [];
  collect(far, heard);
  return {
    device,
    station: { heard, send: (frames) => far.send(frames) },
    settle: () => clock.settle(),
    removeInterface: () => device.vanish(),
    setInterface: (up) => {
      device.up = up;
    },
    async tearDown() {
      await device.close();
      await far.close();
    },
  };
}

function collect(device: MemoryDevice, heard: Buffer[]): void {
  device.start({
    frames(batch) {
      for (const { type, payload } of parseRecords(batch.buffer.subarray(batch.start, batch.end))) {
        const frame = type === RECORD_OFFLOAD ? payload.subarray(12) : payload;
        if (isTestFrame(frame)) heard.push(frame);
      }
    },
    gone: () => undefined,
  });
}

frameDeviceSuite('memory', () => bench(false));
frameDeviceSuite('memory that takes offload', () => bench(true));

const test = suite('memory device');

test('a batch that was released is poisoned', () => {
  const clock = new VirtualClock();
  const hub = new MemoryHub(clock);
  const [one, other] = [hub.attach(), hub.attach()];
  let kept: Batch | undefined;
  other.start({
    frames(batch) {
      kept = batch;
    },
    gone: () => undefined,
  });
  one.send([testFrame(1, { length: 60 })]);
  clock.advance(0);
  assert.ok(kept?.buffer.every((byte) => byte === POISON));
  assert.throws(() => kept?.retain(), /after its last release/);
  assert.throws(() => kept?.release(), /once too often/);
});

test('three devices on a hub: two hear what one writes, after the latency', () => {
  const clock = new VirtualClock();
  const hub = new MemoryHub(clock);
  hub.latency = 5;
  const devices = [hub.attach(), hub.attach(), hub.attach()];
  const heard = devices.map((device) => {
    const frames: Buffer[] = [];
    collect(device, frames);
    return frames;
  });
  devices[1]!.send([testFrame(1, { length: 60 })]);
  clock.advance(4);
  assert.equal(
    heard.map((frames) => frames.length),
    [0, 0, 0],
  );
  clock.advance(1);
  assert.equal(
    heard.map((frames) => frames.length),
    [1, 0, 1],
  );
});

test('what nobody reads is bounded and counted', () => {
  const clock = new VirtualClock();
  const hub = new MemoryHub(clock);
  const [one, other] = [hub.attach(), hub.attach()];
  for (let i = 0; i < 1500; i++) one.send([testFrame(i, { length: 60 })]);
  clock.advance(0);
  assert.is(other.kernelDrops(), 500);
});

test('a full queue is counted as such, and a lost frame is lost', () => {
  const clock = new VirtualClock();
  const hub = new MemoryHub(clock);
  const [one, other] = [hub.attach(), hub.attach()];
  const heard: Buffer[] = [];
  collect(other, heard);
  one.full = true;
  const bytes = record(testFrame(1, { length: 60 }));
  assert.is(one.write(bytes, 0, bytes.length).queueFull, 1);
  one.full = false;
  hub.passes = () => false;
  assert.is(one.write(bytes, 0, bytes.length).written, 1);
  clock.advance(0);
  assert.is(heard.length, 0);
});

test.run();
