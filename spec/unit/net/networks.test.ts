/** Addresses as keys for limits. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { networkOf } from '../../../actors/session/addresses.ts';
import { RateLimited } from '../../../actors/session/rate-limited.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';

const test = suite('networks');

test('an IPv6 address counts for its /64, any other for itself', () => {
  for (const [address, network] of [
    ['203.0.113.9', '203.0.113.9'],
    ['unix', 'unix'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:7:a:b:c:d', '2001:db8:0:7::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ] as const) {
    assert.is(networkOf(address), network);
  }
});

test('whatever form an address is written in', () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(
    fc.property(groups, (all) => {
      const long = all.map((group) => group.toString(16).padStart(4, '0')).join(':');
      const short = new URL(`tcp://[${long}]`).hostname.slice(1, -1);
      assert.is(networkOf(short), networkOf(long));
      assert.is(
        networkOf(short),
        `${all
          .slice(0, 4)
          .map((group) => group.toString(16))
          .join(':')}::/64`,
      );
    }),
  );
});

test('what happens in floods is told at once, and then now and then with its number', async () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  const repeated = new RateLimited(clock, (count, last) => told.push(`${count} ${last}`));
  for (const what of ['a', 'b', 'c']) repeated.happened(what);
  assert.equal(told, ['1 a']);
  await clock.elapse(10_000);
  assert.equal(told, ['1 a', '2 c']);
  await clock.elapse(100_000);
  repeated.happened('d');
  assert.is(told.at(-1), '1 d');
});

test.run();
