/** The writer of diagnostics: whatever takes its lines, and however little at a time. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon } from '../../../io/device/addon.ts';
import { takeFor } from '../../../io/diagnostics/descriptor.ts';
import { UnwaitingWriter } from '../../../io/diagnostics/unwaiting-writer.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

const test = suite('the writer of diagnostics');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-writer-'));
test.after(() => fs.rmSync(dir, { recursive: true, force: true }));

/** Takes as the plan says, call by call: so many bytes at most, or an error; all of it past the plan's end. */
function planned(...plan: readonly (number | string)[]) {
  const steps = [...plan];
  let text = '';
  const take = (bytes: Uint8Array): number => {
    const step = steps.shift() ?? bytes.length;
    if (typeof step === 'string') throw new Error(step);
    text += Buffer.from(bytes.subarray(0, step)).toString();
    return Math.min(step, bytes.length);
  };
  return { take, text: () => text };
}

test('what comes in pieces is whole, and in order', async () => {
  const { take, text } = planned(2, 0, 0, 1);
  const writer = new UnwaitingWriter(take);
  for (const line of ['one\n', 'two\n', 'three\n']) writer.write(line);
  await waitUntil(() => text() === 'one\ntwo\nthree\n', { what: 'the rest' });
  assert.is(writer.dropped, 0);
});

test('what is refused is dropped, counted, told of once, and tears no later line', async () => {
  const { take, text } = planned(2, 'ENOSPC', 'ENOSPC', 'EIO');
  const told: number[] = [];
  const writer = new UnwaitingWriter(take, (dropped) => {
    told.push(dropped);
    writer.write(`${dropped} dropped\n`);
  });
  for (const line of ['one\n', 'two\n', 'three\n', 'four\n', 'five\n']) writer.write(line);
  await Promise.resolve();
  assert.is(writer.dropped, 3);
  assert.is(text(), 'on\nfour\nfive\n3 dropped\n');
  assert.equal(told, [3]);
});

test('where nobody reads there is a bound, and the end does not wait for long', () => {
  const writer = new UnwaitingWriter(() => 0);
  for (let each = 0; each < 1000; each++) writer.write(`${'x'.repeat(255)}\n`);
  assert.is(writer.dropped, 1000 - 64);
  const began = performance.now();
  writer.end();
  assert.ok(performance.now() - began < 5_000);
  assert.is(writer.dropped, 1000);
});

test('the last words go to a reader that is only slow', () => {
  const { take, text } = planned(3, 0, 0, 0, 2);
  const writer = new UnwaitingWriter(take);
  writer.write('last words\n');
  writer.end();
  assert.is(text(), 'last words\n');
  assert.is(writer.dropped, 0);
});

test('a pipe that nobody reads takes what finds room, by either way, and stays as it is for others', () => {
  const fifo = path.join(dir, 'fifo');
  spawnSync('mkfifo', [fifo]);
  const fd = fs.openSync(fifo, 'r+');
  const some = Buffer.alloc(3000, 'x');
  const full = (take: (bytes: Uint8Array) => number) => {
    let sum = 0;
    for (let taken = take(some); taken > 0; taken = take(some)) sum += taken;
    return sum;
  };
  assert.ok(full(takeFor(fd)) >= 40_000);
  fs.readSync(fd, Buffer.alloc(20_000));
  assert.ok(full((bytes) => Math.max(0, addon().writeNow(fd, bytes))) >= 8_000);
  assert.is(addon().writeNow(fd, some), -os.constants.errno.EAGAIN);
  const flags = Number.parseInt(
    /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '',
    8,
  );
  assert.is(flags & fs.constants.O_NONBLOCK, 0);
  fs.closeSync(fd);
  assert.is(addon().writeNow(fs.openSync('/dev/full', 'w'), some), -os.constants.errno.ENOSPC);
});

test.run();
