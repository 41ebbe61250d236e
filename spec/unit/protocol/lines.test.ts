/** Whole lines: the golden table, and what must hold for any bytes at all. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, REASONS } from '../../../machines/protocol/errors.ts';
import { formatBegin, formatHandle, formatHello } from '../../../machines/protocol/format.ts';
import { formatMac } from '../../../machines/protocol/mac.ts';
import { parseLine, verbOf } from '../../../machines/protocol/parse.ts';
import { MAX_LINE } from '../../../machines/protocol/splitter.ts';
import type { Line, SecretRef } from '../../../machines/protocol/types.ts';
import { begin, handle, name, value } from './generators.ts';

const test = suite('protocol: lines');
const bytes = (text: string) => new TextEncoder().encode(text);

function read(line: Uint8Array): { meaning: Line; kept: string[] } {
  const kept: string[] = [];
  const meaning = parseLine(line, (secret) => `secret:${kept.push(secret)}` as SecretRef);
  return { meaning, kept };
}

/** The refusal of a line, wherever it stands. */
function refusalOf(line: Line) {
  if (line.kind === 'bad') return line.refusal;
  return line.kind === 'command' && !line.command.args.ok ? line.command.args.refusal : undefined;
}

function show(line: Line): string {
  if (line.kind === 'empty') return '(empty)';
  const verb = (line.kind === 'bad' ? line.verb : line.command.verb) ?? '-';
  const refusal = refusalOf(line);
  if (refusal) return `! ${verb} ${ERROR_CODES[refusal.reason]} ${refusal.reason}`;
  return `= ${verb} ${JSON.stringify(line.kind === 'command' && line.command.args.ok && line.command.args.value)}`;
}

const golden = readFileSync(new URL('./lines.golden', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

const cases = golden.flatMap((line, index) => {
  if (!line.startsWith('>')) return [];
  const json = line.startsWith('>j ');
  const input = json
    ? Uint8Array.from(JSON.parse(line.slice(3)) as string, (c) => c.charCodeAt(0))
    : bytes(line.slice(2));
  return [{ line, input, expected: golden[index + 1] ?? '' }];
});

test('the golden table', () => {
  assert.ok(cases.length >= 75, 'the table was read');
  for (const { line, input, expected } of cases) assert.is(show(read(input).meaning), expected, line);
});

test('the golden table has every reason of code 400, and every verb', () => {
  for (const reason of REASONS.filter((known) => ERROR_CODES[known] === 400)) {
    assert.ok(
      cases.some(({ expected }) => expected.endsWith(` ${reason}`)),
      reason,
    );
  }
});

test('no secret in a meaning or an error text; none is kept of a refused line', () => {
  for (const { line, input } of cases) {
    const { meaning, kept } = read(input);
    assert.not.match(JSON.stringify(meaning), 'hunter', line);
    const refusal = refusalOf(meaning);
    if (refusal) {
      assert.equal(kept, [], line);
      assert.ok(refusal.text.length > 10 && bytes(refusal.text).length < 300, refusal.text);
    }
  }
  assert.equal(read(bytes('HELLO password alice "hunter \\"two\\" \\\\"')).kept, ['hunter "two" \\']);
});

test('says which of two alike arguments is wrong', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['a/b c HOST PROXY', /^local device: /],
    ['a b/c HOST PROXY', /^remote device: /],
    ['a b HOSTS PROXY', /^local role: /],
    ['a b HOST PROXIES', /^remote role: /],
  ];
  for (const [words, text] of wrong) {
    const refusal = refusalOf(read(bytes(`HANDLE tcp://h cert ${words} 02:00:00:00:00:01`)).meaning);
    assert.match(refusal?.text ?? '', text, words);
  }
});

test('a HANDLE whose BEGIN would be too long for a line is refused', () => {
  const macs = (count: number) =>
    Array.from(
      { length: count },
      (_, i) =>
        `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    );
  const line = (count: number) => bytes(`HANDLE tcp://h cert a b HOST PROXY ${macs(count).join(' ')}`);
  assert.ok(line(453).length < MAX_LINE);
  assert.is(refusalOf(read(line(440)).meaning), undefined);
  assert.is(refusalOf(read(line(453)).meaning)?.reason, 'bad-mac');
});

test('the longest BEGIN that is taken has 8,192 bytes with its line feed', () => {
  const macs = Array.from({ length: 448 }, (_, i) => formatMac(0x02_00_00_00_00_00 + i)).join(' ');
  const lengths = new Map<number, string | undefined>();
  for (let more = 0; more < 28; more++) {
    const names = ['a'.repeat(1 + Math.min(more, 14)), 'b'.repeat(1 + Math.max(0, more - 14))];
    const { meaning } = read(bytes(`HANDLE tcp://h cert ${names.join(' ')} HOST PROXY ${macs}`));
    const written = `BEGIN ${'f'.repeat(64)} ${names.join(' ')} HOST PROXY ${macs} offload=off mtu=65535\n`;
    lengths.set(bytes(written).length, refusalOf(meaning)?.reason);
  }
  assert.ok(lengths.has(MAX_LINE) && lengths.has(MAX_LINE + 1), [...lengths.keys()].join(' '));
  for (const [length, reason] of lengths) {
    assert.is(reason, length > MAX_LINE ? 'bad-mac' : undefined, `${length} bytes`);
  }
});

test('a question without its mark is told which one is meant', () => {
  assert.match(refusalOf(read(bytes('devices')).meaning)?.text ?? '', 'did you mean DEVICES?');
  assert.match(refusalOf(read(bytes('frobnicate')).meaning)?.text ?? '', 'HELP? lists them');
});

test('the verb of any line', () => {
  assert.is(verbOf(bytes(' hello "')), 'HELLO');
  assert.is(verbOf(bytes('HELLOX')), undefined);
  assert.is(verbOf(Uint8Array.of(0xff)), undefined);
  assert.is(verbOf(bytes(`${' '.repeat(100)}DONE`)), undefined);
});

test('what a builder writes is read back as the same value', () => {
  fc.assert(
    fc.property(handle, value, (wanted, secret) => {
      const { meaning, kept } = read(bytes(formatHandle(wanted, secret)));
      assert.equal(meaning, {
        kind: 'command',
        command: { verb: 'HANDLE', args: { ok: true, value: wanted } },
      });
      assert.equal(kept, wanted.auth.kind === 'password' ? [secret] : []);
    }),
  );
  fc.assert(
    fc.property(begin, (wanted) => {
      const { meaning } = read(bytes(formatBegin(wanted)));
      assert.equal(meaning, {
        kind: 'command',
        command: { verb: 'BEGIN', args: { ok: true, value: wanted } },
      });
    }),
  );
  fc.assert(
    fc.property(name, value, (identity, secret) => {
      const { meaning, kept } = read(bytes(formatHello({ method: 'password', identity, secret })));
      const args = { ok: true, value: { method: 'password', identity, secret: 'secret:1' } };
      assert.equal(meaning, { kind: 'command', command: { verb: 'HELLO', args } });
      assert.equal(kept, [secret]);
    }),
  );
});

test('no bytes at all make it throw', () => {
  const words = fc.constantFrom(
    ...[
      'HANDLE',
      'BEGIN',
      'HELLO',
      'CLOSE',
      'password',
      'password:',
      'tcp://h',
      'peer:x',
      '-',
      'cert',
      'tap:a',
      'br0',
    ],
    ...[
      'HOST',
      'PROXY',
      'BRIDGE',
      '*',
      '02:00:00:00:00:01',
      'offload=on',
      'mtu=1500',
      '0123456789abcdef',
      '"',
      '\\',
      ' ',
      '\0',
    ],
  );
  const near = fc
    .array(words, { maxLength: 12, size: 'max' })
    .chain((parts) => fc.constantFrom(' ', ' ', '').map((glue) => bytes(parts.join(glue))));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200, size: 'max' }), near), (input) => {
      const { meaning, kept } = read(input);
      if (refusalOf(meaning)) assert.equal(kept, []);
      if (refusalOf(meaning)) assert.is(Math.floor(ERROR_CODES[refusalOf(meaning)!.reason]), 400);
    }),
    { numRuns: 1500 },
  );
});

test.run();
