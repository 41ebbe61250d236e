/** How long the frames of a wire of our own are known after it is over. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OwnWires } from '../../../actors/packet-path/own-wires.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import type { Link } from '../../../io/ports.ts';

const test = suite('packet path: own wires');

const linkOf = (port: number) =>
  ({
    connection: {
      localAddress: Uint8Array.of(10, 0, 0, 1),
      localPort: port,
      remoteAddress: Uint8Array.of(10, 0, 0, 2),
      remotePort: 7411,
    },
  }) as Link;

/** An Ethernet frame of IPv4 and TCP from that port. */
function frameFrom(port: number): Buffer {
  const frame = Buffer.alloc(60);
  frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 12);
  frame.writeUInt16BE(port, 34);
  frame.writeUInt16BE(7411, 36);
  return frame;
}

test('what the kernel still sends of a wire that is over is known for two minutes, and no longer than the next wire', () => {
  const clock = new VirtualClock();
  const wires = new OwnWires(clock);
  const has = (port: number) => wires.has(frameFrom(port), 0, 60);
  assert.not(has(40_000));
  const over = wires.add(linkOf(40_000));
  assert.ok(has(40_000));
  over();
  clock.advance(119_000);
  wires.add(linkOf(40_001));
  assert.ok(has(40_000), 'it may send again what was lost');
  clock.advance(2_000);
  wires.add(linkOf(40_002));
  assert.equal([40_000, 40_001, 40_002].map(has), [false, true, true]);
});

test('a wire with the ports of one that is over stays known when that is forgotten', () => {
  const clock = new VirtualClock();
  const wires = new OwnWires(clock);
  wires.add(linkOf(40_000))();
  clock.advance(60_000);
  wires.add(linkOf(40_000));
  clock.advance(61_000);
  wires.add(linkOf(40_001));
  assert.ok(wires.has(frameFrom(40_000), 0, 60));
});

test.run();
