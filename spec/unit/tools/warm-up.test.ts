/** The packet path runs by itself at the start of a server, and nothing of that is left. */
import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDiagnostics } from '../../../io/memory/diagnostics.ts';
import { startWarmUp, warmUp } from '../../../tools/vnet/serve/warm-up.ts';
import { until } from '../../suites/until.ts';

const test = suite('warm-up');
/** Looks in a row that see the same. */
const SAME = 50;

/** Open descriptors, and what keeps the event loop. */
const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  resources: process.getActiveResourcesInfo().sort(),
});
/** What was closed last goes in one of the next turns of the loop. */
const settled = (as: ReturnType<typeof held>) =>
  until('nothing to be left open', () => isDeepStrictEqual(held(), as));

/** What is held once nothing comes or goes any more: what is just being closed is no measure for what is left. */
async function steady(): Promise<ReturnType<typeof held>> {
  let last = held();
  let same = 0;
  await until('nothing to be opened or closed', () => {
    const now = held();
    same = isDeepStrictEqual(now, last) ? same + 1 : 0;
    last = now;
    return same >= SAME;
  });
  return last;
}

test('all frames come back, and nothing stays open', async () => {
  // What is made once and kept: the socket on which the kernel tells of interfaces, and the like.
  const bare = held();
  await warmUp(AbortSignal.timeout(50));
  await until('its sockets to be closed', () => held().resources.length <= bare.resources.length);
  const before = await steady();
  assert.is(await warmUp(new AbortController().signal, 60_000), 3100);
  await settled(before);
});

test('it ends soon when the server does', async () => {
  const before = await steady();
  const stopped = new AbortController();
  const running = warmUp(stopped.signal);
  setImmediate(() => stopped.abort());
  assert.ok((await running) < 3100);
  await settled(before);
});

test('READY does not wait for all of it', async () => {
  const diagnostics = new MemoryDiagnostics();
  const stopped = new AbortController();
  // This process is older than a server may be at READY.
  const { byReady, over } = startWarmUp(stopped.signal, diagnostics);
  let done = false;
  void over.then(() => {
    done = true;
  });
  await byReady;
  assert.not.ok(done);
  stopped.abort();
  await over;
  assert.equal(diagnostics.entries, []);
});

test('one that cannot be is told of, and READY comes all the same', async () => {
  const diagnostics = new MemoryDiagnostics();
  const signal = Object.defineProperty(new AbortController().signal, 'aborted', {
    get: () => {
      throw new Error('it went wrong');
    },
  });
  const { byReady, over } = startWarmUp(signal, diagnostics);
  await Promise.all([byReady, over]);
  const message = 'not warmed up: the first frames take longer';
  assert.equal(diagnostics.entries, [{ level: 'warn', fields: { error: 'it went wrong' }, message }]);
});

test.run();
