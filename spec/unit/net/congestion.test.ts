/** Which congestion control a server's wires get: what was asked for, what the kernel has, how long the way is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Congestion, decideCongestion, WireCongestion } from '../../../io/net/congestion.ts';
import { congestionFor } from '../../../io/net/kernel-sockets.ts';

const test = suite('congestion control');
const LONG = 5_000;

const failing = (code: string) => () => {
  throw Object.assign(new Error(`TCP_CONGESTION: ${code}`), { code });
};

test('nothing asked for: BBR on long ways, where there is one', () => {
  const probed: string[] = [];
  const has = (name: string) => void probed.push(name);
  assert.equal(decideCongestion(undefined, LONG, has), { name: 'bbr', fromMicros: LONG });
  assert.equal(probed, ['bbr']);
});

test('nothing asked for, and no BBR: the kernel keeps its own, and it is said why', () => {
  for (const [code, words] of [
    ['ENOENT', /no congestion control "bbr".*modprobe tcp_bbr/],
    ['EPERM', /CAP_NET_ADMIN.*tcp_allowed_congestion_control/],
  ] as const) {
    const found = decideCongestion(undefined, LONG, failing(code));
    assert.is(found.name, undefined);
    assert.match(found.lacking ?? '', words);
  }
});

test('default asks the kernel for nothing', () => {
  assert.equal(decideCongestion('default', LONG, failing('ENOENT')), { name: undefined, fromMicros: 0 });
});

test('a name is for every way, and refused with a word when it cannot be had', () => {
  assert.equal(
    decideCongestion('reno', LONG, () => {}),
    { name: 'reno', fromMicros: 0 },
  );
  assert.throws(() => decideCongestion('vegas', LONG, failing('ENOENT')), /modprobe tcp_vegas/);
  assert.throws(() => decideCongestion('vegas', LONG, failing('EPERM')), /is not allowed to this process/);
  assert.throws(() => decideCongestion('vegas', LONG, failing('EMFILE')), /cannot be had: .*EMFILE/);
  for (const wrong of ['', 'sixteen-letters!']) {
    assert.throws(() => decideCongestion(wrong, LONG, () => {}), /no congestion control/);
  }
});

test('this kernel knows of reno, and of no nonsense', () => {
  assert.equal(congestionFor('reno', LONG), { name: 'reno', fromMicros: 0 });
  assert.throws(() => congestionFor('nonsense', LONG), /no congestion control "nonsense"/);
});

function wire(wanted: Congestion, refuse = false) {
  const seen = { now: 'cubic', sets: 0, refused: 0 };
  const port = {
    get: () => seen.now,
    set: (name: string) => {
      seen.sets++;
      if (refuse) throw new Error('EPERM');
      seen.now = name;
    },
  };
  return { seen, congestion: new WireCongestion(wanted, port, () => seen.refused++) };
}

test('a wire changes once when its way is long, and back when that was a mistake', () => {
  const { seen, congestion } = wire({ name: 'bbr', fromMicros: LONG });
  congestion.suit(4_999);
  assert.is(seen.now, 'cubic');
  congestion.suit(5_000);
  congestion.suit(30_000);
  congestion.suit(2_500);
  assert.equal(seen, { now: 'bbr', sets: 1, refused: 0 });
  congestion.suit(2_499);
  assert.equal(seen, { now: 'cubic', sets: 2, refused: 0 });
  congestion.suit(5_000);
  assert.is(seen.now, 'bbr');
});

test('a name that was asked for is for a way of no length, too', () => {
  const { seen, congestion } = wire({ name: 'reno', fromMicros: 0 });
  congestion.suit(20);
  congestion.suit(0);
  assert.equal(seen, { now: 'reno', sets: 1, refused: 0 });
});

test('nothing asked for changes nothing; what is refused is not asked for again', () => {
  const own = wire({ name: undefined, fromMicros: 0 });
  own.congestion.suit(100_000);
  assert.is(own.seen.sets, 0);
  const refused = wire({ name: 'bbr', fromMicros: LONG }, true);
  for (let i = 0; i < 3; i++) refused.congestion.suit(100_000);
  assert.equal(refused.seen, { now: 'cubic', sets: 1, refused: 1 });
});

test.run();
