/** Who reads little and often over a long way is held for a moment; nobody else is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Gathering, HeldTogether, MUCH_BYTES } from '../../../io/gathering.ts';

const test = suite('gathering of what is read');
const LONG = 20_000;

function rig() {
  const world = { time: 0 };
  const timers: { at: number; call: () => void }[] = [];
  const group = new HeldTogether((milliseconds, call) =>
    timers.push({ at: world.time + milliseconds, call }),
  );
  const advance = (milliseconds: number) => {
    world.time += milliseconds;
    for (const due of timers.splice(0)) {
      if (due.at <= world.time) due.call();
      else timers.push(due);
    }
  };
  const port = () => {
    const log: string[] = [];
    const gathering = new Gathering(
      () => world.time,
      { hold: () => log.push(`hold ${world.time}`), release: () => log.push(`release ${world.time}`) },
      group,
    );
    gathering.lengthMicros = LONG;
    /** Reads so often, that many milliseconds apart. */
    const read = (times: number, every: number, bytes = 1500) => {
      for (let i = 0; i < times; i++) {
        advance(every);
        gathering.read(bytes);
      }
    };
    return { gathering, log, read };
  };
  return { advance, timers, port };
}

test('the ninth small read in a row is the last one for a moment', () => {
  const { advance, port } = rig();
  const { log, read } = port();
  read(8, 1);
  assert.equal(log, []);
  read(1, 1);
  assert.equal(log, ['hold 9']);
  advance(1);
  assert.equal(log, ['hold 9']);
  advance(1);
  assert.equal(log, ['hold 9', 'release 11']);
  // What came meanwhile is read at once, and little, too: it goes on.
  read(1, 0);
  assert.equal(log, ['hold 9', 'release 11', 'hold 11']);
});

test('who is read now and then, or much at a time, or over a short way, is never held', () => {
  const { port } = rig();
  const seldom = port();
  seldom.read(100, 8);
  assert.equal(seldom.log, []);
  const much = port();
  much.read(100, 1, MUCH_BYTES);
  assert.equal(much.log, []);
  const short = port();
  short.gathering.lengthMicros = 14_999;
  short.read(100, 1);
  assert.equal(short.log, []);
  const unknown = port();
  unknown.gathering.lengthMicros = 0;
  unknown.read(100, 1);
  assert.equal(unknown.log, []);
});

test('a pause, or one large read, begins anew', () => {
  const { port } = rig();
  const { log, read } = port();
  read(8, 1);
  read(1, 20);
  read(7, 1);
  assert.equal(log, []);
  read(1, 1, MUCH_BYTES);
  read(7, 1);
  assert.equal(log, []);
});

test('all who are held are let go by one timer', () => {
  const { advance, port, timers } = rig();
  const [one, other] = [port(), port()];
  one.read(9, 1);
  other.gathering.lengthMicros = LONG;
  for (let i = 0; i < 9; i++) other.gathering.read(100);
  assert.is(timers.length, 1);
  advance(2);
  assert.equal(one.log.at(-1), 'release 11');
  assert.equal(other.log.at(-1), 'release 11');
  assert.is(timers.length, 0);
});

test.run();
