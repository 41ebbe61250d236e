/** Random traffic through random Handlers: every counter adds up exactly, and frames keep their order. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RX_REASONS, TX_REASONS } from '../../../actors/packet-path/counters.ts';
import { OFFLOAD, writeHeader } from '../../../machines/frames/records.ts';
import {
  A,
  B,
  BROADCAST,
  C,
  type HandlerPair,
  LAN,
  MULTICAST,
  type Place,
  place,
  Rig,
  total,
} from './rig.ts';
import { frameRecord, HandDevice } from './twins.ts';

const test = suite('packet path: flood');

const address = fc.constantFrom(A, B, C, LAN, BROADCAST, MULTICAST, '01:80:c2:00:00:02');
const bytes = fc.oneof(fc.integer({ min: 14, max: 1_540 }), fc.constant(60), fc.constant(20_000));

const plain = fc.tuple(address, address, bytes).map(([to, from, size]) => frameRecord(to, from, size));

/** OFFLOAD with any virtio header: most are refused, those of all zeros are not. */
const offloaded = fc
  .tuple(plain, fc.oneof(fc.constant(new Uint8Array(12)), fc.uint8Array({ minLength: 12, maxLength: 12 })))
  .map(([record, header]) => {
    const out = Buffer.alloc(record.length + 12);
    writeHeader(out, 0, OFFLOAD, record.length - 4 + 12);
    out.set(header, 4);
    record.copy(out, 16, 4);
    return out;
  });

const records = fc.array(fc.oneof({ weight: 4, arbitrary: plain }, offloaded), {
  minLength: 1,
  maxLength: 30,
  size: 'max',
});
const plainRecords = fc.array(plain, { minLength: 1, maxLength: 30, size: 'max' });

type Step =
  | { readonly do: 'read'; readonly at: number; readonly records: readonly Buffer[] }
  | { readonly do: 'hostile'; readonly at: number; readonly records: readonly Buffer[] }
  | { readonly do: 'pump'; readonly at: number; readonly most: number; readonly chunk: number }
  | { readonly do: 'cut' | 'again' | 'announce'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number };

const at = fc.nat({ max: 50 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), at, records }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hostile' as const), at, records: plainRecords }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pump' as const),
      at,
      most: fc.integer({ min: 1, max: 200_000 }),
      chunk: fc.integer({ min: 1, max: 70_000 }),
    }),
  },
  fc.record({ do: fc.constantFrom('cut' as const, 'again' as const, 'announce' as const), at }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 300 }) }),
);

interface World {
  readonly rig: Rig;
  readonly places: readonly Place[];
  readonly handlers: { pair: HandlerPair; near: Place; far: Place; offload: boolean }[];
}

/** A tree: where Handlers make a ring, broadcasts go round for ever, as on any Ethernet. */
function world(takesOffload: boolean, caps: boolean): World {
  const rig = new Rig();
  const places = [
    place(new HandDevice(), rig.clock),
    place(new HandDevice(1500, takesOffload), rig.clock),
    place(new HandDevice(1400, true, true)),
    place(new HandDevice(1500, takesOffload)),
    place(),
  ];
  for (const [index, { device }] of places.entries()) {
    const verdicts = [
      'written',
      'written',
      'written',
      'queueFull',
      'refused',
      'tooLong',
      'badOffload',
    ] as const;
    device.verdict = (record, count) =>
      index === 3 ? verdicts[(count + record.length) % verdicts.length]! : 'written';
  }
  const [p, q, r, s, t] = places as [Place, Place, Place, Place, Place];
  const limits = caps ? { rate: 400_000, bcastRate: 20 } : {};
  const make = (near: Place, role: 'HOST' | 'BRIDGE', far: Place, macs: string[], offload: boolean) => ({
    pair: rig.handler(near, role, far, macs, { offload, ...limits }),
    near,
    far,
    offload,
  });
  const handlers = [
    make(p, 'HOST', q, [A], true),
    make(p, 'HOST', q, [B], false),
    make(r, 'HOST', q, [C], true),
    make(q, 'BRIDGE', s, ['*'], true),
    make(r, 'BRIDGE', t, ['*'], false),
  ];
  return { rig, places, handlers };
}

function run({ rig, places, handlers }: World, step: Step): void {
  const pick = <T>(list: readonly T[], index: number): T => list[index % list.length]!;
  switch (step.do) {
    case 'read': {
      const { device } = pick(places, step.at);
      if (!device.paused) device.read(...step.records);
      return;
    }
    case 'hostile':
      pick(rig.links, step.at).write(Buffer.concat(step.records));
      return;
    case 'pump':
      pick(rig.links, step.at).pump(step.most, step.chunk);
      return;
    case 'wait':
      rig.clock.advance(step.ms);
      return;
    case 'announce':
      pick(handlers, step.at).pair.far.path.announce();
      return;
    case 'cut': {
      const { near, far } = pick(handlers, step.at).pair;
      near.path.disconnect();
      far.path.disconnect();
      near.wire.destroy();
      far.wire.destroy();
      return;
    }
    case 'again': {
      const handler = pick(handlers, step.at);
      const { pair, near, far, offload } = handler;
      pair.near.wire.destroy();
      pair.far.wire.destroy();
      handler.pair = rig.wire(pair.near.path, near, pair.far.path, far, offload);
    }
  }
}

function checkSums({ places, handlers }: World): void {
  for (const { pair } of handlers) {
    for (const { path } of [pair.near, pair.far]) {
      const counters = path.counters();
      assert.equal(Object.keys(counters.txDropped), [...TX_REASONS]);
      assert.equal(Object.keys(counters.rxDropped), [...RX_REASONS]);
      assert.is(counters.txSeen, counters.txFrames + total(counters.txDropped));
      assert.is(counters.rxSeen, counters.rxFrames + total(counters.rxDropped));
      assert.ok(counters.txBytes >= 14 * counters.txFrames && counters.rxBytes >= 14 * counters.rxFrames);
    }
  }
  for (const { segment, device } of places) {
    const { read, carried, lost, unwanted, ...write } = segment.counters();
    assert.is(read, carried + lost + unwanted);
    assert.ok(carried >= 0 && lost >= 0 && unwanted >= 0);
    assert.is(write.toDevice, write.written + write.queueFull + write.refused + write.badOffload);
    assert.is(write.written, device.wrote.length);
    assert.is(
      write.writtenBytes,
      device.wrote.reduce((sum, record) => sum + record.length - (record[0] === OFFLOAD ? 16 : 4), 0),
    );
  }
}

test('the sums are exact whatever happens', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.boolean(),
      fc.array(step, { maxLength: 60, size: 'max' }),
      (takesOffload, caps, steps) => {
        const all = world(takesOffload, caps);
        for (const one of steps) run(all, one);
        checkSums(all);
        all.rig.settle();
        checkSums(all);
        for (const { device } of all.places) assert.is(device.held, 0, 'a batch was not released');
      },
    ),
    { numRuns: 150 },
  );
});

test('without faults, what one end carried is what the other end saw, in the same order', () => {
  const traffic = fc.array(
    fc.tuple(
      fc.array(fc.tuple(address, address, bytes), { minLength: 1, maxLength: 40, size: 'max' }),
      fc.nat(90_000),
    ),
    {
      maxLength: 30,
      size: 'max',
    },
  );
  fc.assert(
    fc.property(traffic, (batches) => {
      const rig = new Rig();
      const [left, right] = [place(), place()];
      const { near, far } = rig.handler(left, 'BRIDGE', right, ['*']);
      let number = 0;
      for (const [frames, pumped] of batches) {
        const numbered = frames.map(([to, from, size]) => {
          const record = frameRecord(to, from, Math.max(size, 24));
          record.writeUInt32BE(number++, 20);
          return record;
        });
        left.device.read(...numbered);
        near.link.pump(pumped);
      }
      rig.settle();
      const tx = near.path.counters();
      const rx = far.path.counters();
      assert.is(tx.txSeen, number);
      assert.is(tx.txFrames, rx.rxSeen);
      assert.equal([rx.rxFrames, rx.rxBytes], [tx.txFrames, tx.txBytes]);
      const order = right.device.wrote.map((record) => record.readUInt32BE(20));
      assert.is(order.length, rx.rxFrames);
      assert.equal(
        order,
        [...order].sort((a, b) => a - b),
      );
    }),
    { numRuns: 100 },
  );
});

test.run();
