import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Busy, FairQueue } from '../../../io/auth/fair-queue.ts';
import { formatPasswordLine, loadPasswords, parsePasswords } from '../../../io/auth/password-file.ts';
import { readSecretFile } from '../../../io/auth/private-file.ts';
import {
  formatHash,
  hashSecret,
  hashSecretSync,
  impossibleHash,
  parseHash,
  SCRYPT_COST,
  verifySecret,
} from '../../../io/auth/scrypt.ts';

const test = suite('passwords');
const dir = mkdtempSync(join(tmpdir(), 'vnet-auth-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

/** Quick enough for tests; the cost stands in the hash. */
const CHEAP = { ln: 10, r: 8, p: 1 };

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a secret fits its own hash and no other', async () => {
  const hash = await hashSecret('correct horse', CHEAP);
  assert.ok(await verifySecret('correct horse', hash));
  for (const wrong of ['correct hors', 'correct horse ', '', 'Correct horse']) {
    assert.not(await verifySecret(wrong, hash));
  }
  const sync = hashSecretSync('pässwörd 🔑', CHEAP);
  assert.ok(await verifySecret('pässwörd 🔑', parseHash(formatHash(sync))));
  assert.not(sync.salt.equals(hash.salt));
  assert.not(await verifySecret('', impossibleHash(CHEAP)));
});

test('the usual cost works within the memory that Node allows it', async () => {
  assert.equal(SCRYPT_COST, { ln: 15, r: 8, p: 1 });
  assert.ok(await verifySecret('x', await hashSecret('x')));
  assert.not(await verifySecret('x', impossibleHash({ ln: 17, r: 8, p: 1 })));
});

test('a hash of another program is read (RFC 7914, second vector)', async () => {
  const key = Buffer.from(
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    'hex',
  );
  const hash = { ln: 10, r: 8, p: 16, salt: Buffer.from('NaCl'), key };
  assert.ok(await verifySecret('password', hash));
});

test('hashes are written and read back', () => {
  const bytes = (min: number, max: number) =>
    fc.uint8Array({ minLength: min, maxLength: max }).map((a) => Buffer.from(a));
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 15 }),
      fc.integer({ min: 1, max: 32 }),
      fc.integer({ min: 1, max: 16 }),
      bytes(8, 64),
      bytes(16, 64),
      (ln, r, p, salt, key) =>
        assert.equal(parseHash(formatHash({ ln, r, p, salt, key })), { ln, r, p, salt, key }),
    ),
  );
});

const GOOD = formatHash(impossibleHash(CHEAP));

for (const [what, hash, why] of [
  ['another scheme', '$argon2id$v=19$m=65536$c2FsdHNhbHQ$aGFzaA', /no scrypt hash/],
  ['too cheap', GOOD.replace('ln=10', 'ln=9'), /ln=9 must be 10 to 20/],
  ['too dear', GOOD.replace('ln=10', 'ln=21'), /ln=21 must be 10 to 20/],
  ['too much memory', GOOD.replace('ln=10,r=8', 'ln=20,r=8'), /more than 256 MiB/],
  ['r', GOOD.replace('r=8', 'r=0'), /r=0 must be/],
  ['p', GOOD.replace('p=1', 'p=99'), /p=99 must be/],
  ['short salt', GOOD.replace(/\$[^$]+(\$[^$]+)$/, '$$c2FsdA$1'), /salt must have 8 to 64/],
  ['short hash', GOOD.replace(/[^$]+$/, 'c2FsdA'), /hash must have 16 to 64/],
  ['base64', GOOD.replace(/[^$]+$/, 'A'.repeat(42).concat('B')), /not good base64/],
  ['nothing', '', /no scrypt hash/],
] as const) {
  test(`a hash that is wrong is refused: ${what}`, () => {
    assert.throws(() => parseHash(hash), why);
    assert.throws(() => parsePasswords(`# head\n\nok:${GOOD}\nbad:${hash}\n`, 'pw'), /^pw, line 4: /);
  });
}

test('the password file: comments, empty lines, CR', () => {
  const text = `# who\n\n  \nanna:${GOOD}\r\nbert.b-_9:${GOOD}`;
  assert.equal([...parsePasswords(text, 'pw').keys()], ['anna', 'bert.b-_9']);
  assert.is(parsePasswords(formatPasswordLine('anna', parseHash(GOOD)), 'pw').size, 1);
  assert.throws(() => formatPasswordLine('an na', parseHash(GOOD)), /"an na" is no identity/);
});

test('the password file: what is wrong is told by line, without the text of it', () => {
  for (const [text, why] of [
    ['hunter2', /^pw, line 1: a line is/],
    [`a b:${GOOD}`, /^pw, line 1: .*no identity/],
    [`:${GOOD}`, /no identity/],
    [`a:${GOOD}\na:${GOOD}`, /^pw, line 2: identity a stands there twice/],
    ['default:hunter2', /no scrypt hash/],
  ] as const) {
    let message = '';
    try {
      parsePasswords(text, 'pw');
    } catch (error) {
      message = (error as Error).message;
    }
    assert.match(message, why);
    assert.not.match(message, /hunter2/);
  }
});

test('the password file: nobody else may read it', () => {
  assert.is(loadPasswords(file('good', `a:${GOOD}\n`)).size, 1);
  assert.is(loadPasswords(file('read-only', `a:${GOOD}\n`, 0o400)).size, 1);
  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    assert.throws(
      () => loadPasswords(file('open', `a:${GOOD}\n`, mode)),
      /open to others \(mode 0\d+\): chmod 600/,
    );
  }
  assert.throws(() => loadPasswords(join(dir, 'none')), /cannot read the password file/);
  assert.throws(() => loadPasswords(file('empty', '# nobody yet\n')), /holds no password/);
  assert.throws(() => loadPasswords(dir), /is a directory|open to others/);
});

test('a file with one secret', () => {
  assert.is(readSecretFile(file('s1', 'hunter2\n')), 'hunter2');
  assert.is(readSecretFile(file('s2', 'with space ä\r\n')), 'with space ä');
  assert.throws(() => readSecretFile(file('s3', '\n')), /empty/);
  assert.throws(() => readSecretFile(file('s4', 'a\nb\n')), /more than one line/);
  assert.throws(() => readSecretFile(file('s5', 'a\u0000b\n')), /control character/);
  assert.throws(() => readSecretFile(file('s6', 'x'.repeat(1025))), /longer than 1024/);
  assert.throws(() => readSecretFile(file('s7', 'hunter2\n', 0o644)), /chmod 600/);
});

/** Jobs that end when told to. */
class Bench {
  readonly started: string[] = [];
  readonly #ends: (() => void)[] = [];
  job(name: string): () => Promise<string> {
    return () => {
      this.started.push(name);
      return new Promise((resolve) => this.#ends.push(() => resolve(name)));
    };
  }
  async finishOne(): Promise<void> {
    this.#ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('one job at a time, and the addresses take turns', async () => {
  const queue = new FairQueue({ total: 100, perKey: 100 });
  const bench = new Bench();
  for (let i = 0; i < 4; i++) void queue.run('flood', bench.job(`f${i}`));
  void queue.run('good', bench.job('g0'));
  void queue.run('other', bench.job('o0'));
  void queue.run('good', bench.job('g1'));
  assert.equal(bench.started, ['f0']);
  assert.is(queue.size, 6);
  for (let i = 0; i < 7; i++) await bench.finishOne();
  assert.equal(bench.started, ['f0', 'f1', 'g0', 'o0', 'f2', 'g1', 'f3']);
  assert.is(queue.size, 0);
});

test('a full queue refuses, and the fullest address gives up a place', async () => {
  const queue = new FairQueue({ total: 4, perKey: 3 });
  const bench = new Bench();
  const outcomes: string[] = [];
  const run = (key: string, name: string) =>
    queue.run(key, bench.job(name)).then(
      () => outcomes.push(`${name} done`),
      (error: Error) => outcomes.push(`${name} ${error instanceof Busy ? 'busy' : error.message}`),
    );
  const all = [run('a', 'a0'), run('a', 'a1'), run('a', 'a2'), run('a', 'a3')];
  all.push(run('a', 'a4'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(outcomes, ['a4 busy']);
  all.push(run('b', 'b0'), run('c', 'c0'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(outcomes, ['a4 busy', 'a3 busy']);
  all.push(run('b', 'b1'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(outcomes, ['a4 busy', 'a3 busy', 'b1 busy']);
  for (let i = 0; i < 6; i++) await bench.finishOne();
  await Promise.all(all);
  assert.equal(bench.started, ['a0', 'a1', 'b0', 'c0', 'a2']);
});

test('a job that fails does not stop the queue', async () => {
  const queue = new FairQueue({ total: 4, perKey: 4 });
  const failed = queue.run('a', () => Promise.reject(new Error('no'))).catch((error: Error) => error.message);
  const thrown = queue
    .run('a', () => {
      throw new Error('at once');
    })
    .catch((error: Error) => error.message);
  assert.is(await queue.run('b', async () => 'fine'), 'fine');
  assert.equal([await failed, await thrown], ['no', 'at once']);
});

test.run();
