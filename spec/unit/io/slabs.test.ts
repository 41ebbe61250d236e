import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlabPool } from '../../../io/device/slabs.ts';
import type { Batch } from '../../../io/ports.ts';

const test = suite('slabs');

function pool(most: number): { pool: SlabPool; freed: number[] } {
  const freed: number[] = [];
  return { pool: new SlabPool(1000, most, () => freed.push(freed.length)), freed };
}

/** Fills all the room that there is. */
function take(from: SlabPool, bytes = 400): Batch | undefined {
  const room = from.room(bytes, bytes);
  return room && from.batch(room.start + bytes, 1);
}

test('batches follow each other in a slab until there is no room', () => {
  const { pool: slabs } = pool(2);
  const [first, second, third] = [take(slabs)!, take(slabs)!, take(slabs)!];
  assert.is(first.buffer, second.buffer);
  assert.equal([first.start, first.end, second.start, second.end], [0, 400, 400, 800]);
  assert.is.not(third.buffer, first.buffer);
  assert.is(third.start, 0);
});

test('a slab is used again from its start when nobody holds a batch in it', () => {
  const { pool: slabs } = pool(1);
  const batch = take(slabs)!;
  batch.release();
  const next = take(slabs)!;
  assert.is(next.buffer, batch.buffer);
  assert.is(next.start, 0);
});

test('no room when all slabs are held, and a word when there is some again', () => {
  const { pool: slabs, freed } = pool(1);
  const [first, second] = [take(slabs)!, take(slabs)!];
  assert.is(slabs.room(400, 400), undefined);
  first.release();
  assert.is(freed.length, 0, 'another batch holds the slab');
  second.release();
  assert.is(freed.length, 1);
  take(slabs)!.release();
  assert.is(freed.length, 1, 'only after a need');
});

test('a batch lives as long as its last reference', () => {
  const { pool: slabs } = pool(1);
  const batch = take(slabs, 900)!;
  batch.retain();
  batch.retain();
  batch.release();
  batch.release();
  assert.is(slabs.room(400, 400), undefined);
  batch.release();
  assert.ok(slabs.room(400, 400));
  assert.throws(() => batch.release(), /too often/);
  assert.throws(() => batch.retain(), /after its last/);
});

test('the room is no larger than what is wanted', () => {
  const { pool: slabs } = pool(1);
  assert.equal(slabs.room(100, 300), { buffer: slabs.room(100, 300)!.buffer, start: 0, limit: 300 });
  assert.is(slabs.room(100, 3000)!.limit, 1000);
});

test.run();
