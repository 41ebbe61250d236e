/** What those hear who look at single frames: who captures a device, and who asks for drops. */
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

test('drops of a wire that is behind and of a device that is full are told one by one', () => {
  const { rig, at, watch, paths } = watched(['BRIDGE', false]);
  const far = place();
  const { near, far: other } = rig.wire(paths[0]!, at, rig.path(far, 'BRIDGE', ['*']), far, true);
  for (let batches = 0; batches < 10; batches++) {
    at.device.read(...Array.from({ length: 40 }, () => frameRecord(B, A, 1500)));
  }
  const behind = near.path.counters().txDropped['queue-full'];
  assert.ok(behind > 0);
  // A second has room for 100 of one Handler.
  rig.clock.advance(1_000);
  at.device.verdict = (_, index) => (index < 2 ? 'written' : 'queueFull');
  other.link.write(Buffer.concat([1, 2, 3, 4, 5].map((fill) => frameRecord(A, B, 60, fill))));
  rig.settle();
  assert.is(near.path.counters().rxDropped['queue-full'], 3);
  const { drops, missed } = watch.drops();
  assert.ok(behind > 100);
  assert.equal([drops.length, missed], [103, behind - 100]);
  assert.equal(
    drops.filter(({ direction }) => direction === 'rx').map(({ head }) => head[20]),
    [3, 4, 5],
  );
  paths[0]!.close();
  assert.is(watch.drops().missed, missed, 'those of a Handler that is gone are not forgotten');
});

test.run();
