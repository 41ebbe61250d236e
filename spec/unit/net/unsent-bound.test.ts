import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UnsentBound } from '../../../io/net/unsent-bound.ts';

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
  return { world, send };
}

test('it begins short', () => {
  assert.equal(rig().world.bounds, [32 * KB]);
});

test('it is ten milliseconds long at the rate of the last moment', () => {
  const { world, send } = rig();
  send(500, 12_500);
  assert.is(world.bounds.at(-1), 125_000);
  send(500, 6_250);
  assert.is(world.bounds.at(-1), 62_500);
});

test('it has a least and a most', () => {
  const { world, send } = rig();
  send(500, 10_000_000);
  assert.is(world.bounds.at(-1), 1024 * KB);
  send(500, 1);
  assert.is(world.bounds.at(-1), 32 * KB);
});

test('a rate that hardly changes leaves it as it is', () => {
  const { world, send } = rig();
  send(500, 20_000);
  const before = world.bounds.length;
  for (let i = 0; i < 50; i++) send(100, i % 2 === 0 ? 18_000 : 22_000);
  assert.is(world.bounds.length, before);
});

test('a long silence shortens it with the first write after that', () => {
  const { world, send } = rig();
  send(500, 50_000);
  world.time += 10_000;
  send(1, 1_000);
  assert.is(world.bounds.at(-1), 32 * KB);
});

test.run();
