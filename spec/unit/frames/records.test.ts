import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BYE_REASONS,
  encodeBye,
  encodePing,
  frameOffset,
  headerFault,
  PING,
  PONG,
  RecordDecoder,
  type RecordVisitor,
  recordEnd,
  writeHeader,
} from '../../../machines/frames/records.ts';
import { splitRecords } from './packets.ts';

const test = suite('records');

/** What a decoder said, one line each; runs of frames are taken apart, so that chunking makes no difference. */
class Notes implements RecordVisitor {
  readonly lines: string[] = [];
  runs = 0;

  frames(buffer: Buffer, start: number, end: number, count: number): void {
    const records = splitRecords(buffer, start, end);
    assert.is(records.length, count);
    assert.ok(count > 0);
    this.runs++;
    for (const { type, payload } of records) this.lines.push(`${type} ${payload.toString('hex')}`);
  }
  ping(buffer: Buffer, at: number): void {
    this.lines.push(`ping ${buffer.toString('hex', at, at + 8)}`);
  }
  pong(buffer: Buffer, at: number): void {
    this.lines.push(`pong ${buffer.toString('hex', at, at + 8)}`);
  }
  bye(reason: string): void {
    this.lines.push(`bye ${reason}`);
  }
  note(text: string): void {
    this.lines.push(`note ${text}`);
  }
  error(text: string): void {
    this.lines.push(`error ${text}`);
  }
}

/** The same by looking at all bytes at once. */
function slowDecode(stream: Buffer, offload: boolean): string[] {
  const lines: string[] = [];
  let rest = stream;
  while (rest.length >= 4) {
    const type = rest.readUInt8(0);
    const length = rest.readUIntBE(1, 3);
    const fault = headerFault(type, length, offload);
    if (fault !== undefined) return [...lines, `error ${fault}`];
    if (rest.length < 4 + length) return lines;
    const payload = rest.subarray(4, 4 + length);
    if (type < 2) lines.push(`${type} ${payload.toString('hex')}`);
    if (type === 2) lines.push(`ping ${payload.toString('hex')}`);
    if (type === 3) lines.push(`pong ${payload.toString('hex')}`);
    if (type === 0x80 && length <= 255) lines.push(`note ${payload.toString()}`);
    if (type === 4) return [...lines, `bye ${payload.subarray(0, 255).toString()}`];
    rest = rest.subarray(4 + length);
  }
  return lines;
}

function record(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + payload.length);
  writeHeader(bytes, 0, type, payload.length);
  bytes.set(payload, 4);
  return bytes;
}

/** Pushes the stream in pieces of these lengths, each through a buffer that is overwritten behind it. */
function decode(stream: Buffer, offload: boolean, pieces: readonly number[]): Notes {
  const notes = new Notes();
  const decoder = new RecordDecoder({ offload });
  let at = 0;
  for (let piece = 0; at < stream.length; piece++) {
    const length = pieces.length === 0 ? stream.length : pieces[piece % pieces.length]!;
    const chunk = Buffer.from(stream.subarray(at, at + length));
    at += length;
    decoder.push(chunk, notes);
    chunk.fill(0xee);
  }
  return notes;
}

const anyRecord = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.uint8Array({ minLength: 14, maxLength: 120, size: 'max' }).map((bytes) => record(0, bytes)),
  },
  {
    weight: 3,
    arbitrary: fc.uint8Array({ minLength: 26, maxLength: 120, size: 'max' }).map((bytes) => record(1, bytes)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => record(2, bytes)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => record(3, bytes)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0x80, max: 0xff }), fc.uint8Array({ maxLength: 300, size: 'max' }))
      .map(([type, bytes]) => record(type, bytes)),
  },
);
const strangeRecord = fc.oneof(
  fc.constantFrom(...BYE_REASONS).map(encodeBye),
  fc.uint8Array({ maxLength: 13 }).map((bytes) => record(0, bytes)),
  fc.uint8Array({ maxLength: 25 }).map((bytes) => record(1, bytes)),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => record(2, bytes)),
  fc.integer({ min: 5, max: 0x7f }).map((type) => record(type, new Uint8Array(20))),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 12, size: 'max' });

test('however the stream is cut, the decoder says what the slow one says', () => {
  const streams = fc.tuple(
    fc.array(anyRecord, { maxLength: 12, size: 'max' }),
    fc.array(strangeRecord, { maxLength: 2 }),
  );
  fc.assert(
    fc.property(streams, pieces, fc.boolean(), ([usual, strange], cuts, offload) => {
      const stream = Buffer.concat([...usual, ...strange, ...usual]);
      assert.equal(decode(stream, offload, cuts).lines, slowDecode(stream, offload));
    }),
    { numRuns: 500 },
  );
});

test('frames one behind the other are one run', () => {
  const frame = record(0, new Uint8Array(60));
  const offload = record(1, new Uint8Array(80));
  const ping = encodePing(PING, new Uint8Array(8));
  const notes = decode(Buffer.concat([frame, offload, frame, ping, frame, frame]), true, []);
  assert.is(notes.runs, 2);
  assert.is(notes.lines.length, 6);
});

test('the longest record is taken, in one piece and in many', () => {
  const longest = Buffer.concat([record(0, new Uint8Array(131072).fill(5)), record(0, new Uint8Array(14))]);
  for (const cuts of [[], [1000], [3, 70000], [131075, 1]]) {
    const { lines } = decode(longest, true, cuts);
    assert.is(lines.length, 2);
    assert.is(lines[0]!.length, 2 + 2 * 131072);
  }
});

const errors: [string, Buffer, RegExp][] = [
  ['a short FRAME', record(0, new Uint8Array(13)), /FRAME of 13 bytes; .* at least 14/],
  ['a FRAME that is too long', Buffer.from([0, 2, 0, 1]), /131073 bytes; at most 131072/],
  ['an ignorable record that is too long', Buffer.from([0x80, 2, 0, 1]), /131073 bytes/],
  ['a short OFFLOAD', record(1, new Uint8Array(25)), /OFFLOAD of 25 bytes; at least 26/],
  ['a long OFFLOAD', Buffer.from([1, 1, 0, 0x34]), /frame of 65576 bytes; at most 65575/],
  ['a long PING', record(2, new Uint8Array(9)), /9 bytes; it has 8/],
  ['a short PONG', record(3, new Uint8Array(7)), /7 bytes; it has 8/],
  ['an unknown type', Buffer.from([0x7f, 0, 0, 1]), /0x7f is not known/],
];
for (const [name, bytes, text] of errors) {
  test(`protocol error: ${name}, told by the header alone, and nothing after it is looked at`, () => {
    const notes = new Notes();
    const decoder = new RecordDecoder({ offload: true });
    for (const byte of bytes.subarray(0, 4)) decoder.push(Buffer.from([byte]), notes);
    decoder.push(record(0, new Uint8Array(14)), notes);
    assert.is(notes.lines.length, 1);
    assert.match(notes.lines[0]!, text);
    assert.ok(decoder.stopped);
  });
}

test('what is just right is no protocol error', () => {
  const right: readonly (readonly [number, number, boolean])[] = [
    [0x00, 14, false],
    [0x00, 131_072, false],
    [0x01, 12 + 14, true],
    [0x01, 12 + 65_575, true],
    [0x02, 8, false],
    [0x03, 8, false],
    [0x04, 0, false],
    [0x80, 0, false],
    [0x80, 131_072, false],
    [0xff, 1, true],
  ];
  for (const [type, length, offload] of right)
    assert.is(headerFault(type, length, offload), undefined, `type ${type}, ${length} bytes`);
});

test('OFFLOAD that was not agreed is a protocol error', () => {
  const { lines } = decode(record(1, new Uint8Array(80)), false, []);
  assert.match(lines[0]!, /offload=on was not agreed/);
});

test('a visitor may stop the decoder', () => {
  const notes = new Notes();
  const decoder = new RecordDecoder({ offload: true });
  notes.frames = () => {
    notes.runs++;
    decoder.stop();
  };
  const frame = record(0, new Uint8Array(14));
  decoder.push(Buffer.concat([frame, encodePing(PONG, new Uint8Array(8)), frame]), notes);
  decoder.push(frame, notes);
  assert.is(notes.runs, 1);
  assert.equal(notes.lines, []);
});

test('offsets in a run', () => {
  const run = Buffer.concat([record(0, new Uint8Array(14)), record(1, new Uint8Array(70_000))]);
  assert.is(frameOffset(run, 0), 4);
  assert.is(recordEnd(run, 0), 18);
  assert.is(frameOffset(run, 18), 34);
  assert.is(recordEnd(run, 18), run.length);
});

test.run();
