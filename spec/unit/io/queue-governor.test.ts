import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FULL,
  MOST_FRAMES,
  QueueGovernor,
  type QueuePlan,
  TARGET_MS,
} from '../../../io/device/queue-governor.ts';

const test = suite('queue governor');

/** A device whose reader passes on so many bytes a millisecond, in frames of that size, and has no other limit. */
class Line {
  time = 0;
  readonly plans: QueuePlan[] = [];
  readonly governor = new QueueGovernor(
    () => this.time,
    (plan) => this.plans.push(plan),
  );

  /** The wire is behind nearly all the time: every 2 ms something is read, and the device is paused again. */
  slow(milliseconds: number, bytesPerMs: number, frameBytes: (plan: QueuePlan) => number): void {
    const end = this.time + milliseconds;
    while (this.time < end) {
      this.governor.resumed();
      const bytes = 2 * bytesPerMs;
      this.governor.read(bytes, Math.max(1, Math.round(bytes / frameBytes(this.governor.plan))));
      this.governor.paused();
      this.time += 2;
    }
    this.governor.resumed();
  }

  /** Each read takes all there is. */
  easy(milliseconds: number, bytesPerMs: number): void {
    for (const end = this.time + milliseconds; this.time < end; this.time++) {
      this.governor.read(bytesPerMs, 1);
    }
  }

  get plan(): QueuePlan {
    return this.governor.plan;
  }
}

/** What TCP makes: super-frames where it may. */
const tcp = ({ superFrames }: QueuePlan) => (superFrames ? 65_000 : 1514);
const HUNDRED_MBIT = 12_500;
const SIX_HUNDRED_MBIT = 75_000;
const FOUR_GBIT = 500_000;

test('as long as the wire keeps up the queue is of full length', () => {
  const line = new Line();
  line.easy(2_000, HUNDRED_MBIT);
  assert.is(line.plan, FULL);
  assert.equal(line.plans, []);
});

test('on a slow line super-frames are given up, and the queue holds some milliseconds', () => {
  const line = new Line();
  line.slow(2_000, HUNDRED_MBIT, tcp);
  assert.is(line.plan.superFrames, false);
  const milliseconds = (line.plan.frames * 1514) / HUNDRED_MBIT;
  assert.ok(milliseconds > TARGET_MS / 2 && milliseconds < TARGET_MS * 2, `${milliseconds} ms`);
});

test('on a line of some hundred Mbit/s super-frames stay, in a short queue', () => {
  const line = new Line();
  line.slow(2_000, SIX_HUNDRED_MBIT, tcp);
  assert.is(line.plan.superFrames, true);
  const milliseconds = (line.plan.frames * 65_000) / SIX_HUNDRED_MBIT;
  assert.ok(milliseconds > TARGET_MS / 2 && milliseconds < TARGET_MS * 2, `${milliseconds} ms`);
});

test('on a fast line the queue is of full length', () => {
  const line = new Line();
  line.slow(2_000, FOUR_GBIT, tcp);
  assert.is(line.plan, FULL);
});

test('small frames keep a long queue', () => {
  const line = new Line();
  line.slow(2_000, 25_000, () => 110);
  assert.is(line.plan.frames, MOST_FRAMES);
});

test('a line that stood still has a short queue, and a long one again when it has room', () => {
  const line = new Line();
  line.slow(200, FOUR_GBIT, tcp);
  line.governor.paused();
  line.time += 3_000;
  line.governor.resumed();
  assert.ok(line.plan.frames < 64, `${line.plan.frames}`);
  line.easy(101, 1_000);
  assert.is(line.plan.frames, MOST_FRAMES);
  assert.is(line.plan.superFrames, false);
  line.easy(1_500, 1_000);
  assert.is(line.plan, FULL);
});

test('a wire that is behind for a moment changes nothing', () => {
  const line = new Line();
  for (let i = 0; i < 20; i++) {
    line.slow(200, HUNDRED_MBIT, tcp);
    line.easy(200, FOUR_GBIT);
  }
  assert.is(line.plan, FULL);
});

test('a steady line is left in peace', () => {
  const line = new Line();
  line.slow(1_000, HUNDRED_MBIT, tcp);
  const before = line.plans.length;
  line.slow(10_000, HUNDRED_MBIT, tcp);
  assert.is(line.plans.length, before);
});

test('whatever happens, a plan is one that can be carried out', () => {
  const step = fc.record({
    wait: fc.nat(300),
    bytes: fc.nat(300_000),
    frames: fc.integer({ min: 0, max: 512 }),
    pause: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const line = new Line();
      for (const { wait, bytes, frames, pause } of steps) {
        line.time += wait;
        if (pause) line.governor.paused();
        else line.governor.resumed();
        line.governor.read(bytes, frames);
      }
      for (const { frames, bytes, batchBytes } of line.plans) {
        assert.ok(Number.isInteger(frames) && frames >= 16 && frames <= MOST_FRAMES);
        assert.ok(bytes >= 0);
        assert.ok(Number.isInteger(batchBytes) && batchBytes >= 32 << 10 && batchBytes <= 192 << 10);
      }
    }),
  );
});

test.run();
