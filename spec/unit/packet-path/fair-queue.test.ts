/** Flows that wait for a slow wire take turns, and the queue is bounded. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FairQueue } from '../../../actors/packet-path/fair-queue.ts';

const test = suite('fair queue');
const FRAME = 1_518;

function rig(limit = 60_000) {
  const queue = new FairQueue();
  queue.limit = limit;
  /** One record of that flow. @returns whether it found room */
  const offer = (flow: number, bytes = FRAME, mark = flow) => {
    if (!queue.admits(flow, bytes)) return false;
    queue.push(flow, Buffer.alloc(bytes, mark));
    return true;
  };
  /** Marks of the next records, as many as there are at most. */
  const take = (most = Number.POSITIVE_INFINITY) => {
    const marks: number[] = [];
    for (let record = queue.first; record !== undefined && marks.length < most; record = queue.first) {
      marks.push(record[0]!);
      queue.shift();
    }
    return marks;
  };
  return { queue, offer, take };
}

test('one that has little to send goes before a long line of others', () => {
  const { offer, take } = rig();
  for (let i = 0; i < 30; i++) offer(1);
  assert.equal(take(2), [1, 1]);
  offer(2, 100);
  assert.equal(take(3), [2, 1, 1]);
});

test('two that have much to send have half each, in bytes', () => {
  const { offer, take } = rig();
  for (let i = 0; i < 15; i++) offer(1);
  for (let i = 0; i < 60; i++) offer(2, 300);
  const first = take(24);
  const bytes = (flow: number) => first.filter((mark) => mark === flow).length * (flow === 1 ? FRAME : 300);
  assert.ok(Math.abs(bytes(1) - bytes(2)) <= 2 * FRAME, `${bytes(1)} and ${bytes(2)} bytes`);
});

test('a flow keeps its order, and nothing is lost', () => {
  const { queue, offer, take } = rig(200_000);
  for (let i = 0; i < 100; i++) offer(7 + (i % 3), 500 + i, i);
  const marks = take();
  assert.is(marks.length, 100);
  for (const flow of [0, 1, 2]) {
    const own = marks.filter((mark) => mark % 3 === flow);
    assert.equal(
      own,
      own.toSorted((a, b) => a - b),
    );
  }
  assert.is(queue.bytes, 0);
  assert.is(queue.first, undefined);
});

test('a flow that comes again and again does not starve one that waits', () => {
  const { offer, take } = rig();
  for (let i = 0; i < 20; i++) offer(1);
  const seen: number[] = [];
  for (let i = 0; i < 30; i++) {
    offer(2);
    seen.push(...take(1));
  }
  assert.ok(seen.filter((mark) => mark === 1).length >= 10, seen.join(''));
});

test('past the limit who has its share is turned away, and who has less is not', () => {
  const { queue, offer } = rig();
  while (offer(1));
  assert.ok(queue.bytes <= 60_000 && queue.bytes > 60_000 - FRAME);
  assert.ok(offer(2));
  assert.ok(offer(2));
  assert.not(offer(1));
});

test('a flood of flows gets no more than twice the limit', () => {
  const { queue, offer, take } = rig();
  let admitted = 0;
  for (let flow = 0; flow < 100_000; flow++) if (offer(flow, FRAME, 1)) admitted++;
  assert.ok(queue.bytes <= 120_000, `${queue.bytes} bytes`);
  assert.is(take().length, admitted);
  assert.ok(offer(5));
});

test('what is left when the wire ends: all of it, or nothing', () => {
  const { queue, offer } = rig();
  for (const flow of [1, 2, 1]) offer(flow, 100);
  assert.is(Buffer.concat(queue.all()).length, 300);
  queue.clear();
  assert.is(queue.bytes, 0);
  assert.is(queue.first, undefined);
  assert.ok(offer(1));
});

test.run();
