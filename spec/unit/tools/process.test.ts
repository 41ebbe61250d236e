import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limitFor } from '../../soak/process.ts';

const test = suite('the limit that leaves so many descriptors');

test('counts the gaps', () => {
  const used = new Set([0, 1, 2, 5, 6, 9]);
  assert.is(limitFor(new Set(), 0), 0);
  assert.is(limitFor(new Set(), 3), 3);
  assert.is(limitFor(used, 0), 3);
  assert.is(limitFor(used, 1), 4);
  assert.is(limitFor(used, 2), 7);
  assert.is(limitFor(used, 5), 11);
});

test.run();
