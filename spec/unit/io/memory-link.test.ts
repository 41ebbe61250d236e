import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { POISON } from '../../../io/memory/batch.ts';
import { SeededChance } from '../../../io/memory/chance.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { memoryLinkPair } from '../../../io/memory/link.ts';
import { Wire } from '../../../io/memory/wire.ts';
import type { LinkSink } from '../../../io/ports.ts';
import { linkSuite, RecordingSink } from '../../suites/link.ts';

let clock = new VirtualClock();
linkSuite(
  'memory',
  async () => {
    clock = new VirtualClock();
    const { a, b, wire } = memoryLinkPair(clock);
    wire.latency = 1;
    return { near: a, far: b, close: async () => undefined };
  },
  () => clock.elapse(1),
);

const chance = new SeededChance(7);
linkSuite(
  'memory, cut at any byte',
  async () => {
    clock = new VirtualClock();
    const { a, b } = memoryLinkPair(clock);
    a.readSize = b.readSize = () => 1 + chance.below(20_000);
    return { near: a, far: b, close: async () => undefined };
  },
  () => clock.elapse(1),
);

const test = suite('memory link');

function recording() {
  const time = new VirtualClock();
  const pair = memoryLinkPair(time);
  const [near, far] = [new RecordingSink(), new RecordingSink()];
  pair.a.attach(near);
  pair.b.attach(far);
  return { ...pair, time, near, far };
}

const ignore: LinkSink = {
  data: () => undefined,
  drain: () => undefined,
  end: () => undefined,
  closed: () => undefined,
};

test('bytes that are looked at after the call are poison', () => {
  const time = new VirtualClock();
  const { a, b } = memoryLinkPair(time);
  let kept: Buffer | undefined;
  b.attach({
    ...ignore,
    data(chunk) {
      kept = chunk;
    },
  });
  a.write(Buffer.from('secret'));
  time.advance(0);
  assert.equal(kept, Buffer.alloc(6, POISON));
});

test('what is changed before done arrives changed', () => {
  const { a, time, far } = recording();
  const bytes = Buffer.from('right');
  a.write(bytes);
  bytes.write('wrong');
  time.advance(0);
  assert.is(far.text(), 'wrong');
});

test('while it is cut nothing arrives and nobody is told; then all of it does', () => {
  const { a, b, wire, time, near, far } = recording();
  wire.latency = 3;
  a.write(Buffer.from('one'));
  time.advance(1);
  wire.cut();
  a.write(Buffer.from('two'));
  b.end();
  time.advance(60_000);
  assert.equal([near.events, far.events], [[], []]);
  wire.heal();
  time.advance(2);
  assert.is(far.text(), '');
  time.advance(1);
  assert.is(far.text(), 'onetwo');
  assert.ok(near.ended);
});

test('one direction alone can be cut', () => {
  const { a, b, wire, time, near, far } = recording();
  wire.cut('b');
  a.write(Buffer.from('lost'));
  b.write(Buffer.from('heard'));
  time.advance(10);
  assert.equal([near.text(), far.text()], ['heard', '']);
});

test('a reset breaks both ends with an error, and done is called all the same', () => {
  const { a, wire, time, near, far } = recording();
  wire.cut();
  let done = 0;
  for (let i = 0; i < 10; i++) a.write(Buffer.alloc(65_536), () => done++);
  time.advance(0);
  assert.ok(done < 10);
  wire.reset();
  time.advance(0);
  assert.is(done, 10);
  for (const sink of [near, far]) {
    assert.equal(sink.events, ['closed']);
    assert.match(sink.error?.message ?? '', /ECONNRESET/);
  }
});

test('half-open: one end is gone without a word, and the other one learns it when it sends', () => {
  const { a, b, time, near, far } = recording();
  a.vanish();
  time.advance(60_000);
  assert.equal(far.events, []);
  b.write(Buffer.from('anybody there?'));
  time.advance(0);
  assert.equal(far.events, ['closed']);
  assert.match(far.error?.message ?? '', /ECONNRESET/);
  assert.equal(near.events, [], 'nobody is at home to be told');
});

test('destroy with bytes unread is a reset for the other end', () => {
  const { a, b, time, near } = recording();
  b.pause();
  a.write(Buffer.from('unread'));
  time.advance(0);
  b.destroy();
  time.advance(0);
  assert.equal(near.events, ['closed']);
  assert.match(near.error?.message ?? '', /ECONNRESET/);
});

test('latency may change on the way, the order never does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(50), fc.nat(20), fc.boolean()), { maxLength: 40, size: 'max' }),
      (steps) => {
        const { a, wire, time, far } = recording();
        for (const [i, [latency, pause, cut]] of steps.entries()) {
          wire.latency = latency;
          if (cut) wire.cut();
          else wire.heal();
          a.write(Buffer.from([i]));
          time.advance(pause);
        }
        wire.heal();
        time.advance(1000);
        return far.all().equals(Buffer.from(steps.map((_, i) => i)));
      },
    ),
  );
});

test('each direction has its own delay', () => {
  const { a, b, wire, time, near, far } = recording();
  wire.set({ delay: 20 }, 'b');
  wire.set({ delay: 5 }, 'a');
  a.write(Buffer.from('there'));
  b.write(Buffer.from('back'));
  time.advance(10);
  assert.is(near.all().toString(), 'back');
  assert.is(far.all().length, 0);
  time.advance(10);
  assert.is(far.all().toString(), 'there');
});

test('a rate makes bytes take their time', () => {
  const { a, wire, time, far } = recording();
  wire.set({ rate: 1, queue: 1_000 }, 'b');
  // 100,000 bytes and their headers at 1 Mbit/s: 836 ms, in two pieces.
  a.write(Buffer.alloc(100_000));
  time.advance(500);
  assert.is(far.all().length, 0);
  time.advance(100);
  assert.is(far.all().length, 65_536);
  time.advance(400);
  assert.is(far.all().length, 100_000);
});

test('past its queue a bottleneck drops, and TCP sends again', () => {
  const come = (queue: number) => {
    const { a, wire, time, far } = recording();
    wire.set({ rate: 1, queue }, 'b');
    for (let count = 0; count < 3; count++) a.write(Buffer.alloc(10_000));
    time.advance(350);
    return far.all().length;
  };
  assert.is(come(500), 30_000);
  assert.ok(come(50) < 30_000);
});

test('what is lost comes later, and everything behind it, the same for the same seed', () => {
  const times = (seed: number): readonly number[] => {
    const time = new VirtualClock();
    const wire = new Wire(time, new SeededChance(seed));
    const came: number[] = [];
    const far = { endCame() {}, resetCame() {}, windowCame() {} };
    wire.join('b', {
      ...far,
      bytesCame: ([number = 0]) => {
        came[number] = time.mono() / 1e6;
      },
    });
    wire.set({ delay: 10, loss: 0.3 });
    for (let number = 0; number < 50; number++) {
      wire.send('a', (end) => end.bytesCame(Buffer.from([number])), 1);
      time.advance(1);
    }
    time.advance(10_000);
    return came;
  };
  const one = times(1);
  assert.is(one.filter((at) => at !== undefined).length, 50);
  assert.ok(one.every((at, number) => number === 0 || at >= one[number - 1]!));
  assert.ok(
    one.some((at, number) => at >= number + 210),
    one.join(' '),
  );
  assert.equal(times(1), one);
  assert.not.equal(times(2), one);
});

test('a line says what it does not take', () => {
  const { wire } = recording();
  assert.throws(() => wire.set({ loss: 3 }), /loss is from 0 to 1, not 3/);
});

test.run();
