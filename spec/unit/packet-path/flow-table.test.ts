import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FlowTable, GAP_MS } from '../../../actors/packet-path/flow-table.ts';

const test = suite('flow table');
const SMALL = 100;
const BIG = 60_000;

/** A table over wires of which it can be said until when everything has arrived. */
function table(count: number) {
  const arrived = Array.from({ length: count }, () => Number.NEGATIVE_INFINITY);
  const flows = new FlowTable();
  const stand = (numbers: readonly number[]) =>
    flows.stand(numbers.map((number) => ({ number, arrivedUntil: () => arrived[number]! })));
  stand(arrived.map((_, number) => number));
  return { flows, arrived, stand };
}

test('a flow keeps its wire while frames of it come', () => {
  const { flows, arrived } = table(4);
  const wire = flows.place(7, SMALL, 0);
  for (let now = 100; now < 5_000; now += 100) {
    arrived.fill(now);
    flows.tick(now);
    assert.is(flows.place(7, SMALL, now), wire);
  }
});

test('after a gap it leaves a wire with a big flow, but not before what it sent has arrived', () => {
  const { flows, arrived, stand } = table(2);
  stand([0]);
  flows.place(1, SMALL, 0);
  flows.place(2, SMALL, 0);
  stand([0, 1]);
  for (let now = 0; now <= 1_000; now += 50) {
    flows.tick(now);
    flows.place(1, BIG, now);
  }
  assert.is(flows.place(2, SMALL, 1_000), 0, 'its frame of 0 ms may still be under way');
  arrived[0] = 1_500;
  flows.tick(1_000 + GAP_MS);
  flows.place(1, BIG, 1_000 + GAP_MS);
  assert.is(flows.place(2, SMALL, 1_000 + GAP_MS + 1), 1);
});

test('new flows take wires without big flows, then those with the fewest', () => {
  const { flows } = table(3);
  assert.equal([1, 2, 3].map((flow) => flows.place(flow, SMALL, 0)).sort(), [0, 1, 2]);
  const big = flows.place(1, BIG, 10);
  flows.place(1, BIG, 20);
  flows.tick(250);
  for (let flow = 10; flow < 30; flow++) assert.is.not(flows.place(flow, SMALL, 260), big);
});

test('a wire that went takes its flows nowhere: they are placed anew', () => {
  const { flows, stand } = table(2);
  const wire = flows.place(5, SMALL, 0);
  stand([1 - wire]);
  assert.is(flows.place(5, SMALL, 1), 1 - wire);
});

test('what went over one wire before there were several stays there until it has arrived', () => {
  const { flows, arrived } = table(4);
  flows.allWentOver(2, 1_000);
  assert.is(flows.place(123, SMALL, 5_000), 2);
  flows.tick(9_000);
  assert.is(flows.place(124, SMALL, 9_000), 2, 'what it sent before may still be under way');
  arrived[2] = 9_001;
  assert.equal(
    [125, 126, 127].map((flow) => flows.place(flow, SMALL, 9_002)).sort(),
    [0, 1, 3],
    'the others have fewer',
  );
});

test('a flood of spoofed flows takes no memory and leaves living flows where they are', () => {
  const { flows } = table(4);
  const mine = flows.place(42, SMALL, 0);
  for (let flow = 0; flow < 100_000; flow++) flows.place((flow * 2_654_435_761) >>> 0, SMALL, 100);
  assert.is(flows.place(42, SMALL, 200), mine);
});

test.run();
