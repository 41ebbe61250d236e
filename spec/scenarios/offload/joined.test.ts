/** TCP segments that a TAP is given one behind the other. The devices are drawn in `bench.ts`. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inOwnNamespace, ip } from '../../suites/own-namespace.ts';
import { until } from '../../suites/until.ts';
import { frameRecord, slowSegments, superRecord } from '../../unit/frames/packets.ts';
import { listen, sameBytes, tapAndCapture } from './bench.ts';
import { KINDS, SEGMENT } from './kinds.ts';

function tests(): void {
  const test = suite('offload: joined');

  test('tap: TCP segments written one behind the other arrive as one super-frame', async () => {
    const { tap, capture, close } = tapAndCapture();
    try {
      const heard = listen(capture);
      for (const { name, make } of KINDS) {
        const what = make(20_000);
        const segments = slowSegments(what, SEGMENT);
        const batch = Buffer.concat(segments.map(frameRecord));
        const joined = what.protocol === 6;
        heard.length = 0;
        const outcome = tap.write(batch, 0, batch.length);
        assert.is(outcome.written, segments.length, name);
        assert.is(outcome.writtenBytes, batch.length - 4 * segments.length, name);
        const expected = joined ? [superRecord(what, SEGMENT)] : segments.map(frameRecord);
        await until(`${expected.length} records`, () => heard.length >= expected.length);
        const from = joined ? 16 : 4;
        for (const [i, record] of expected.entries()) {
          assert.is(heard[i]?.type, joined ? 1 : 0, name);
          sameBytes(heard[i]!.payload.subarray(from - 4), record.subarray(from), name);
        }
      }
    } finally {
      await close();
    }
  });

  test('tap: where what was joined is not taken, each segment is counted by itself', async () => {
    const { tap, close } = tapAndCapture();
    try {
      const segments = slowSegments(KINDS[0]!.make(20_000), SEGMENT);
      const batch = Buffer.concat(segments.map(frameRecord));
      ip('link set tap0 down');
      const { written, writtenBytes, refused, queueFull, badOffload } = tap.write(batch, 0, batch.length);
      assert.equal([written, writtenBytes, refused + queueFull, badOffload], [0, 0, segments.length, 0]);
    } finally {
      await close();
    }
  });

  test.run();
}

if (inOwnNamespace(import.meta.url)) tests();
