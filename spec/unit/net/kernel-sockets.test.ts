import { closeSync, openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { congestionFor, kernelSockets } from '../../../io/net/kernel-sockets.ts';

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

test.run();
