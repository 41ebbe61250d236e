/**
 * The laboratory's long line by itself:
 *
 *     near [10.9.0.1] ══ line: delay, loss, rate, queue, reordering, cuts ══ [10.9.0.2] far
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_LENGTH } from '../../io/memory/line.ts';
import { Lab } from '../../tools/lab/lab.ts';
import { Line } from '../../tools/lab/line.ts';
import { ensurePrivileges } from '../../tools/lab/privilege.ts';
import { ping } from '../../tools/lab/traffic.ts';

await ensurePrivileges();

const test = suite('line');
let lab: Lab;
let line: Line;

/** Round trips in milliseconds, in the order of the requests. */
const times = (output: string): number[] =>
  [...output.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]));
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const echo = (count: number, interval = 0.01) =>
  lab.run('near', ['ping', '-n', '-c', String(count), '-i', String(interval), '-W', '1', '10.9.0.2'], {
    anyStatus: true,
  });

test.before(async () => {
  lab = new Lab();
  await lab.addNamespaces('near', 'far');
  line = await Line.lay(
    lab,
    { ns: 'near', dev: 'wan0', addresses: ['10.9.0.1/24'] },
    { ns: 'far', dev: 'wan0', addresses: ['10.9.0.2/24'] },
  );
  assert.is((await ping(lab, 'near', '10.9.0.2', { count: 1 })).received, 1);
});
test.before.each(() => line.set(NO_LENGTH));
test.after(() => lab.close());

test('adds each direction its own delay, and none where there is none', async () => {
  const bare = median(times((await echo(40)).stdout));
  await line.set({ delay: 20 }, 'A>B');
  await line.set({ delay: 5 }, 'B>A');
  const long = median(times((await echo(40)).stdout));
  assert.ok(long >= 25, `${long} ms`);
  // A busy machine adds to both.
  assert.ok(long - bare < 27, `${bare} ms and ${long} ms`);
});

test('loses its share, the same frames for the same seed', async () => {
  await line.set({ loss: 0.2 }, 'A>B');
  const before = await line.counters();
  await echo(300, 0.002);
  const { forth, back } = await line.counters();
  const lost = forth.lost - before.forth.lost;
  assert.ok(lost > 30 && lost < 100, `${lost} of 300`);
  assert.is(back.lost, before.back.lost);
});

test('has a rate, and a queue that is full some time', async () => {
  await line.set({ rate: 2, queue: 30 }, 'A>B');
  // 1,038 bytes take 4.2 ms at 2 Mbit/s: of 50 requests at once 8 find room in 30 ms.
  const flood = ['ping', '-n', '-l', '50', '-c', '50', '-s', '972', '-W', '1', '10.9.0.2'];
  const { stdout } = await lab.run('near', flood, { anyStatus: true });
  const longest = Math.max(...times(stdout));
  assert.ok(longest > 25, `${longest} ms`);
  const { forth } = await line.counters();
  assert.ok(forth.full > 10, `${forth.full} of 50`);
});

test('lets frames overtake', async () => {
  await line.set({ delay: 20, reorder: 0.3 }, 'A>B');
  const { stdout } = await echo(100, 0.005);
  const order = [...stdout.matchAll(/icmp_seq=(\d+)/g)].map((match) => Number(match[1]));
  assert.ok(order.some((number, at) => number < (order[at - 1] ?? 0)));
  assert.is(order.length, 100);
});

test('is cut, in one direction or both, and comes back', async () => {
  for (const towards of ['A>B', 'B>A', 'both'] as const) {
    await line.set({ cut: true }, towards);
    assert.is(times((await echo(2)).stdout).length, 0, towards);
    await line.set({ cut: false }, towards);
    assert.is(times((await echo(2)).stdout).length, 2, towards);
  }
  assert.ok((await line.counters()).forth.cut >= 4);
});

test('says what it does not take', async () => {
  try {
    await line.set({ loss: 3 });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, 'loss is from 0 to 1, not 3');
  }
});

test.run();
