/**
 * Interfaces that cannot be captured to any use. Few kernels have all of these kinds: what the kernel says of them is made
 * here, and read by the addon.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon, type NativeLink } from '../../../io/device/addon.ts';
import { kindOf, unfitness } from '../../../io/device/fitness.ts';

const test = suite('fitness');

/** struct rtattr (linux/rtnetlink.h). */
function attribute(type: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

interface Made {
  readonly index: number;
  readonly name: string;
  readonly kind?: string;
  /** ARPHRD_…; Ethernet when left out. */
  readonly type?: number;
  readonly lower?: number;
  readonly lowerElsewhere?: boolean;
  /** Of a macvlan or macvtap. */
  readonly mode?: number;
}

/** RTM_NEWLINK, as rtnetlink(7) has it, for one interface each; numbers in the order of this machine. */
function links(...made: readonly Made[]): ReadonlyMap<number, NativeLink> {
  const messages = made.map(({ index, name, kind, type = 1, lower, lowerElsewhere, mode }) => {
    const data = mode === undefined ? [] : [attribute(2, attribute(1, u32(mode)))];
    const attributes = Buffer.concat([
      attribute(3, Buffer.from(`${name}\0`)),
      ...(lower === undefined ? [] : [attribute(5, u32(lower))]),
      ...(lowerElsewhere ? [attribute(37, u32(0))] : []),
      ...(kind === undefined ? [] : [attribute(18, attribute(1, Buffer.from(`${kind}\0`)), ...data)]),
    ]);
    const head = Buffer.alloc(32);
    head.writeUInt32LE(32 + attributes.length, 0);
    head.writeUInt16LE(16, 4);
    head.writeUInt16LE(type, 18);
    head.writeInt32LE(index, 20);
    return Buffer.concat([head, attributes]);
  });
  const read = addon().readLinks(Buffer.concat(messages));
  return new Map(read.map((link) => [link.ifindex, link]));
}

const why = (...made: readonly Made[]): string | undefined => {
  const all = links({ index: 2, name: 'eth9' }, ...made);
  return unfitness(all.get(made[0]!.index)!, all);
};

test('the kernel has the word for the kind', () => {
  for (const kind of ['macvlan', 'macvtap', 'ipvlan', 'vxlan', 'bond', 'dummy', 'vlan', 'gretap', 'team']) {
    const [link] = links({ index: 7, name: 'x0', kind }).values();
    assert.is(kindOf(link!), kind);
  }
  assert.is(kindOf(links({ index: 7, name: 'x0' }).get(7)!), 'nic');
  assert.is(kindOf(links({ index: 7, name: 'x0', type: 280 }).get(7)!), 'other');
});

test('macvlan and macvtap give a VM nothing but in mode passthru', () => {
  for (const kind of ['macvlan', 'macvtap']) {
    for (const [mode, word] of [
      [1, 'private'],
      [2, 'vepa'],
      [4, 'bridge'],
      [16, 'source'],
    ] as const) {
      const text = why({ index: 7, name: 'x0', kind, lower: 2, mode }) ?? '';
      assert.match(text, `x0 is a ${kind} in mode ${word}`);
      assert.match(text, 'use eth9 itself, or one in mode passthru');
    }
    assert.is(why({ index: 7, name: 'x0', kind, lower: 2, mode: 8 }), undefined);
  }
  // In a container the interface below is another namespace's: its index means nothing here.
  const text = why({ index: 7, name: 'x0', kind: 'macvlan', lower: 2, lowerElsewhere: true, mode: 4 });
  assert.match(text ?? '', 'use the interface that it lies on itself');
});

test('ipvlan gives a VM nothing', () => {
  for (const kind of ['ipvlan', 'ipvtap']) {
    assert.match(why({ index: 7, name: 'x0', kind, lower: 2 }) ?? '', /x0 is an ipv.*use eth9 itself/);
  }
});

test('nor does what lies on one of these', () => {
  const macvlan: Made = { index: 8, name: 'mv0', kind: 'macvlan', lower: 2, mode: 4 };
  assert.match(
    why({ index: 7, name: 'x0', kind: 'vlan', lower: 8 }, macvlan) ?? '',
    'x0 lies on mv0, and mv0 is a macvlan in mode bridge',
  );
  assert.is(why({ index: 7, name: 'x0', kind: 'vlan', lower: 2 }), undefined);
  // The other end of a cable and the way of a tunnel stand in the same place.
  assert.is(why({ index: 7, name: 'x0', kind: 'veth', lower: 8 }, macvlan), undefined);
  assert.is(why({ index: 7, name: 'x0', kind: 'vxlan', lower: 8 }, macvlan), undefined);
  assert.is(why({ index: 7, name: 'x0', kind: 'vlan', lower: 7 }), undefined);
});

test('what carries no Ethernet is of no use', () => {
  for (const [kind, type] of [
    ['gre', 778],
    ['ppp', 512],
    ['wireguard', 65_534],
    ['tun', 65_534],
    ['vrf', 1],
  ] as const) {
    assert.is(
      why({ index: 7, name: 'x0', kind, type }),
      `x0 carries no Ethernet frames (it is a ${kind})`,
      kind,
    );
  }
  for (const kind of ['vxlan', 'gretap', 'bond', 'dummy', 'bridge', 'veth', 'team', undefined]) {
    assert.is(why({ index: 7, name: 'x0', ...(kind === undefined ? {} : { kind }) }), undefined, kind);
  }
});

test.run();
