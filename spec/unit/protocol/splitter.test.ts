import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LineSplitter, MAX_LINE, type RawLine } from '../../../machines/protocol/splitter.ts';

const test = suite('protocol: splitter');
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (raw: Uint8Array) => new TextDecoder().decode(raw);

function all(splitter: LineSplitter): RawLine[] {
  const lines: RawLine[] = [];
  for (let line = splitter.next(); line; line = splitter.next()) lines.push(line);
  return lines;
}

const texts = (lines: RawLine[]) =>
  lines.map((line) => (line.kind === 'line' ? text(line.bytes) : line.kind));

test('drops the LF and one CR before it', () => {
  const splitter = new LineSplitter();
  splitter.push(bytes('a\r\nb\n\r\n\nc\r\r\nd\re\nrest'));
  assert.equal(texts(all(splitter)), ['a', 'b', '', '', 'c\r', 'd\re']);
  assert.is(splitter.held, 4);
});

test('takes a line of 8,192 bytes with its LF, not one more', () => {
  const splitter = new LineSplitter();
  splitter.push(bytes(`${'x'.repeat(MAX_LINE - 1)}\n`));
  assert.equal(texts(all(splitter)), ['x'.repeat(MAX_LINE - 1)]);
  splitter.push(bytes(`ok\n${'x'.repeat(MAX_LINE)}\nmore\n`));
  assert.equal(texts(all(splitter)), ['ok', 'too-long']);
  splitter.push(bytes('more\n'));
  assert.equal(all(splitter), []);
  assert.is(splitter.held, 0);
});

test('tells of an endless line as soon as it is too long, and holds nothing of it', () => {
  const splitter = new LineSplitter();
  splitter.push(bytes('x'.repeat(MAX_LINE - 1)));
  assert.is(splitter.next(), undefined);
  splitter.push(bytes('x'));
  assert.is(splitter.held, 0);
  assert.equal(splitter.next(), { kind: 'too-long' });
  for (let i = 0; i < 100; i++) splitter.push(bytes('x'.repeat(1000)));
  assert.is(splitter.held, 0);
});

test('an endless line behind waiting ones comes after them', () => {
  const splitter = new LineSplitter();
  splitter.push(bytes('a\nb\n'));
  splitter.push(bytes('x'.repeat(MAX_LINE)));
  assert.equal(texts(all(splitter)), ['a', 'b', 'too-long']);
});

test('gives what stands behind the last taken line', () => {
  const splitter = new LineSplitter();
  splitter.push(bytes('BEGIN\r\n\x02\x00\x00\x08\n'));
  assert.equal(splitter.next(), { kind: 'line', bytes: bytes('BEGIN') });
  assert.equal(splitter.rest(), bytes('\x02\x00\x00\x08\n'));
  assert.equal(splitter.rest(), new Uint8Array(0));
});

test('its lines are copies of their own, and so is what was pushed', () => {
  const splitter = new LineSplitter();
  const chunk = bytes('one\ntwo\n');
  splitter.push(chunk);
  chunk.fill(0);
  const first = splitter.next();
  splitter.push(bytes('three\n'.repeat(200)));
  all(splitter);
  splitter.push(bytes('four\n'));
  assert.equal(first, { kind: 'line', bytes: bytes('one') });
});

test('agrees with the slow way, however the stream is cut', () => {
  const limit = 12;
  const stream = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r'), maxLength: 80, size: 'max' });
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(stream, cuts, fc.boolean(), (whole, sizes, eager) => {
      const splitter = new LineSplitter(limit);
      const got: RawLine[] = [];
      for (let at = 0, i = 0; at < whole.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        splitter.push(bytes(whole.slice(at, at + size)));
        at += size;
        if (eager) got.push(...all(splitter));
      }
      got.push(...all(splitter));
      assert.equal(texts(got), slowly(whole, limit));
    }),
    { numRuns: 500 },
  );
});

function slowly(whole: string, limit: number): string[] {
  const parts = whole.split('\n');
  const tail = parts.pop() ?? '';
  const lines: string[] = [];
  for (const part of parts) {
    if (part.length + 1 > limit) return [...lines, 'too-long'];
    lines.push(part.replace(/\r$/, ''));
  }
  return tail.length >= limit ? [...lines, 'too-long'] : lines;
}

test.run();
