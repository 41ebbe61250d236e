/** Files as editors and systems write them: byte order marks, other encodings, and secrets typed in more ways than one. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Credentials } from '../../../io/auth/authenticator.ts';
import { loadAuthorized } from '../../../io/auth/authorized-file.ts';
import { keygen, loadKeyPair } from '../../../io/auth/certificates.ts';
import { readJsonFile } from '../../../io/auth/json-file.ts';
import { formatPasswordLine, loadPasswords } from '../../../io/auth/password-file.ts';
import { loadPeers } from '../../../io/auth/peers.ts';
import { readSecretFile } from '../../../io/auth/private-file.ts';
import { hashSecretSync } from '../../../io/auth/scrypt.ts';
import { formsOf, normalSecret, secretProblem } from '../../../io/auth/secret.ts';
import { openSecretStore } from '../../../io/auth/secret-store.ts';
import { projectFile } from '../../../io/project.ts';
import { tokenise } from '../../../machines/protocol/tokens.ts';

const test = suite('text of files and secrets');
const dir = mkdtempSync(join(tmpdir(), 'vnet-text-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
const CHEAP = { ln: 10, r: 8, p: 1 };
const BOM = '\ufeff';
const PRINT = `sha256:${'aa'.repeat(32)}`;
const NFC = 'Stra\u00dfe \u00e9t\u00e9 \uac00';
const NFD = NFC.normalize('NFD');

function file(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const utf16 = (text: string) => Buffer.from(`${BOM}${text}`, 'utf16le');

test('a byte order mark is no part of any file', async () => {
  assert.is(readSecretFile(file('secret', `${BOM}hunter2\r\n`)), 'hunter2');
  assert.equal(readJsonFile(file('json', `${BOM}{"a":1}`), 'the file'), { a: 1 });
  const line = formatPasswordLine('anna', hashSecretSync('hunter2', CHEAP));
  assert.equal([...loadPasswords(file('users', `${BOM}${line}\n`)).keys()], ['anna']);
  assert.is(loadAuthorized(file('auth', `${BOM}anna ${PRINT}\n`)).identityOf(PRINT), 'anna');
  const peers = loadPeers(file('peers', `${BOM}[{"name":"a","url":"tcp://h","password-file":"secret"}]`));
  assert.match(JSON.stringify(peers.get('a')?.auth), /"secret":"hunter2"/);
  const made = await keygen(join(dir, 'keys'), 'bom');
  const marked = (path: string, name: string) => file(name, `${BOM}${readFileSync(path, 'utf8')}`);
  assert.match(loadKeyPair(marked(made.certFile, 'b.crt'), marked(made.keyFile, 'b.key')).key, /^-----BEGIN/);
  assert.is(openSecretStore(file('store', `${BOM}{"secret:1":"x"}\n`)).get('secret:1'), 'x');
});

test('what must be UTF-8 says so, with the line, and quotes nothing', () => {
  const fails = (what: () => unknown, why: RegExp) => {
    assert.throws(what, why);
    assert.throws(what, (error: Error) => !/hunter|gehe/.test(error.message));
  };
  // Read leniently, both were the same secret.
  for (const word of ['gehe\u00e4m', 'gehe\u00f6m']) {
    fails(
      () => readSecretFile(file('l1', latin1(`${word}\n`))),
      /password file .*l1 is not UTF-8 \(see line 1\)/,
    );
  }
  fails(
    () => readJsonFile(file('l2', latin1('{\n"a":\n"gehe\u00e4m"}')), 'the file'),
    /the file .*l2 is not UTF-8 \(see line 3\)/,
  );
  fails(() => readSecretFile(file('l3', utf16('hunter2\n'))), /l3 is UTF-16.*save it as UTF-8/);
  fails(() => readJsonFile(file('l4', utf16('{}')), 'the file'), /l4 is UTF-16/);
  fails(() => loadPasswords(file('l5', utf16('anna:hunter2'))), /l5 is UTF-16/);
  fails(() => loadAuthorized(file('l6', utf16('anna'))), /l6 is UTF-16/);
});

test('comments may be in whatever encoding: a file that was good stays good', () => {
  const line = formatPasswordLine('anna', hashSecretSync('hunter2', CHEAP));
  assert.is(loadPasswords(file('c1', Buffer.concat([latin1('# B\u00fcro\n'), Buffer.from(line)]))).size, 1);
  assert.is(loadAuthorized(file('c2', latin1(`anna ${PRINT} # B\u00fcro\n`))).size, 1);
});

test('a secret that no HELLO can carry is refused where it is read', () => {
  for (let code = 0; code <= 0x9f; code++) {
    const secret = `a${String.fromCharCode(code)}b`;
    const line = `HELLO password "${secret.replace(/["\\]/g, '\\$&')}"`;
    const carried = tokenise(line).ok;
    assert.is(secretProblem(secret) === undefined, carried, `U+${code.toString(16)}`);
  }
  assert.throws(
    () => readSecretFile(file('c1', 'a\u0085b\n')),
    /control character, which no HELLO can carry/,
  );
  assert.throws(() => new Credentials({ password: 'a\u0085b' }), /VNET_PASSWORD holds a control character/);
  // What Node makes of an environment that is not UTF-8.
  assert.throws(
    () => new Credentials({ password: 'geh\ufffdm' }),
    /VNET_PASSWORD holds bytes that are not UTF-8/,
  );
});

test('every way to write a secret is one secret, case and width aside', () => {
  assert.is.not(NFC, NFD);
  assert.is(normalSecret(NFD), NFC);
  assert.is(normalSecret('a\u00a0b\u3000c\u2009d'), 'a b c d');
  for (const own of ['Hunter2', '\uff21', '\ufb01', 'a  b', ' a ', 'a\tb']) assert.is(normalSecret(own), own);
  assert.equal(formsOf(NFC), [NFC]);
  assert.equal(formsOf(NFD), [NFC, NFD]);
});

test('who may come: by every form of a new hash, and by the very bytes of an old one', async () => {
  const users = (secret: string) =>
    file('forms', `${formatPasswordLine('anna', hashSecretSync(secret, CHEAP))}\n`);
  const right = async (credentials: Credentials, told: string) => {
    const first = await credentials.verify('anna', told, 'x');
    assert.is(await credentials.verify('anna', told, 'x'), first, 'known again or not, it is the same');
    return first;
  };
  const fresh = new Credentials({ passwordFile: users(NFC) });
  assert.equal(
    [await right(fresh, NFC), await right(fresh, NFD), await right(fresh, NFC.replace(' ', '\u00a0'))],
    [true, true, true],
  );
  assert.equal([await right(fresh, NFC.toLowerCase()), await right(fresh, '')], [false, false]);
  // Made before there was a normal form: on a system that types it in parts.
  const old = new Credentials({ passwordFile: users(NFD) });
  assert.equal([await right(old, NFD), await right(old, NFC)], [true, false]);
  const variable = new Credentials({ password: NFD });
  for (const told of [NFC, NFD]) assert.ok(await variable.verify('default', told, 'x'));
});

const passwd = (input: string | Buffer) => {
  const main = projectFile('tools/vnet/main.ts');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', main, 'passwd', 'anna'],
    {
      input,
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
};

test('vnet passwd: the mark is left out, the normal form is hashed, other bytes are refused', async () => {
  for (const typed of [`${BOM}${NFC}\n`, `${NFD}\n`]) {
    const { status, stdout, stderr } = passwd(typed);
    assert.is(status, 0, stderr);
    const credentials = new Credentials({ passwordFile: file('made', stdout) });
    assert.ok(await credentials.verify('anna', NFC, 'x'));
  }
  const latin = passwd(latin1('geh\u00e4m\n'));
  assert.equal([latin.status, latin.stdout], [1, '']);
  assert.match(latin.stderr, /Standard input is not UTF-8/);
  const control = passwd('a\u0085b\n');
  assert.is(control.status, 1);
  assert.match(control.stderr, /control character, which no HELLO can carry/);
});

test.run();
