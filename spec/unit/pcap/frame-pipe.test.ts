/** The child's end of a pcap device's pipe, in a process of its own, where reads of both kinds take turns. */
import { fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAMES_FD } from '../../../io/device/pcap/messages.ts';
import { HEADER_BYTES, putHeader, TYPE_FRAME } from '../../../io/device/pcap/records.ts';
import { until } from '../../suites/until.ts';

const test = suite('frame pipe');

function record(letter: string, bytes: number): Buffer {
  const made = Buffer.alloc(HEADER_BYTES + bytes, letter);
  putHeader(made, 0, TYPE_FRAME, bytes);
  return made;
}

test('what is polled between two reads of the event loop does not move the place of the second', async () => {
  const program = fileURLToPath(new URL('./frame-pipe-child.ts', import.meta.url));
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'] });
  const heard: string[] = [];
  child.on('message', (text) => heard.push(String(text)));
  const pipe = child.stdio[FRAMES_FD] as Socket;
  const [first, second, third] = [record('P', 100), record('R', 1000), record('c', 3000)];
  try {
    await until('the child', () => heard.length === 1);
    pipe.write(Buffer.concat([first, second.subarray(0, 600)]));
    await until('the first frame', () => heard.length === 2);
    // Read by `poll`: it ends a record that the event loop had read the beginning of, and begins another one.
    pipe.write(Buffer.concat([second.subarray(600), third.subarray(0, 50)]));
    await until('the second frame', () => heard.length === 3);
    pipe.write(third.subarray(50));
    await until('the third frame', () => heard.length === 4 || child.exitCode !== null);
    assert.equal(heard, ['ready', 'P'.repeat(100), 'R'.repeat(1000), 'c'.repeat(3000)]);
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
