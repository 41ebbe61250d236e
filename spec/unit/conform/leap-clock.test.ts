/** The clock of servers under test: it goes by itself, and it leaps. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeapClock } from '../../conformance/leap-clock.ts';

const test = suite('leap clock');

test('what is due on the way fires in order, what is made on the way as well', async () => {
  const clock = new LeapClock();
  const seen: string[] = [];
  clock.after(20_000, () => seen.push('late'));
  clock.after(10_000, () => {
    seen.push('first');
    clock.after(5_000, () => seen.push('made on the way'));
  });
  clock.after(90_000, () => seen.push('never'));
  clock.after(12_000, () => seen.push('cancelled')).cancel();
  await clock.advance(30_000);
  assert.equal(seen, ['first', 'made on the way', 'late']);
  assert.ok(clock.mono() >= 30_000 * 1e6);
  clock.stop();
});

test('a timer that is not reached by a leap comes sooner by it', async () => {
  const clock = new LeapClock();
  const fired = new Promise<void>((resolve) => clock.after(60_000, resolve));
  await clock.advance(59_990);
  await fired;
  clock.stop();
});

test('wall and monotonic time go together', async () => {
  const clock = new LeapClock();
  const [wall, mono] = [clock.now(), clock.mono()];
  await clock.advance(3_600_000);
  assert.ok(Math.abs(clock.now() - wall - (clock.mono() - mono) / 1e6) < 50);
  assert.match(clock.wall(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  clock.stop();
});

test.run();
