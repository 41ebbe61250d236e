/** Which changes mutation testing makes to a source, and which it must not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apply, changesTo } from '../../mutate/changes.ts';

const test = suite('mutations');

const results = (text: string) => changesTo(text).map((change) => apply(text, change));

test('operators, conditions and constants', () => {
  assert.equal(results('const a = b === c;'), ['const a = b !== c;']);
  assert.equal(results('const a = b >= c && d;'), ['const a = b > c && d;', 'const a = b >= c || d;']);
  assert.equal(results('if (f(a, (b))) g();'), ['if (true) g();', 'if (false) g();']);
  assert.equal(results('while (f()) g();'), ['while (false) g();'], 'none that never ends');
  assert.equal(results('const a = b ? 1 : 2;'), [
    'const a = b || true ? 1 : 2;',
    'const a = b && false ? 1 : 2;',
  ]);
  assert.equal(results('return !this.#a;'), ['return this.#a;']);
});

test('of a machine: targets, guards, and each effect and each assignment', () => {
  assert.equal(results("x: { guard: 'a', target: 'b' }"), [
    "x: { target: 'b' }",
    "x: { guard: 'a', }",
    "x: { guard: 'a', target: 'closed' }",
  ]);
  assert.equal(results("actions: [f('a, b'), g(1, [2])],"), [
    'actions: [ g(1, [2])],',
    "actions: [f('a, b'), ],",
  ]);
  assert.equal(results('s.assign({ a: 1, b: ({ c }) => c })'), [
    's.assign({  b: ({ c }) => c })',
    's.assign({ a: 1, })',
  ]);
});

test('nothing in comments, in texts for people, and in types', () => {
  assert.equal(results('/* a && b */ // true === false'), []);
  assert.equal(results("f('is it - or not ? true', 'and')"), []);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a source
  assert.equal(results('f(`a && b, ${c && d}`)').length, 1);
  assert.equal(results('interface A { readonly b?: string; c: X<Y> }'), []);
});

test.run();
