/** One wire: PING and PONG, silence, BYE in all its orders, and what a peer may not send. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Wire } from '../../../actors/packet-path/wire.ts';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { encodeBye, encodePing, PING, PONG } from '../../../machines/frames/records.ts';
import { A, B, listener } from './rig.ts';
import { frameRecord, type HandLink, linkPair, settle } from './twins.ts';

const test = suite('packet path: wire');

interface Peer {
  readonly clock: VirtualClock;
  readonly wire: Wire;
  readonly link: HandLink;
  readonly events: string[];
  /** The other end, without a server. */
  readonly far: HandLink;
  /** All that came there. */
  readonly got: () => Buffer;
  readonly ends: string[];
}

function peer({ initiator = false, offload = true, rest = Buffer.alloc(0) } = {}): Peer {
  const clock = new VirtualClock();
  const [link, far] = linkPair();
  const { events, told } = listener();
  const chunks: Buffer[] = [];
  const ends: string[] = [];
  far.attach({
    data: (chunk) => void chunks.push(Buffer.from(chunk)),
    drain: () => {},
    end: () => void ends.push('end'),
    closed: () => void ends.push('closed'),
  });
  const wire = new Wire(link, clock, told, { offload, initiator });
  wire.start(rest);
  return { clock, wire, link, events, far, got: () => Buffer.concat(chunks), ends };
}

const eight = (text: string) => Buffer.from(text.padEnd(8).slice(0, 8));

test('the initiator sends a PING at once, and both every 5 s, whatever is received', () => {
  const { clock, link, far, got, wire } = peer({ initiator: true });
  settle(link, far);
  assert.is(got().length, 12);
  assert.is(got()[0], PING);
  clock.advance(7);
  settle(link, far);
  far.write(encodePing(PONG, got().subarray(4)));
  settle(link, far);
  assert.is(wire.rttMicros, 7_000);
  far.write(encodePing(PONG, eight('another')));
  settle(link, far);
  assert.is(wire.rttMicros, 7_000);
  for (let second = 1; second <= 20; second++) {
    clock.advance(1_000);
    settle(link, far);
    far.write(frameRecord(A, B));
    settle(link, far);
  }
  assert.is(got().length, 5 * 12);
  assert.is(peer().got().length, 0);
});

test('the link hears how long the way is: at once as the kernel has it, then with each PING', () => {
  const clock = new VirtualClock();
  const [link, far] = linkPair();
  const heard: number[] = [];
  const kernel = { leastRttMicros: 0 };
  const facts = { rttMicros: 1, retransmitted: 0, congestion: 'cubic', unsent: 0, unacknowledged: 0 };
  Object.assign(link, {
    suit: (micros: number) => void heard.push(micros),
    tcpFacts: () => ({ ...facts, ...kernel, deliveryRate: 0 }),
  });
  kernel.leastRttMicros = 30_000;
  const wire = new Wire(link, clock, listener().told, { offload: true, initiator: true });
  const echo = new Wire(far, clock, listener().told, { offload: true, initiator: false });
  echo.start(Buffer.alloc(0));
  wire.start(Buffer.alloc(0));
  assert.equal(heard, [30_000]);
  clock.advance(7);
  settle(link, far);
  assert.equal(heard, [30_000, 7_000]);
  kernel.leastRttMicros = 0;
  clock.advance(5_000);
  settle(link, far);
  assert.is(heard.length, 3);
  assert.ok(wire.tcpFacts()?.rttMicros === 1);
});

test('PING is answered with its own 8 bytes, also many in one chunk and in pieces', () => {
  const { link, far, got } = peer();
  const many = ['one', 'two', 'three'].map((text) => encodePing(PING, eight(text)));
  far.write(Buffer.concat(many));
  while (far.pump(5, 5));
  settle(link, far);
  assert.equal(got(), Buffer.concat(['one', 'two', 'three'].map((text) => encodePing(PONG, eight(text)))));
});

test('a flood of PINGs whose answers nobody reads makes nothing grow', () => {
  const { link, far } = peer();
  const flood = Buffer.concat(Array.from({ length: 5_000 }, () => encodePing(PING, eight('x'))));
  for (let round = 0; round < 20; round++) {
    far.write(flood);
    while (far.pump());
  }
  assert.ok(link.mostUnsent <= 2 * 1_024 * 12, `${link.mostUnsent}`);
  settle(link, far);
});

test('15 s of silence break the wire, a single byte does not let it', () => {
  const { clock, link, far, events, ends } = peer();
  clock.advance(14_000);
  far.write(frameRecord(A, B).subarray(0, 3));
  settle(link, far);
  clock.advance(14_999);
  assert.equal(events, []);
  clock.advance(1);
  assert.equal(events, ['broken: silent for 15 s']);
  settle(link, far);
  assert.equal(ends, ['closed']);
  assert.is(clock.pending, 0);
});

test('rest: records behind the OK count as received, and the first one is told once', () => {
  const { wire, events, link, far, got } = peer({
    rest: Buffer.concat([encodePing(PING, eight('early')), Buffer.of(2)]),
  });
  settle(link, far);
  assert.equal(events, ['firstRecord']);
  assert.equal(got(), encodePing(PONG, eight('early')));
  far.write(encodePing(PING, eight('late')).subarray(1));
  settle(link, far);
  assert.equal(got().subarray(12), encodePing(PONG, eight('late')));
  assert.equal(events, ['firstRecord']);
  wire.destroy();
});

test('farewell: BYE, half-close, the rest of the input is discarded, done with the other end', async () => {
  const { wire, clock, link, far, got, ends, events } = peer();
  let done = false;
  const left = wire.farewell('closed').then(() => {
    done = true;
  });
  assert.is(wire.farewell('replaced'), wire.farewell('closed'));
  settle(link, far);
  assert.equal(got(), encodeBye('closed'));
  assert.equal(ends, ['end']);
  far.write(frameRecord(A, B));
  far.write(Buffer.of(0x7f, 0, 0, 0));
  settle(link, far);
  await Promise.resolve();
  assert.not(done);
  far.end();
  settle(link, far);
  await left;
  assert.ok(done);
  assert.equal(events, []);
  assert.is(clock.pending, 0);
});

test('farewell: after 3 s it is over, whether the other end was told or not', async () => {
  const { wire, clock, link, far, ends } = peer();
  const left = wire.farewell('shutting-down');
  clock.advance(2_999);
  settle(link, far);
  assert.not(link.destroyed);
  clock.advance(1);
  settle(link, far);
  await left;
  assert.ok(link.destroyed);
  assert.equal(ends, ['end', 'closed']);
});

test('a BYE is answered with our own end and told once, what is behind it is ignored', async () => {
  const { wire, link, far, ends, got, events } = peer();
  far.write(Buffer.concat([frameRecord(A, B), encodeBye('replaced'), encodePing(PING, eight('no'))]));
  far.write(encodeBye('closed'));
  far.end();
  settle(link, far);
  assert.equal(events, ['firstRecord', 'bye: replaced']);
  assert.equal(ends, ['end', 'closed']);
  assert.is(got().length, 0);
  await wire.farewell('closed');
});

test('both say BYE at once: both are done, nobody hears of anything', async () => {
  const clock = new VirtualClock();
  const [a, b] = linkPair();
  const [one, two] = [listener(), listener()];
  const left = new Wire(a, clock, one.told, { offload: true, initiator: true });
  const right = new Wire(b, clock, two.told, { offload: true, initiator: false });
  left.start(Buffer.alloc(0));
  right.start(Buffer.alloc(0));
  settle(a, b);
  const over = Promise.all([left.farewell('closed'), right.farewell('closed')]);
  settle(a, b);
  await over;
  assert.equal([one.events, two.events], [['firstRecord'], ['firstRecord']]);
  assert.is(clock.pending, 0);
});

for (const [what, bytes] of [
  ['a type under 0x80 that is not known', Buffer.of(0x05, 0, 0, 0)],
  ['a FRAME under 14 bytes', Buffer.of(0x00, 0, 0, 13)],
  ['a length over 131,072', Buffer.of(0x80, 2, 0, 1)],
  ['a PING of 7 bytes', Buffer.of(0x02, 0, 0, 7)],
  ['OFFLOAD that was not agreed', Buffer.of(0x01, 0, 0, 60)],
] as const) {
  test(`${what} is a protocol error: BYE, told once, resolved at the other end's end`, async () => {
    const { wire, link, far, got, events, ends } = peer({ offload: false });
    far.write(Buffer.concat([bytes, bytes]));
    settle(link, far);
    assert.is(events.length, 1);
    assert.match(events[0]!, /^protocolError: ./);
    assert.equal(got(), encodeBye('protocol-error'));
    assert.equal(ends, ['end']);
    far.end();
    settle(link, far);
    await wire.farewell('closed');
    assert.is(events.length, 1);
  });
}

test('types from 0x80 up are ignored, and count as no record', () => {
  const { link, far, events } = peer();
  far.write(Buffer.concat([Buffer.of(0x9a, 0, 0, 3, 1, 2, 3), encodePing(PONG, eight('x'))]));
  settle(link, far);
  assert.equal(events, ['firstRecord']);
});

test('a cut and an end without BYE are a broken wire', () => {
  const cut = peer();
  cut.far.destroy();
  settle(cut.link, cut.far);
  assert.equal(cut.events, ['broken: cut']);
  const ended = peer();
  ended.far.end();
  settle(ended.link, ended.far);
  assert.equal(ended.events, ['broken: the other end closed the connection without BYE']);
  assert.ok(ended.link.destroyed);
});

test('after destroy nobody hears of anything', async () => {
  const { wire, link, far, events, clock } = peer();
  far.write(frameRecord(A, B));
  wire.destroy();
  wire.destroy();
  settle(link, far);
  clock.advance(60_000);
  await wire.farewell('closed');
  assert.equal(events, []);
});

test('farewell before start says BYE too', async () => {
  const clock = new VirtualClock();
  const [link, far] = linkPair();
  const { events, told } = listener();
  const wire = new Wire(link, clock, told, { offload: true, initiator: false });
  const over = wire.farewell('closed');
  const got: Buffer[] = [];
  far.attach({ data: (chunk) => got.push(Buffer.from(chunk)), drain() {}, end() {}, closed() {} });
  far.end();
  settle(link, far);
  await over;
  assert.equal(Buffer.concat(got), encodeBye('closed'));
  assert.equal(events, []);
});

test('a PING that overtook frames says nothing of when they have arrived', () => {
  const { clock, wire, link, far } = peer();
  const pong = (sequence: number) => {
    far.write(encodePing(PONG, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, sequence)));
    far.pump();
  };
  const record = frameRecord(B, A, 1500);
  while (!wire.outbox?.holds) {
    wire.outbox?.append(record, 0, record.length);
    wire.outbox?.flush();
  }
  clock.advance(1);
  wire.ping();
  pong(1);
  assert.is(wire.rttMicros, 0);
  assert.is(wire.arrivedUntil, Number.NEGATIVE_INFINITY);
  settle(link, far);
  assert.not(wire.outbox?.holds);
  clock.advance(1);
  const sentAt = clock.mono();
  wire.ping();
  pong(2);
  assert.is(wire.arrivedUntil, sentAt);
});

test.run();
