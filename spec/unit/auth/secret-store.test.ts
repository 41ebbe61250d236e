import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSecretStore } from '../../../io/auth/secret-store.ts';

const test = suite('secret store');
const dir = mkdtempSync(join(tmpdir(), 'vnet-secrets-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(dir, `store${count++}`);

test('keeps secrets over a restart, for its owner alone', () => {
  const path = fresh();
  const store = openSecretStore(path);
  assert.equal(store.refs(), []);
  assert.not(existsSync(path));
  store.put('secret:1', 'hunter2');
  store.put('secret:2', 'mit "Anführung"\tund 🔑');
  store.put('__proto__', 'odd');
  assert.is(statSync(path).mode & 0o777, 0o600);
  const again = openSecretStore(path);
  assert.is(again.get('secret:1'), 'hunter2');
  assert.is(again.get('secret:2'), 'mit "Anführung"\tund 🔑');
  assert.is(again.get('__proto__'), 'odd');
  assert.is(again.get('toString'), undefined);
  assert.equal([...again.refs()].sort(), ['__proto__', 'secret:1', 'secret:2']);
});

test('what is dropped is gone from the file', () => {
  const path = fresh();
  const store = openSecretStore(path);
  store.put('a', 'hunter2');
  store.put('a', 'hunter3');
  store.put('b', 'other');
  store.drop('a');
  store.drop('never there');
  assert.is(store.get('a'), undefined);
  assert.not.match(readFileSync(path, 'utf8'), /hunter/);
  assert.equal(openSecretStore(path).refs(), ['b']);
});

for (const [what, act] of [
  ['truncated', (path: string) => truncateSync(path)],
  ['deleted', (path: string) => rmSync(path)],
  ['written over', (path: string) => writeFileSync(path, '{"a":"else"}')],
  ['opened to others', (path: string) => chmodSync(path, 0o644)],
  ['replaced', (path: string) => renameSync(path, `${path}.1`) ?? writeFileSync(path, '')],
] as const) {
  test(`a file that was ${what} by somebody else is written again`, () => {
    const path = fresh();
    const store = openSecretStore(path);
    assert.is(store.look(), undefined, 'there is no file yet, and none is missing');
    store.put('a', 'hunter2');
    assert.is(store.look(), undefined);
    act(path);
    assert.match(store.look() ?? '', /was changed by somebody else/);
    assert.is(store.look(), undefined);
    const again = openSecretStore(path);
    assert.is(again.get('a'), 'hunter2');
    assert.is(again.look(), undefined);
  });
}

test('what cannot be written is not there', () => {
  const path = fresh();
  const store = openSecretStore(join(path, 'no', 'such', 'directory'));
  assert.throws(() => store.put('a', 'x'), /ENOENT/);
  assert.is(store.get('a'), undefined);
  assert.equal(store.refs(), []);
});

test('a store that is open to others, or damaged, is refused', () => {
  const path = fresh();
  writeFileSync(path, '{}');
  chmodSync(path, 0o640);
  assert.throws(() => openSecretStore(path), /the secret store .*chmod 600/);
  for (const text of ['', '{"a"', '[]', '{"a":1}', 'null']) {
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    assert.throws(() => openSecretStore(path), /damaged; move it away/);
  }
});

test('a file that was half written is forgotten', () => {
  const path = fresh();
  openSecretStore(path).put('a', 'x');
  writeFileSync(`${path}.new`, '{"a":"hunt');
  assert.equal(openSecretStore(path).refs(), ['a']);
  assert.not(existsSync(`${path}.new`));
});

test('kill -9 at any moment leaves all that was acknowledged', async () => {
  const path = fresh();
  const script = `
    import { openSecretStore } from ${JSON.stringify(new URL('../../../io/auth/secret-store.ts', import.meta.url).href)};
    import { writeSync } from 'node:fs';
    const store = openSecretStore(${JSON.stringify(path)});
    for (let i = 0; ; i++) { store.put('r' + i, 'secret ' + i); writeSync(1, i + '\\n'); }`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (chunk) => {
    told += chunk;
    if (told.split('\n').length > 50) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const last = Number(told.split('\n').at(-2));
  assert.ok(last >= 49);
  const store = openSecretStore(path);
  for (let i = 0; i <= last; i++) assert.is(store.get(`r${i}`), `secret ${i}`);
  assert.ok(store.refs().length <= last + 2);
});

test.run();
