/** The packet path over the in-memory twins of devices and links: virtual time, latency, a cut, bytes that are poisoned. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Segment } from '../../../actors/packet-path/segment.ts';
import { Wire } from '../../../actors/packet-path/wire.ts';
import { SeededChance } from '../../../io/memory/chance.ts';
import { MemoryHub } from '../../../io/memory/hub.ts';
import { memoryLinkPair } from '../../../io/memory/link.ts';
import type { Clock } from '../../../io/ports.ts';
import { type Heard, listener, Rig, total } from './rig.ts';

const test = suite('packet path: over the in-memory twins');

function station(clock: Clock) {
  const hub = new MemoryHub(clock);
  const outside = hub.attach();
  const heard: string[] = [];
  outside.start({
    frames: (batch) => {
      for (let at = 0; at < batch.end; at += 4 + batch.buffer.readUIntBE(at + 1, 3)) {
        heard.push(batch.buffer.toString('latin1', at + 18, at + 26));
      }
    },
    gone: () => {},
  });
  const segment = new Segment(hub.attach({ takesOffload: true }), { gone: () => {} }, clock);
  return { hub, outside, heard, segment };
}

function frame(text: string, bytes: number): Buffer {
  const out = Buffer.alloc(bytes, 0x20);
  out.write('52540000000b52540000000a88b5', 'hex');
  out.write(text.padEnd(8), 14, 'latin1');
  return out;
}

test('everything arrives, in order, whatever the reads are and however long the way', () => {
  const sizes = fc.array(fc.integer({ min: 60, max: 1_514 }), { minLength: 1, maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(sizes, fc.integer(), fc.nat(40), (bytes, seed, latency) => {
      const rig = new Rig();
      const { clock } = rig;
      const chance = new SeededChance(seed);
      const [left, right] = [station(clock), station(clock)];
      const near = rig.path(left, 'BRIDGE', ['*']);
      const far = rig.path(right, 'BRIDGE', ['*']);
      const { a, b, wire: cable } = memoryLinkPair(clock);
      cable.latency = latency;
      for (const link of [a, b]) link.readSize = () => 1 + Math.floor(chance.fraction() * 3_000);
      const heard: Heard[] = [listener(), listener()];
      const terms = { offload: true, farMtu: 1_500 };
      const wires = [a, b].map((link, i) => {
        const wire = new Wire(link, clock, heard[i]!.told, { offload: true, initiator: i === 0 });
        (i === 0 ? near : far).connect(wire, terms);
        wire.start(new Uint8Array(0));
        return wire;
      });
      const names = bytes.map((_, i) => String(i).padEnd(8));
      for (const [i, size] of bytes.entries()) left.outside.send([frame(names[i]!, size)]);
      clock.advance(4_000);
      assert.equal(right.heard, names);
      assert.is(Math.round((wires[0]!.rttMicros ?? 0) / 1_000), 2 * latency);
      cable.cut();
      left.outside.send([frame('lost', 60)]);
      clock.advance(20_000);
      assert.equal(
        heard.map(({ events }) => events),
        [
          ['firstRecord', 'broken: silent for 15 s'],
          ['firstRecord', 'broken: silent for 15 s'],
        ],
      );
      left.outside.send([frame('later', 60)]);
      clock.advance(1);
      for (const path of [near, far]) {
        const { txSeen, txFrames, txDropped, rxSeen, rxFrames, rxDropped } = path.counters();
        assert.is(txSeen, txFrames + total(txDropped));
        assert.is(rxSeen, rxFrames + total(rxDropped));
      }
      assert.is(near.counters().txDropped['no-carrier'], 1);
      assert.equal(right.heard, names);
    }),
    { numRuns: 40 },
  );
});

test.run();
