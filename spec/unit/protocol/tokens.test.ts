import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLine, expressible, quote, quoted, tokenise } from '../../../machines/protocol/tokens.ts';
import { value } from './generators.ts';

const test = suite('protocol: tokens');

function texts(line: string): readonly string[] | string {
  const tokens = tokenise(line);
  return tokens.ok ? tokens.value.map((token) => token.text) : tokens.refusal.reason;
}

test('parts at blanks', () => {
  assert.equal(texts(''), []);
  assert.equal(texts(' \t '), []);
  assert.equal(texts('\tHANDLE  a\tb '), ['HANDLE', 'a', 'b']);
});

test('quotes begin a token or stand after its = or :', () => {
  assert.equal(texts('"a b" k="c d" password:"e f" password:id:"g"'), [
    'a b',
    'k=c d',
    'password:e f',
    'password:id:g',
  ]);
  assert.equal(texts('"" k=""'), ['', 'k=']);
  assert.equal(texts('"\\"\\\\"'), ['"\\']);
  assert.equal(texts('a\\b \\'), ['a\\b', '\\']);
});

test('says where the quoted part begins', () => {
  const tokens = tokenise('plain "q" k="v" password:id:"s"');
  assert.equal(tokens.ok && tokens.value.map((token) => token.quotedAt), [-1, 0, 2, 12]);
});

test('refuses what the grammar does not have', () => {
  for (const line of ['"', 'a "b', 'k="', '"a\\"', '"a\\', 'ab"c"', '"a"b', '"a""b"', '"a\\n"', 'a=b"c"']) {
    assert.is(texts(line), 'syntax', line);
  }
});

test('refuses every control character but the tab', () => {
  for (let code = 0; code < 0xa0; code++) {
    const control = code < 0x20 || code >= 0x7f;
    const expected = control && code !== 9 ? 'syntax' : expressible(String.fromCharCode(code));
    const result = tokenise(`x "${code === 0x22 || code === 0x5c ? '\\' : ''}${String.fromCharCode(code)}"`);
    assert.is(result.ok || result.refusal.reason, expected, `code ${code}`);
  }
});

test('says at which character it went wrong, counted from 1', () => {
  const places: readonly (readonly [string, string])[] = [
    ['\0', '1'],
    ['ab\0', '3'],
    ['ab"c"', '3'],
    ['"a"b', '3'],
    ['"a\\n"', '3'],
    ['k="a', '3'],
    ['"a\\', '1'],
  ];
  for (const [line, place] of places) {
    const result = tokenise(line);
    assert.is(result.ok || /character (\d+)/.exec(result.refusal.text)?.[1], place, JSON.stringify(line));
  }
});

test('no error text quotes the line', () => {
  for (const line of [
    'HELLO password "hunter2',
    'HELLO password hunter2"',
    'HELLO password "hunter2"x',
    'hunter2\0',
  ]) {
    const result = tokenise(line);
    assert.not.ok(result.ok);
    if (!result.ok) assert.not.match(result.refusal.text, 'hunter');
  }
});

test('decodes UTF-8 and nothing else', () => {
  assert.equal(decodeLine(new TextEncoder().encode('größe €')), { ok: true, value: 'größe €' });
  assert.equal(decodeLine(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)), { ok: true, value: '\ufeffA' });
  for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    const result = decodeLine(Uint8Array.from(bytes));
    assert.is(result.ok || result.refusal.reason, 'syntax');
  }
});

test('what was quoted is read back the same', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), (values) => {
      assert.equal(texts(values.map((each) => quoted(each)).join(' ')), values);
      assert.equal(
        texts(values.map((each) => `key=${quote(each)}`).join(' ')),
        values.map((each) => `key=${each}`),
      );
      assert.equal(texts(values.map(quote).join('\t')), values);
    }),
  );
});

test('what no line can carry is replaced, and the line stays one line', () => {
  assert.is(quote('a\nb'), 'a\ufffdb');
  assert.is(quoted('a\r\n"'), '"a\ufffd\ufffd\\""');
  assert.not.ok(expressible('a\nb'));
});

test.run();
