/** When a flow is let go to another wire: never on the word of a PING that went ahead of its frames. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GAP_MS } from '../../../actors/packet-path/flow-table.ts';
import { Outbox } from '../../../actors/packet-path/outbox.ts';
import { type OpenWire, Spread } from '../../../actors/packet-path/spread.ts';
import { A, B, C, LAN } from './rig.ts';
import { frameRecord, linkPair } from './twins.ts';

const test = suite('packet path: spread');
const NANOS_PER_MS = 1e6;

/** A clock on which no two looks see the same moment, as on a real one. */
function handClock() {
  let nanos = 0;
  return {
    pass: (milliseconds: number) => {
      nanos += milliseconds * NANOS_PER_MS;
    },
    wall: () => '',
    now: () => 0,
    mono: () => ++nanos,
    after: () => ({ cancel: () => undefined }),
  };
}

/** Two wires whose PINGs are answered at once. */
function twoWires(begin = 2) {
  const clock = handClock();
  const spread = new Spread(clock);
  const wires = [0, 1].map((number) => {
    const [link] = linkPair();
    const wire = {
      number,
      outbox: new Outbox(link),
      wayMicros: 0,
      arrivedUntil: Number.NEGATIVE_INFINITY,
      pings: 0,
      ping: () => {
        wire.pings++;
        wire.arrivedUntil = clock.mono();
      },
    } satisfies OpenWire & { pings: number };
    return wire;
  });
  spread.open = wires.slice(0, begin);
  const openAll = () => {
    spread.open = wires;
  };
  const wireOf = (record: Buffer) => {
    const taken = spread.outboxFor(record, 0, record.length);
    return wires.find(({ outbox }) => outbox === taken)?.number;
  };
  return { clock, wires, wireOf, openAll };
}

const FLOW = frameRecord(B, LAN);

test('a flow whose last frame a PING went ahead of keeps its wire, and has another once one behind it is answered', () => {
  const { clock, wires, wireOf } = twoWires();
  assert.is(wireOf(frameRecord(A, LAN)), 0);
  assert.is(wireOf(FLOW), 1);
  clock.pass(300);
  // Loads are counted now, which sends a PING, and the frame goes behind that.
  assert.is(wireOf(FLOW), 1);
  assert.is(wires[1]!.pings, 1);
  clock.pass(GAP_MS + 1);
  assert.is(wireOf(FLOW), 1, 'that frame may still be under way');
  wires[1]!.ping();
  clock.pass(GAP_MS + 1);
  assert.is(wireOf(FLOW), 0);
  assert.is(wireOf(frameRecord(C, LAN)), 1, 'the wire that it left is free');
});

test('a flow that went over the only wire keeps that when another comes, until what it sent has arrived', () => {
  const { clock, wires, wireOf, openAll } = twoWires(1);
  assert.is(wireOf(FLOW), 0);
  clock.pass(10 * GAP_MS);
  openAll();
  // Nobody knows which flows there were: all of them keep it, also where the other one has fewer.
  assert.is(wireOf(frameRecord(A, LAN)), 0);
  assert.is(wireOf(FLOW), 0);
  clock.pass(GAP_MS + 1);
  assert.is(wireOf(FLOW), 0);
  clock.pass(1);
  wires[0]!.ping();
  clock.pass(GAP_MS + 1);
  assert.is(wireOf(frameRecord(A, LAN)), 0);
  assert.is(wireOf(FLOW), 1);
});

test.run();
