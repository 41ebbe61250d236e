import { closeSync, openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MUCH_BYTES } from '../../../io/gathering.ts';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';
import type { KernelSocket } from '../../../io/net/socket-link.ts';
import { RecordingSink } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';
import { connected, fresh, PLAIN } from './pairs.ts';

const test = suite('what the kernel does for the sockets of links');

test('a bound that the kernel refuses is told once, and nothing fails', () => {
  const told: string[] = [];
  const make = kernelSockets({
    congestion: congestionFor('default', 0),
    unbounded: ({ code }) => told.push(code),
    refused: (why) => {
      throw why;
    },
  });
  const notSocket = openSync('/dev/null', 'r');
  try {
    for (let i = 0; i < 3; i++) make(notSocket).limitUnsent(32_768);
  } finally {
    closeSync(notSocket);
  }
  assert.equal(told, ['ENOTSOCK']);
});

for (const scheme of ['tcp', 'tls'] as const) {
  test(`${scheme}: over a long way little pieces come together, and nothing is left behind`, async () => {
    const { material, fingerprint } = await fresh('server');
    const fail = (why: Error) => {
      throw why;
    };
    const real = kernelSockets({ congestion: congestionFor('default', 0), unbounded: fail, refused: fail });
    /** From how many bytes on it was to be readable, one time after the other. */
    const asked: number[] = [];
    const kernel = (fd: number): KernelSocket => {
      const socket = real(fd);
      return {
        ...socket,
        wakeFor(bytes) {
          asked.push(bytes);
          socket.wakeFor(bytes);
        },
      };
    };
    const dial = scheme === 'tls' ? { ...PLAIN, pin: fingerprint } : PLAIN;
    const pair = await connected(`${scheme}://127.0.0.1:0`, { tls: () => material, kernel }, dial, {
      kernel,
    });
    const sink = new RecordingSink();
    pair.far.attach(sink);
    pair.far.suit?.(20_000);
    const PIECES = 200;
    await new Promise<void>((sent) => {
      let left = PIECES;
      const timer = setInterval(() => {
        pair.near.write(Buffer.alloc(100, left));
        if (--left > 0) return;
        clearInterval(timer);
        sent();
      }, 1);
    });
    await until('all of them', () => sink.bytes === PIECES * 100);
    await until('it is let go', () => asked.length % 2 === 0);
    assert.ok(asked.length > 0);
    assert.ok(asked.every((bytes, number) => bytes === (number % 2 === 0 ? MUCH_BYTES : 1)));
    pair.near.end();
    await until('the end', () => sink.ended);
    pair.near.destroy();
    pair.far.destroy();
    await pair.close();
  });
}

test.run();
