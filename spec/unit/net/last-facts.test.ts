/** What a link tells of its connection once that is gone: the descriptor may be another connection's by then. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import type { KernelSocket } from '../../../io/net/socket-link.ts';
import { RecordingSink } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';
import { connected, fresh, PLAIN } from './pairs.ts';

// Before the suite: uvu runs what is there when the module first waits.
const { material, fingerprint } = await fresh('server');
const test = suite('last facts of a link');

const fail = (why: Error) => {
  throw why;
};
const real = kernelSockets({ congestion: congestionFor('default', 0), unbounded: fail, refused: fail });

/** The kernel itself; it is counted how often it was asked. */
function counting() {
  let asked = 0;
  const kernel = (fd: number): KernelSocket => {
    const socket = real(fd);
    return {
      ...socket,
      facts() {
        asked++;
        return socket.facts();
      },
    };
  };
  return { kernel, count: () => asked };
}

for (const scheme of ['tcp', 'tls'] as const) {
  for (const how of ['we drop it', 'the other end drops it'] as const) {
    test(`${scheme}: the kernel is asked once more when ${how}, and never again`, async () => {
      const { kernel, count } = counting();
      const dial = scheme === 'tls' ? { ...PLAIN, pin: fingerprint } : PLAIN;
      const pair = await connected(`${scheme}://127.0.0.1:0`, { tls: () => material }, dial, { kernel });
      const [near, far] = [new RecordingSink(), new RecordingSink()];
      pair.near.attach(near);
      pair.far.attach(far);
      assert.ok(pair.near.tcpFacts?.());
      assert.is(count(), 1);
      (how === 'we drop it' ? pair.near : pair.far).destroy();
      if (how !== 'we drop it') pair.near.write(Buffer.alloc(1 << 20));
      await until('the end', () => near.events.includes('closed') || near.events.includes('end'));
      pair.near.destroy();
      await until('the close', () => near.events.includes('closed'));
      for (let i = 0; i < 3; i++) assert.ok((pair.near.tcpFacts?.()?.rttMicros ?? 0) > 0);
      assert.is(count(), 2);
      pair.far.destroy();
      await pair.close();
    });
  }
}

test.run();
