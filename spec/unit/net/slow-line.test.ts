/** A link on a slow line: too much in the kernel holds its writer back, and less of it lets him go on. */
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import type { KernelSocket } from '../../../io/net/socket-link.ts';
import { RecordingSink } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';
import { connected, PLAIN } from './pairs.ts';

const test = suite('link on a slow line');

test('what the kernel has not sent holds the writer back, until it has sent it', async () => {
  const fail = (why: Error) => {
    throw why;
  };
  const real = kernelSockets({ congestion: congestionFor('default', 0), unbounded: fail, refused: fail });
  const kernelHas = { bytes: 0 };
  const kernel = (fd: number): KernelSocket => ({ ...real(fd), unsent: () => kernelHas.bytes });
  const pair = await connected('tcp://127.0.0.1:0', {}, PLAIN, { kernel });
  const [near, far] = [new RecordingSink(), new RecordingSink()];
  pair.near.attach(near);
  // Nobody reads: what is given waits, and little of it shows how little the line takes.
  pair.near.write(Buffer.alloc(16 << 20));
  await until('a rate under 1,000 bytes a ms', () => {
    pair.near.write(Buffer.alloc(100));
    return (pair.near.bytesPerMs ?? Number.POSITIVE_INFINITY) < 1_000;
  });
  kernelHas.bytes = 1 << 20;
  assert.not(pair.near.write(Buffer.alloc(100)));
  pair.far.attach(far);
  await until('all of it', () => pair.near.unsent === 0);
  await delay(100);
  assert.is(near.drains, 0);
  kernelHas.bytes = 0;
  await until('the writer may go on', () => near.drains === 1);
  pair.near.destroy();
  pair.far.destroy();
  await pair.close();
});

test.run();
