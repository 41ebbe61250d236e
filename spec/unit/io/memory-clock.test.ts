import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryAuthenticator } from '../../../io/memory/authenticator.ts';
import { SeededChance } from '../../../io/memory/chance.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { MemoryDiagnostics } from '../../../io/memory/diagnostics.ts';
import { MemorySecretStore } from '../../../io/memory/secrets.ts';

const test = suite('memory clock, chance and the small ones');

test('timers fire in the order of their time, then of their making', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 50, size: 'max' }), (delays) => {
      const clock = new VirtualClock();
      const fired: { delay: number; i: number; at: number }[] = [];
      for (const [i, delay] of delays.entries()) {
        clock.after(delay, () => fired.push({ delay, i, at: clock.mono() / 1e6 }));
      }
      clock.advance(20);
      const expected = delays.map((delay, i) => ({ delay, i, at: delay }));
      expected.sort((x, y) => x.delay - y.delay || x.i - y.i);
      assert.equal(fired, expected);
    }),
  );
});

test('a timer that was cancelled does not fire, one made by a timer does', () => {
  const clock = new VirtualClock();
  const said: string[] = [];
  const never = clock.after(5, () => said.push('never'));
  clock.after(3, () => {
    never.cancel();
    never.cancel();
    clock.after(2, () => said.push('second'));
    clock.after(3, () => said.push('too late'));
  });
  assert.is(clock.next, 3);
  clock.advance(5);
  assert.equal(said, ['second']);
  assert.is(clock.pending, 1);
});

test('wall clock and monotonic clock', () => {
  const clock = new VirtualClock(Date.UTC(2026, 5, 1));
  assert.is(clock.wall(), '2026-06-01T00:00:00.000000Z');
  clock.advance(1500.25);
  assert.is(clock.wall(), '2026-06-01T00:00:01.500250Z');
  assert.is(clock.now(), Date.UTC(2026, 5, 1) + 1500);
  assert.is(clock.mono(), 1_500_250_000);
  clock.stepWall(-3_600_000);
  assert.is(clock.wall(), '2026-05-31T23:00:01.500250Z');
  assert.is(clock.mono(), 1_500_250_000);
});

test('elapse lets promises settle between two timers of one instant', async () => {
  const clock = new VirtualClock();
  const said: string[] = [];
  const speak = async (word: string) => {
    said.push(word);
    for (let i = 0; i < 10; i++) await undefined;
    said.push(`${word} later`);
  };
  clock.after(1, () => void speak('one'));
  clock.after(1, () => void speak('two'));
  await clock.elapse(1);
  assert.equal(said, ['one', 'one later', 'two', 'two later']);
});

test('time that does not pass, and timers that never fire, are errors', () => {
  const clock = new VirtualClock();
  assert.throws(() => clock.advance(-1), /does not pass/);
  assert.throws(() => clock.advance(Number.NaN), /does not pass/);
  assert.throws(() => clock.after(Number.POSITIVE_INFINITY, () => undefined), /never fires/);
});

test('chance is the same for the same seed, and even', () => {
  const [one, same, different] = [new SeededChance(1), new SeededChance(1), new SeededChance(2)];
  assert.match(one.id(8), /^[0-9a-f]{16}$/);
  assert.is(new SeededChance(1).id(16), new SeededChance(1).id(16));
  assert.is.not(same.id(16), different.id(16));
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const x = one.fraction();
    assert.ok(x >= 0 && x < 1);
    sum += x;
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02);
});

test('the authenticator takes its time and keeps no secret', async () => {
  const clock = new VirtualClock();
  const authenticator = new MemoryAuthenticator(clock)
    .password('alice', 'right')
    .certificate('sha256:aa', 'bob');
  assert.ok(authenticator.passwords && authenticator.certificates);
  authenticator.delay = 50;
  const answers: boolean[] = [];
  for (const [identity, secret] of [
    ['alice', 'right'],
    ['alice', 'wrong'],
    ['nobody', 'right'],
  ] as const) {
    void authenticator.verify(identity, secret, '192.0.2.7').then((good) => answers.push(good));
  }
  await clock.elapse(49);
  assert.equal(answers, []);
  await clock.elapse(1);
  assert.equal(answers, [true, false, false]);
  assert.not.match(JSON.stringify(authenticator.asked), /right|wrong/);
  const shown = {
    fingerprint: 'sha256:aa',
    publicKey: 'spki-sha256:aa',
    commonName: 'x',
    authorized: false,
    validTo: '',
  };
  assert.is(authenticator.identify(shown), 'bob');
  assert.is(authenticator.identify({ ...shown, fingerprint: 'sha256:bb' }), undefined);
});

test('secrets are kept unless that fails', () => {
  const store = new MemorySecretStore();
  store.put('secret:1', 'x');
  store.fault = new Error('disk full');
  assert.throws(() => store.put('secret:2', 'y'), /disk full/);
  assert.equal(store.refs(), ['secret:1']);
  assert.is(store.get('secret:1'), 'x');
  store.drop('secret:1');
  store.drop('secret:1');
  assert.is(store.get('secret:1'), undefined);
});

test('diagnostics are collected', () => {
  const diagnostics = new MemoryDiagnostics();
  diagnostics.info({ a: 1 }, 'one');
  diagnostics.warn({}, 'two');
  diagnostics.error({}, 'three');
  assert.equal(diagnostics.entries[0], { level: 'info', fields: { a: 1 }, message: 'one' });
  assert.equal(diagnostics.messages('warn'), ['two']);
  assert.equal(diagnostics.messages('error'), ['three']);
});

test.run();
