import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MOST_WAITING_BYTES, UnsentBound } from '../../../io/net/unsent-bound.ts';

const test = suite('bound of unsent bytes');

const KB = 1024;

function rig() {
  const world = { time: 0, bounds: [] as number[] };
  const bound = new UnsentBound(
    () => world.time,
    (bytes) => world.bounds.push(bytes),
  );
  /** Gives the link so many bytes each millisecond. */
  const send = (milliseconds: number, bytesPerMs: number) => {
    for (let i = 0; i < milliseconds; i++) {
      world.time++;
      bound.count(bytesPerMs);
    }
  };
  /** The same, and it waits for so much of each millisecond. */
  const push = (milliseconds: number, bytesPerMs: number, waits = 1) => {
    for (let i = 0; i < milliseconds; i++) {
      bound.waits(true);
      world.time += waits;
      bound.count(bytesPerMs);
      if (waits === 1) continue;
      bound.waits(false);
      world.time += 1 - waits;
    }
    bound.waits(false);
  };
  return { world, bound, send, push };
}

test('it begins short', () => {
  const { world, bound } = rig();
  assert.equal(world.bounds, [32 * KB]);
  assert.is(bound.bytesPerMs, undefined);
  assert.is(bound.mostWaiting, MOST_WAITING_BYTES);
});

test('as long as the link keeps up it is ten milliseconds long at the rate of the last moment', () => {
  const { world, send } = rig();
  send(500, 12_500);
  assert.is(world.bounds.at(-1), 125_000);
  send(500, 6_250);
  assert.is(world.bounds.at(-1), 62_500);
});

test('while a slow line is waited for, six milliseconds of it may wait in the kernel, and nothing in front of that', () => {
  const { world, bound, push } = rig();
  push(500, 5_000);
  assert.is(bound.bytesPerMs, 5_000);
  assert.is(bound.tight, 30_000);
  assert.is(bound.mostWaiting, 0);
  assert.is(world.bounds.at(-1), 50_000);
  push(2_000, 500);
  assert.is(bound.tight, 16 * KB);
  push(500, 50_000);
  assert.is(bound.tight, undefined);
  assert.is(bound.mostWaiting, MOST_WAITING_BYTES);
});

test('one that runs dry is not held short for ten seconds', () => {
  const { bound, push } = rig();
  push(500, 5_000);
  bound.ranDry();
  assert.is(bound.tight, undefined);
  assert.is(bound.mostWaiting, MOST_WAITING_BYTES);
  push(9_900, 5_000);
  assert.is(bound.tight, undefined);
  push(200, 5_000);
  assert.is(bound.tight, 30_000);
});

test('it is waited for when it is for half of the time', () => {
  const { bound, push } = rig();
  push(500, 2_500, 0.4);
  assert.is(bound.bytesPerMs, undefined);
  push(500, 2_500, 0.6);
  assert.is(bound.bytesPerMs, 2_500);
});

test('it has a least and a most', () => {
  const { world, bound, send, push } = rig();
  send(500, 10_000_000);
  assert.is(world.bounds.at(-1), 1024 * KB);
  send(500, 1);
  assert.is(world.bounds.at(-1), 32 * KB);
  push(2_000, 100);
  assert.is(world.bounds.at(-1), 32 * KB);
  assert.is(bound.mostWaiting, 0);
  push(2_000, 10_000_000);
  assert.is(world.bounds.at(-1), 1024 * KB);
  assert.is(bound.mostWaiting, MOST_WAITING_BYTES);
});

test('a moment at a lower rate changes nothing, a second of it does', () => {
  const { bound, push } = rig();
  push(500, 2_500);
  push(300, 250);
  assert.is(bound.bytesPerMs, 2_500);
  push(800, 250);
  assert.is(bound.bytesPerMs, 250);
});

test('a link that keeps up again has room for bursts again', () => {
  const { world, bound, send, push } = rig();
  push(500, 2_500);
  send(900, 2_500);
  assert.is(bound.bytesPerMs, undefined);
  assert.is(bound.mostWaiting, MOST_WAITING_BYTES);
  assert.is(world.bounds.at(-1), 32 * KB);
});

test('a rate that hardly changes leaves it as it is', () => {
  const { world, send } = rig();
  send(500, 20_000);
  const before = world.bounds.length;
  for (let i = 0; i < 50; i++) send(100, i % 2 === 0 ? 18_000 : 22_000);
  assert.is(world.bounds.length, before);
});

test('a long silence ends it with the first write after that', () => {
  const { world, bound, send, push } = rig();
  send(500, 50_000);
  world.time += 10_000;
  send(1, 1_000);
  assert.is(world.bounds.at(-1), 32 * KB);
  push(500, 2_500);
  world.time += 10_000;
  send(1, 1_000);
  assert.is(bound.bytesPerMs, undefined);
});

test.run();
