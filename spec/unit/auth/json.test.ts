/** Where a JSON file is wrong, and how. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findJsonMistake } from '../../../io/auth/json-mistakes.ts';

const test = suite('mistakes in JSON');

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

for (const [text, line, column, what] of [
  ['', 1, 1, /^it ends too early: a value must stand here/],
  ['{\n  "a": 1,\n}', 2, 9, /^no comma may stand before }/],
  ['[1,\n2\n3]', 3, 1, /^a comma or ] must stand here/],
  ['{"a" 1}', 1, 6, /^a colon must stand/],
  ["{'a': 1}", 1, 2, /^a key in double quotes/],
  ['{"a": tru}', 1, 7, /^a value must stand here/],
  ['{"a": 01}', 1, 8, /^a comma or } must stand here/],
  ['{} {}', 1, 4, /^nothing more may stand/],
  ['{\n // why\n}', 2, 2, /^JSON has no comments/],
  ['["a\nb"]', 1, 4, /^a text may hold no line break/],
  ['["a\\x"]', 1, 4, /^behind \\ stands one of/],
  ['{"a": "b', 1, 7, /^this text does not end/],
  ['[1', 1, 3, /^it ends too early: a comma or ]/],
  ['{"a": 1,\n "b": {"a": 2},\n "\\u0061": 3}', 3, 2, /^"a" stands there twice, first in line 1$/],
  ['{"__proto__": 1, "__proto__": 2}', 1, 18, /^"__proto__" stands there twice/],
  ['['.repeat(100_000), 1, 65, /^there are more than 64/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 30))}: line ${line}, column ${column}`, () => {
    const mistake = findJsonMistake(text);
    assert.equal([mistake?.line, mistake?.column], [line, column]);
    assert.match(mistake?.what ?? '', what);
  });
}

test('what it takes is what JSON.parse takes', () => {
  const good = fc.json({ maxDepth: 5 });
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    ':',
    '\\',
    '\n',
    '\t',
    '0',
    '-',
    '.',
    'e',
    '1',
    'null',
    '/',
    '\u0000',
    '\ufeff',
    'u00',
    ' ',
  );
  const bent = fc.tuple(good, fc.nat(), fc.nat(3), piece).map(([text, at, cut, put]) => {
    const from = at % (text.length + 1);
    return text.slice(0, from) + put + text.slice(from + cut);
  });
  fc.assert(
    fc.property(
      fc.oneof(
        good,
        bent,
        fc.array(piece).map((all) => all.join('')),
      ),
      (text) => {
        const mistake = findJsonMistake(text);
        if (mistake !== undefined && /twice/.test(mistake.what)) return;
        assert.is(mistake === undefined, isJson(text), JSON.stringify(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test.run();
