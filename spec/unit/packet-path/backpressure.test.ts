/** Slow and frozen wires: when the device is held, what is dropped, how much is ever kept. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameWatch } from '../../../actors/packet-path/frame-watch.ts';
import { HandlerPath } from '../../../actors/packet-path/path.ts';
import { encodePing, PING, PONG, recordEnd } from '../../../machines/frames/records.ts';
import { A, B, BROADCAST, LAN, OPTIONS, place, Rig, total } from './rig.ts';
import { frameRecord, HandDevice, settle } from './twins.ts';

const test = suite('packet path: backpressure');

/** What may stand in the socket (its high-water mark and one batch) and in the outbox. */
const HIGH_WATER = 65_536;
const HELD = 256 * 1024;
/** On a slow wire, where one flow has it for itself. */
const QUEUED = 250_000;

const batch = (to: string, from: string) => Array.from({ length: 40 }, () => frameRecord(to, from, 1500));
const BATCH_BYTES = 40 * 1504;

test('one Handler: the device is held when its wire is behind, read on when that has drained, nothing is lost', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right);
  let batches = 0;
  for (; !left.device.paused; batches++) left.device.read(...batch(B, A));
  assert.ok(batches <= 2);
  assert.ok(near.link.mostUnsent <= HIGH_WATER + BATCH_BYTES);
  // Batches that the device had read already when it was told to pause.
  left.device.read(...batch(B, A));
  left.device.read(...batch(B, A));
  assert.ok(near.link.mostUnsent <= HIGH_WATER + BATCH_BYTES);
  rig.settle();
  assert.not(left.device.paused);
  assert.is(right.device.wrote.length, 40 * (batches + 2));
  assert.is(near.path.counters().txDropped['queue-full'], 0);
  assert.is(left.device.held, 0);
});

test('many small batches do not keep many read buffers of the device', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  rig.handler(left, 'BRIDGE', right);
  let most = 0;
  for (let i = 0; i < 1_000; i++) {
    left.device.read(frameRecord(B, A));
    most = Math.max(most, left.device.held);
  }
  assert.ok(most <= 4, `${most} kept`);
  assert.ok(left.device.paused);
  rig.settle();
  assert.is(right.device.wrote.length, 1_000);
  assert.not(left.device.paused);
});

test('a frozen wire stalls no other Handler; it loses what does not fit, and keeps no more than its bound', () => {
  const rig = new Rig();
  const [host, proxyA, proxyB] = [place(), place(), place()];
  const frozen = rig.handler(host, 'HOST', proxyA, [A]);
  const good = rig.handler(host, 'HOST', proxyB, [B]);
  for (let i = 0; i < 100; i++) {
    host.device.read(...batch(LAN, A), ...batch(LAN, B));
    settle(good.near.link, good.far.link);
    assert.not(host.device.paused);
  }
  assert.is(proxyB.device.wrote.length, 4_000);
  assert.is(total(good.near.path.counters().txDropped), good.near.path.counters().txDropped.filtered);
  const { txFrames, txDropped } = frozen.near.path.counters();
  assert.is(txFrames + txDropped['queue-full'], 4_000);
  assert.ok(txFrames * 1504 <= HIGH_WATER + BATCH_BYTES + HELD);
  assert.ok(txFrames * 1504 > HELD);
  assert.ok(frozen.near.link.mostUnsent <= HIGH_WATER + BATCH_BYTES);
  rig.settle();
  assert.is(proxyA.device.wrote.length, txFrames);
});

test('a wire that is behind for a moment is waited for, a slow one once a second for 2 ms', () => {
  const rig = new Rig();
  const host = place(new HandDevice(), rig.clock);
  const [proxyA, proxyB] = [place(), place()];
  const bulk = rig.handler(host, 'HOST', proxyA, [A]);
  rig.handler(host, 'HOST', proxyB, [B]);
  rig.settle();
  const fill = () => {
    while (!host.device.paused) host.device.read(...batch(LAN, A));
  };
  for (let i = 0; i < 50; i++) {
    fill();
    rig.clock.advance(1);
    assert.ok(host.device.paused);
    settle(bulk.near.link);
    assert.not(host.device.paused);
  }
  assert.is(bulk.near.path.counters().txDropped['queue-full'], 0);
  fill();
  rig.clock.advance(2);
  assert.not(host.device.paused, 'no longer than 2 ms');
  for (let i = 0; i < 20; i++) host.device.read(...batch(LAN, A));
  settle(bulk.near.link);
  for (let i = 0; i < 20; i++) host.device.read(...batch(LAN, A));
  assert.not(host.device.paused, 'not again so soon');
  assert.ok(bulk.near.path.counters().txDropped['queue-full'] > 0);
  settle(bulk.near.link);
  rig.clock.advance(1_000);
  fill();
  settle(bulk.near.link);
  bulk.near.path.close();
  assert.not(host.device.paused);
});

test('however many wires are frozen, they keep few read buffers of their device', () => {
  const rig = new Rig();
  const host = place();
  const macs = Array.from({ length: 20 }, (_, i) => `52:54:00:00:01:${i.toString(16).padStart(2, '0')}`);
  for (const mac of macs) rig.handler(host, 'HOST', place(), [mac]);
  const good = rig.handler(host, 'HOST', place(), [A]);
  for (let i = 0; i < 20; i++) {
    for (const mac of macs) host.device.read(frameRecord(LAN, mac), frameRecord(LAN, A));
    settle(good.near.link, good.far.link);
    assert.ok(host.device.held <= 4, `${host.device.held} kept`);
  }
  assert.is(good.far.path.counters().rxFrames, 400);
  rig.settle();
  assert.is(host.segment.counters().carried, 800);
  assert.is(host.device.held, 0);
});

test('with all Handlers behind the device is held until one of them has caught up, or a new one comes', () => {
  const rig = new Rig();
  const [host, proxyA, proxyB] = [place(), place(), place()];
  const a = rig.handler(host, 'HOST', proxyA, [A]);
  const b = rig.handler(host, 'HOST', proxyB, [B]);
  while (!host.device.paused) host.device.read(...batch(LAN, A), ...batch(LAN, B));
  settle(a.near.link, a.far.link);
  assert.not(host.device.paused);
  while (!host.device.paused) host.device.read(...batch(LAN, A), ...batch(LAN, B));
  b.near.path.disconnect();
  assert.ok(host.device.paused);
  a.near.path.disconnect();
  assert.not(host.device.paused, 'without any wire frames are read, and counted no-carrier');
  host.device.read(frameRecord(LAN, A));
  assert.is(a.near.path.counters().txDropped['no-carrier'], 1);
  rig.wire(a.near.path, host, a.far.path, proxyA, true);
  while (!host.device.paused) host.device.read(...batch(LAN, A));
  rig.path(host, 'HOST', [LAN]).close();
  assert.ok(host.device.paused);
  a.near.path.close();
  assert.not(host.device.paused);
});

test('PONG goes ahead of the frames that are held', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near, far } = rig.handler(left, 'BRIDGE', right);
  rig.settle();
  const chunks: Buffer[] = [];
  near.link.other.attach({
    data: (chunk) => chunks.push(Buffer.from(chunk)),
    drain() {},
    end() {},
    closed() {},
  });
  for (let i = 0; i < 3_000; i++) left.device.read(frameRecord(B, A, 96));
  far.link.write(encodePing(PING, Buffer.alloc(8)));
  far.link.pump();
  settle(near.link);
  const all = Buffer.concat(chunks);
  let order = '';
  for (let i = 0; i < all.length; i = recordEnd(all, i)) order += all[i] === PONG ? 'P' : 'f';
  assert.is(order.length, 3_001 - near.path.counters().txDropped['queue-full']);
  assert.ok(order.indexOf('P') <= 10, `behind ${order.indexOf('P')} frames`);
});

test('frames offered by another Handler are bounded in the same way', () => {
  const rig = new Rig();
  const [hostA, hostB, proxy] = [place(), place(), place()];
  const a = rig.handler(hostA, 'HOST', proxy, [A]);
  const b = rig.handler(hostB, 'HOST', proxy, [B]);
  rig.settle();
  for (let i = 0; i < 50; i++) {
    hostA.device.read(...batch(B, A), frameRecord(BROADCAST, A));
    settle(a.near.link);
    settle(a.far.link);
  }
  assert.is(proxy.device.wrote.length, 50 * 41);
  assert.ok(b.far.link.mostUnsent <= HIGH_WATER + HELD);
  const { txFrames, txDropped } = b.far.path.counters();
  assert.is(txFrames + txDropped['queue-full'], 50 * 41);
  rig.settle();
  assert.is(hostB.device.wrote.length, txFrames);
});

test('a wire is replaced in the midst of it: the old one takes nothing more, the new one goes on', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const old = rig.handler(left, 'BRIDGE', right);
  for (let i = 0; i < 5; i++) left.device.read(...batch(B, A));
  const fresh = rig.wire(old.near.path, left, old.far.path, right, true);
  void old.near.wire.farewell('replaced');
  assert.not(left.device.paused);
  left.device.read(frameRecord(B, A));
  rig.settle();
  assert.equal(old.far.events, ['firstRecord', 'bye: replaced']);
  assert.equal(fresh.far.events, ['firstRecord']);
  // What the old wire had taken is lost with it: its far end is connected no more.
  assert.is(right.device.wrote.length, 1);
  assert.is(left.device.held, 0);
});

test('a slow wire: what is new goes before an upload, the sums are exact, and the device is held for moments only', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right);
  // 20 Mbit/s, and more waits than the link takes at once.
  Object.assign(near.link, { bytesPerMs: 2_500 });
  let reads = 0;
  for (; !left.device.paused; reads++) left.device.read(...batch(B, A));
  const { txFrames, txDropped } = near.path.counters();
  assert.is(txFrames + txDropped['queue-full'], reads * 40);
  assert.ok(txDropped['queue-full'] > 0);
  assert.ok(near.link.mostUnsent <= HIGH_WATER + 5_000, `${near.link.mostUnsent} bytes at the link`);
  assert.ok(txFrames * 1504 <= HIGH_WATER + 2 * 1504 + QUEUED, `${txFrames * 1504} bytes in all`);
  // One that has room though the upload has none.
  left.device.read(frameRecord(LAN, A, 100));
  assert.is(near.path.counters().txFrames, txFrames + 1);
  near.link.pump(HIGH_WATER);
  assert.not(left.device.paused);
  rig.settle();
  assert.is(right.device.wrote.length, txFrames + 1);
  const place100 = right.device.wrote.findIndex((record) => record.length < 200);
  assert.ok(place100 * 1504 <= HIGH_WATER + 10_000, `number ${place100} of ${txFrames}`);
  assert.is(left.device.held, 0);
});

test('a wire that is slow no more lets what waits go first', () => {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const { near } = rig.handler(left, 'BRIDGE', right);
  Object.assign(near.link, { bytesPerMs: 2_500 });
  for (let i = 0; i < 3; i++) left.device.read(...batch(B, A));
  Object.assign(near.link, { bytesPerMs: undefined });
  left.device.read(frameRecord(B, A, 200));
  rig.settle();
  assert.is(right.device.wrote.length, 121);
  assert.ok(right.device.wrote.at(-1)!.length < 300);
  assert.not(left.device.paused);
  assert.is(near.path.counters().txDropped['queue-full'], 0);
});

/** A BRIDGE with a slow wire, and what is known of its single frames. */
function slowAndWatched() {
  const rig = new Rig();
  const [left, right] = [place(), place()];
  const watch = new FrameWatch(rig.clock);
  const config = { role: 'BRIDGE', multicast: true } as const;
  const observer = watch.observer('one', 'me', left.segment);
  const options = { handler: 'one', config, macs: ['*'], options: OPTIONS, ownWires: rig.ownWires, observer };
  const path = new HandlerPath(left.segment, options, rig.clock);
  const { near } = rig.wire(path, left, rig.path(right, 'BRIDGE', ['*']), right, true);
  Object.assign(near.link, { bytesPerMs: 2_500 });
  return { left, path, watch };
}

test('what finds no room at a slow wire is told to those who ask for drops', () => {
  const { left, path, watch } = slowAndWatched();
  while (!left.device.paused) left.device.read(...batch(B, A));
  const dropped = path.counters().txDropped['queue-full'];
  const { drops, missed } = watch.drops();
  assert.ok(dropped > 0);
  assert.is(drops.length + missed, dropped);
  assert.equal([...new Set(drops.map(({ reason }) => reason))], ['queue-full']);
});

test('TRACE? of a slow wire tells whether a frame of its flow finds room', () => {
  const { left, path } = slowAndWatched();
  while (!left.device.paused) left.device.read(...batch(B, A));
  const counted = path.counters();
  assert.is(path.trace('tx', frameRecord(B, A, 1500)), 'queue-full');
  assert.is(path.trace('tx', frameRecord(LAN, A, 100)), 'carried');
  assert.equal(path.counters(), counted);
  assert.ok(left.device.paused);
});

test.run();
