/** Who captures a device hears of each frame on it once for each Handler that answers for it, and once where none does. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Capturer, FrameWatch } from '../../../actors/packet-path/frame-watch.ts';
import { HandlerPath } from '../../../actors/packet-path/path.ts';
import type { Link } from '../../../io/ports.ts';
import type { Connection } from '../../../machines/frames/connections.ts';
import type { Role } from '../../../machines/protocol/types.ts';
import { A, B, LAN, OPTIONS, place, Rig } from './rig.ts';
import { frameRecord } from './twins.ts';

const test = suite('packet path: frame watch');

const LLDP = '01:80:c2:00:00:0e';

class Notes implements Capturer {
  readonly lines: string[] = [];

  frame(...[handler, direction, verdict]: Parameters<Capturer['frame']>): void {
    this.lines.push(`${handler ?? '-'} ${direction} ${verdict}`);
  }
}

/** Handlers on one device without a wire, all watched. */
function watched(...handlers: (readonly [role: Role, l2cp: boolean])[]) {
  const rig = new Rig();
  const at = place();
  const watch = new FrameWatch(rig.clock);
  const paths = handlers.map(([role, l2cp], number) => {
    const handler = `h${number}`;
    const observer = watch.observer(handler, 'me', at.segment);
    const macs = role === 'BRIDGE' ? ['*'] : [A];
    const config = { role, multicast: true };
    return new HandlerPath(
      at.segment,
      { handler, config, macs, options: { ...OPTIONS, l2cp }, ownWires: rig.ownWires, observer },
      rig.clock,
    );
  });
  const onDevice = new Notes();
  watch.capture(onDevice, { segment: at.segment });
  return { rig, at, watch, paths, onDevice };
}

/** An IPv4 TCP frame of this connection. */
function frameOf({ localAddress, localPort, remoteAddress, remotePort }: Connection): Buffer {
  const record = frameRecord(A, B, 60);
  const frame = record.length - 60;
  record.writeUInt16BE(0x0800, frame + 12);
  record[frame + 14] = 0x45;
  record.writeUInt16BE(46, frame + 16);
  record.fill(0, frame + 18, frame + 26);
  record[frame + 23] = 6;
  record.set(localAddress, frame + 26);
  record.set(remoteAddress, frame + 30);
  record.writeUInt16BE(localPort, frame + 34);
  record.writeUInt16BE(remotePort, frame + 36);
  return record;
}

test('a frame that a Handler does not carry by its kind is told of once, by that Handler', () => {
  const { rig, at, onDevice } = watched(['BRIDGE', false], ['HOST', false]);
  const connection: Connection = {
    localAddress: Uint8Array.of(10, 0, 0, 1),
    localPort: 7411,
    remoteAddress: Uint8Array.of(10, 0, 0, 2),
    remotePort: 40_000,
  };
  rig.ownWires.add({ connection } as Link);
  at.device.read(frameRecord(LLDP, LAN), frameOf(connection));
  assert.equal(onDevice.lines.sort(), ['h0 tx l2cp', 'h0 tx own-wire']);
  // Nothing was to cross, so that nothing is lost.
  const { read, carried, lost, unwanted } = at.segment.counters();
  assert.equal({ read, carried, lost, unwanted }, { read: 2, carried: 0, lost: 0, unwanted: 2 });
});

test('one that another Handler would have carried is lost all the same', () => {
  for (const first of [false, true]) {
    const { at, onDevice } = watched(['BRIDGE', first], ['BRIDGE', !first]);
    at.device.read(frameRecord(LLDP, LAN));
    assert.equal(onDevice.lines.map((line) => line.slice(3)).sort(), ['tx l2cp', 'tx no-carrier']);
    const { lost, unwanted } = at.segment.counters();
    assert.equal({ lost, unwanted }, { lost: 1, unwanted: 0 });
  }
});

test('one that no Handler asks for is told of once, by none', () => {
  const { at, onDevice, watch, paths } = watched(['HOST', false], ['HOST', false]);
  at.device.read(frameRecord(B, LAN));
  assert.equal(onDevice.lines, ['- tx unselected']);
  watch.release(onDevice);
  at.device.read(frameRecord(B, LAN));
  assert.is(onDevice.lines.length, 1);
  for (const path of paths) path.close();
});

test.run();
