import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Credentials } from '../../../io/auth/authenticator.ts';
import { parseAuthorized } from '../../../io/auth/authorized-file.ts';
import {
  describeCertificate,
  fingerprint,
  keygen,
  loadKeyPair,
  readCertificates,
  renewCertificate,
} from '../../../io/auth/certificates.ts';
import { Busy } from '../../../io/auth/fair-queue.ts';
import { KnownSecrets } from '../../../io/auth/known-secrets.ts';
import { formatPasswordLine } from '../../../io/auth/password-file.ts';
import { loadPeers } from '../../../io/auth/peers.ts';
import { hashSecretSync } from '../../../io/auth/scrypt.ts';
import { realNetwork } from '../../../io/net/network.ts';
import { NO_TLS_MATERIAL } from '../../../io/net/tls-material.ts';
import type { PeerCertificate } from '../../../io/ports.ts';
import { testCa } from '../net/test-ca.ts';

const test = suite('credentials');
const dir = mkdtempSync(join(tmpdir(), 'vnet-auth-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
const CHEAP = { ln: 10, r: 8, p: 1 };
const A = `sha256:${'aa'.repeat(32)}`;
const B = `sha256:${'bb'.repeat(32)}`;

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const key = await keygen(join(dir, 'keys'), 'berlin');
const other = await keygen(join(dir, 'keys'), 'other');
const ca = await testCa();

test('keygen: a key for its owner alone, a certificate, and the line to hand out', () => {
  assert.is(key.line, `berlin ${key.fingerprint}`);
  assert.is(statSync(key.keyFile).mode & 0o777, 0o600);
  assert.is(statSync(join(dir, 'keys')).mode & 0o777, 0o700);
  const info = describeCertificate(readFileSync(key.certFile, 'utf8'));
  assert.is(info.commonName, 'berlin');
  assert.is(info.fingerprint, key.fingerprint);
  assert.ok(info.daysLeft >= 3650 && info.daysLeft <= 3653, String(info.daysLeft));
  const shown = execFileSync(
    'openssl',
    ['x509', '-in', key.certFile, '-noout', '-text', '-fingerprint', '-sha256'],
    {
      encoding: 'utf8',
    },
  );
  assert.match(shown, /prime256v1/);
  assert.match(shown, /CA:FALSE/);
  assert.match(shown, /DNS:berlin/);
  assert.match(shown, /TLS Web Server Authentication, TLS Web Client Authentication/);
  const hex = /Fingerprint=([0-9A-F:]+)/.exec(shown)?.[1]?.replaceAll(':', '').toLowerCase();
  assert.is(`sha256:${hex}`, key.fingerprint);
});

test('keygen: nothing is written over, and names are names', async () => {
  const fails = async (name: string, why: RegExp) => {
    let message = '';
    await keygen(join(dir, 'keys'), name).catch((error: Error) => {
      message = error.message;
    });
    assert.match(message, why);
  };
  const before = readFileSync(key.keyFile, 'utf8');
  await fails('berlin', /berlin\.key is there already/);
  assert.is(readFileSync(key.keyFile, 'utf8'), before);
  rmSync(other.keyFile);
  await fails('other', /other\.crt is there already/);
  assert.throws(() => statSync(other.keyFile));
  await fails('../evil', /cannot be the name/);
  await fails('', /cannot be the name/);
  assert.match((await keygen(dir, 'x.y_z-1')).line, /^x\.y_z-1 sha256:[0-9a-f]{64}$/);
  assert.match((await keygen(dir, '192.0.2.7')).line, /^192\.0\.2\.7 /);
});

test('keys: others may not read them, and they must fit', async () => {
  assert.match(loadKeyPair(key.certFile, key.keyFile).key, /PRIVATE KEY/);
  const open = file('open.key', readFileSync(key.keyFile, 'utf8'), 0o644);
  assert.throws(
    () => loadKeyPair(key.certFile, open),
    /the private key .*open\.key is open to others.*chmod 600/,
  );
  const stranger = await keygen(dir, 'stranger');
  assert.throws(() => loadKeyPair(key.certFile, stranger.keyFile), /does not belong to the certificate/);
  assert.throws(() => loadKeyPair(key.certFile, file('junk.key', 'junk')), /not a private key/);
  assert.throws(() => loadKeyPair(file('junk.crt', 'junk'), key.keyFile), /holds no certificate/);
  assert.throws(() => loadKeyPair(join(dir, 'none.crt'), key.keyFile), /cannot read .*none\.crt/);
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const two = file('two.crt', readFileSync(key.certFile, 'utf8') + broken);
  assert.throws(() => readCertificates(two), /certificate 2 cannot be read/);
});

/** What `openssl genpkey` takes. RSA of 1,024 bits: too short for the usual security level, which TLS itself says. */
const KINDS: readonly (readonly [string, readonly string[]])[] = [
  ['RSA', ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ['RSA-PSS', ['RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048']],
  [
    'RSA-PSS for SHA-384',
    ['RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048', '-pkeyopt', 'rsa_pss_keygen_md:sha384'],
  ],
  [
    'RSA-PSS for SHA-1',
    ['RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048', '-pkeyopt', 'rsa_pss_keygen_md:sha1'],
  ],
  ['RSA of 512 bits', ['RSA', '-pkeyopt', 'rsa_keygen_bits:512']],
  ...['P-256', 'P-384', 'P-521', 'P-224', 'secp256k1', 'brainpoolP256r1', 'sect283k1'].map(
    (curve) => [curve, ['EC', '-pkeyopt', `ec_paramgen_curve:${curve}`]] as const,
  ),
  ['Ed25519', ['ED25519']],
  ['Ed448', ['ED448']],
];

for (const [kind, options] of KINDS) {
  test(`a key is taken when a handshake can use it: ${kind}`, async () => {
    const keyFile = file('kind.key', '');
    execFileSync('openssl', ['genpkey', '-out', keyFile, '-algorithm', ...options], { stdio: 'pipe' });
    const certFile = file('kind.crt', '');
    const digest = kind.includes('SHA-384') ? ['-sha384'] : kind.includes('SHA-1') ? ['-sha1'] : [];
    execFileSync(
      'openssl',
      ['req', '-x509', '-new', '-key', keyFile, '-out', certFile, '-subj', '/CN=k', ...digest],
      {
        stdio: 'pipe',
      },
    );
    let why = '';
    try {
      loadKeyPair(certFile, keyFile);
    } catch (error) {
      why = (error as Error).message;
    }
    const own = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    assert.is(why === '', await handshakes(own), why);
    if (why !== '')
      assert.match(why, /no TLS 1\.3 handshake can use the key in .*kind\.key, .*vnet keygen|TLS refuses/);
  });
}

/** Whether a handshake with that certificate and key comes to an end. */
async function handshakes(own: { cert: string; key: string }): Promise<boolean> {
  const network = realNetwork({ tls: () => ({ ...NO_TLS_MATERIAL, own }) });
  try {
    const listener = await network.listen('tls://127.0.0.1:0', (link) => link.destroy());
    const pin = fingerprint(new X509Certificate(own.cert).raw);
    const link = await realNetwork()
      .dial(listener.url, { signal: AbortSignal.timeout(5000), clientCertificate: false, pin })
      .catch(() => undefined);
    link?.destroy();
    await listener.close();
    return link !== undefined;
  } catch {
    return false;
  }
}

test('keygen: the line for the public key stays good when the certificate is renewed', async () => {
  const made = await keygen(join(dir, 'renewed'), 'n');
  const before = describeCertificate(readFileSync(made.certFile, 'utf8'));
  assert.is(made.publicKeyLine, `n ${before.publicKey}`);
  const spki = execFileSync(
    'sh',
    ['-c', `openssl x509 -in ${made.certFile} -noout -pubkey | openssl pkey -pubin -outform der | sha256sum`],
    { encoding: 'utf8' },
  );
  assert.is(before.publicKey, `spki-sha256:${spki.slice(0, 64)}`);
  const keyBefore = readFileSync(made.keyFile, 'utf8');
  const renewed = await renewCertificate(join(dir, 'renewed'), 'n');
  const after = describeCertificate(readFileSync(made.certFile, 'utf8'));
  assert.is(readFileSync(made.keyFile, 'utf8'), keyBefore);
  assert.is.not(after.fingerprint, before.fingerprint);
  assert.equal([renewed.line, renewed.publicKeyLine], [`n ${after.fingerprint}`, made.publicKeyLine]);
  assert.match(loadKeyPair(made.certFile, made.keyFile).key, /PRIVATE KEY/);
  assert.is(statSync(made.certFile).mode & 0o777, 0o644);
  const fails = async (name: string, why: RegExp) => {
    const error = await renewCertificate(join(dir, 'renewed'), name).catch((error: Error) => error);
    assert.match(error instanceof Error ? error.message : '', why);
  };
  await fails('nobody', /cannot read the private key .*nobody\.key/);
  execFileSync('openssl', ['genpkey', '-out', join(dir, 'renewed', 'rsa.key'), '-algorithm', 'ED25519'], {
    stdio: 'pipe',
  });
  chmodSync(join(dir, 'renewed', 'rsa.key'), 0o600);
  await fails('rsa', /is none that `vnet keygen` made/);
});

test('who may come by a public key: in the authorized file, and with server=', async () => {
  const k = `spki-${A}`;
  const authorized = parseAuthorized(`anna ${k} server=h\nbert ${B}\n`, 'auth');
  assert.is(authorized.identityOf(k), 'anna');
  assert.equal(authorized.serverFingerprints('h', 1), [k]);
  const credentials = new Credentials({
    authorizedFile: file('by-key', `anna ${k.toUpperCase().replace('SPKI-SHA', 'spki-sha')}\nbert ${B}\n`),
  });
  assert.is(credentials.identify(shown({ publicKey: k, fingerprint: `sha256:${'cc'.repeat(32)}` })), 'anna');
  assert.is(
    credentials.identify(shown({ publicKey: k, fingerprint: B })),
    'bert',
    'the certificate itself comes first',
  );
  assert.is(credentials.identify(shown({ publicKey: `spki-${B}`, fingerprint: A })), undefined);
  const pinned = file(
    'spki.json',
    JSON.stringify([
      { name: 'a', url: 'tls://h', pin: k },
      { name: 'b', url: `tls://h?pin=${k}` },
    ]),
  );
  assert.equal([loadPeers(pinned).get('a')?.pin, loadPeers(pinned).get('b')?.pin], [k, k]);
});

test('a chain in the wrong order is told from a key that does not belong to it', async () => {
  const below = await ca.intermediate('below');
  const { cert, key: leafKey } = await below.issue('leaf', 'h');
  const keyFile = file('leaf.key', leafKey);
  assert.match(loadKeyPair(file('right.crt', cert + below.pem), keyFile).cert, /BEGIN/);
  for (const [text, place] of [
    [below.pem + cert, 'number 2 of 2'],
    [ca.pem + below.pem + cert, 'number 3 of 3'],
  ] as const) {
    assert.throws(
      () => loadKeyPair(file('chain.crt', text), keyFile),
      new RegExp(`leaf\\.key is ${place} in .*chain\\.crt: our own comes first`),
    );
  }
  assert.throws(() => loadKeyPair(file('chain.crt', below.pem + ca.pem), keyFile), /does not belong/);
});

test('the authorized file', () => {
  const text = `# who may come
anna ${A.toUpperCase().replace('SHA', 'sha')}  # her laptop

office\t${B} server=Office.Example:7411\r
office ${B} server=[2001:DB8:0::1]
`;
  const authorized = parseAuthorized(text, 'auth');
  assert.is(authorized.size, 3);
  assert.is(authorized.identityOf(A), 'anna');
  assert.is(authorized.identityOf(B), 'office');
  assert.is(authorized.identityOf(`sha256:${'cc'.repeat(32)}`), undefined);
  assert.equal(authorized.serverFingerprints('OFFICE.example', 7411), [B]);
  assert.equal(authorized.serverFingerprints('office.example', 7412), []);
  assert.equal(authorized.serverFingerprints('2001:db8::1', 9), [B]);
  // A client is not a server.
  assert.equal(authorized.serverFingerprints('anna', 7411), []);
});

for (const [line, why] of [
  ['anna', /sha256: and 64 hex digits/],
  ['anna sha256:12', /sha256: and 64 hex digits/],
  [`an/na ${A}`, /begins with a name/],
  [`anna ${A} host=x`, /only one option is known/],
  [`anna ${A} server=`, /must be HOST/],
  [`anna ${A} server=h:0`, /must be HOST/],
  [`anna ${A} server=h:99999`, /must be HOST/],
  [`anna ${A} server=::1`, /must be HOST/],
  [`anna ${A} server=a server=b`, /only one option/],
  [`bert ${B}`, /is first already/],
] as const) {
  test(`a wrong line in the authorized file: ${line.slice(0, 20)}…`, () => {
    assert.throws(() => parseAuthorized(`first ${B}\n${line}\n`, 'auth'), /^auth, line 2: /);
    assert.throws(() => parseAuthorized(`first ${B}\n${line}\n`, 'auth'), why);
  });
}

test('the peers file', () => {
  mkdirSync(join(dir, 'sub'), { recursive: true });
  file('sub/office.secret', 'hunter2\n');
  const path = file(
    'sub/peers.json',
    JSON.stringify([
      {
        name: 'office',
        url: 'tls://Office.Example',
        pin: A,
        identity: 'berlin',
        'password-file': 'office.secret',
      },
      { name: 'lab', url: `tls://[::1]:7?pin=${B}`, cert: '../keys/berlin.crt', key: '../keys/berlin.key' },
      { name: 'own', url: 'tls://10.0.0.1:7' },
      { name: 'plain', url: 'tcp://10.0.0.1:7' },
    ]),
  );
  const peers = loadPeers(path);
  assert.equal(peers.get('office'), {
    name: 'office',
    url: 'tls://office.example:7411',
    pin: A,
    auth: { method: 'password', identity: 'berlin', secret: 'hunter2' },
  });
  const lab = peers.get('lab');
  assert.equal([lab?.url, lab?.pin, lab?.auth], ['tls://[::1]:7', B, { method: 'cert' }]);
  assert.match(lab?.certificate?.key ?? '', /PRIVATE KEY/);
  assert.equal(peers.get('own')?.auth, { method: 'cert' });
  assert.is(peers.get('plain')?.auth, undefined);
  assert.is(peers.get('nobody'), undefined);
});

for (const [json, why] of [
  ['{', /peers file .* is not good JSON: line 1, column 2: it ends too early: a key in double quotes/],
  ['{}', /as a whole: /],
  ['[{"url":"tls://h"}]', /\[0\]\.name: /],
  ['[{"name":"a b","url":"tls://h"}]', /\[0\]\.name: must be 1 to 64/],
  ['[{"name":"a","url":"http://h"}]', /\[0\] \(a\): .*not an address/],
  ['[{"name":"a","url":"unix:///x"}]', /url must be tcp/],
  ['[{"name":"a","url":"tls://h","pin":"x"}]', /\[0\]\.pin: must be sha256/],
  [`[{"name":"a","url":"tcp://h","pin":"${A}"}]`, /tls:\/\/ only/],
  ['[{"name":"a","url":"tls://h","cert":"x"}]', /cert and key go together/],
  ['[{"name":"a","url":"tls://h","identity":"x"}]', /identity goes with password-file/],
  ['[{"name":"a","url":"tls://h","password":"hunter2"}]', /\[0\]\.password/],
  ['[{"name":"a","url":"tls://h"},{"name":"a","url":"tls://h"}]', /\[1\] \(a\): .*twice/],
  ['[{"name":"a","url":"tls://h","password-file":"none"}]', /cannot read the password file/],
] as const) {
  test(`a wrong peers file: ${json}`, () => {
    const path = file('wrong.json', json);
    assert.throws(() => loadPeers(path), why);
    try {
      loadPeers(path);
    } catch (error) {
      assert.not.match((error as Error).message, /hunter2/);
    }
  });
}

const shown = (certificate: Partial<PeerCertificate>): PeerCertificate => ({
  fingerprint: A,
  publicKey: `spki-sha256:${'dd'.repeat(32)}`,
  commonName: 'carl',
  authorized: false,
  validTo: '2999-01-01T00:00:00.000Z',
  ...certificate,
});

test('who may come: password, fingerprint, CA', async () => {
  const passwordFile = file('pw', `${formatPasswordLine('anna', hashSecretSync('hunter2', CHEAP))}\n`);
  const none = new Credentials({});
  assert.equal([none.passwords, none.certificates, none.ownCertificate], [false, false, undefined]);
  assert.not(await none.verify('default', '', 'x'));
  assert.is(none.identify(shown({ authorized: true })), undefined);

  const credentials = new Credentials({
    passwordFile,
    password: 'ignored',
    authorizedFile: file('authorized', `bert ${A}\n`, 0o644),
    caFile: file('ca.pem', ca.pem, 0o644),
    certFile: key.certFile,
    keyFile: key.keyFile,
  });
  assert.equal([credentials.passwords, credentials.certificates], [true, true]);
  assert.is(credentials.ownCertificate?.fingerprint, key.fingerprint);
  assert.ok(await credentials.verify('anna', 'hunter2', '192.0.2.1'));
  assert.not(await credentials.verify('anna', 'Hunter2', '192.0.2.1'));
  assert.not(await credentials.verify('nobody', 'hunter2', '192.0.2.1'));
  assert.not(await credentials.verify('default', 'ignored', '192.0.2.1'));
  assert.is(credentials.identify(shown({})), 'bert');
  assert.is(credentials.identify(shown({ fingerprint: B })), undefined);
  assert.is(credentials.identify(shown({ fingerprint: B, authorized: true })), 'carl');
  assert.is(credentials.identify(shown({ fingerprint: B, authorized: true, commonName: 'a b' })), undefined);
  assert.is(credentials.identify(shown({ fingerprint: B, authorized: true, commonName: '' })), undefined);
  assert.is(
    credentials.identify(shown({ fingerprint: B, authorized: true, commonName: 'local' })),
    undefined,
  );
  assert.is(credentials.identify(shown({ validTo: '2001-01-01T00:00:00.000Z' })), undefined);
});

test('VNET_PASSWORD is the secret of default', async () => {
  const credentials = new Credentials({ password: 'hunter2' });
  assert.ok(credentials.passwords);
  assert.ok(await credentials.verify('default', 'hunter2', 'x'));
  assert.not(await credentials.verify('default', 'hunter', 'x'));
  assert.not(await credentials.verify('default', '', 'x'));
  assert.not(await credentials.verify('anna', 'hunter2', 'x'));
  credentials.reload();
  assert.ok(await credentials.verify('default', 'hunter2', 'x'));
  assert.throws(() => new Credentials({ password: '' }), /VNET_PASSWORD is empty/);
});

test('VNET_PASSWORD is not guessed faster than a hash, and a wrong name takes as long as a wrong secret', async () => {
  const credentials = new Credentials({ password: 'hunter2' });
  for (const identity of ['default', 'anna']) {
    const started = performance.now();
    const guesses = ['1', '2', '3'].map((guess) => credentials.verify(identity, guess, 'x'));
    assert.equal(await Promise.all(guesses), [false, false, false]);
    // Timers may be a millisecond early.
    assert.ok(performance.now() - started >= 3 * 58, 'one after the other');
  }
});

for (const [where, sources] of [
  [
    'a password file',
    { passwordFile: file('pw-known', `${formatPasswordLine('default', hashSecretSync('hunter2'))}\n`) },
  ],
  ['VNET_PASSWORD', { password: 'hunter2' }],
] as const) {
  test(`a right secret is known again for 15 minutes, until a reload: ${where}`, async () => {
    let now = 0;
    const credentials = new Credentials(sources, { total: 128, perKey: 16 }, () => now);
    /** Whether the check was left out: it takes tens of milliseconds, and knowing again a fraction of one. */
    const atOnce = async (identity: string, secret: string): Promise<boolean> => {
      const checked = credentials.verify(identity, secret, 'x').then((right) => [right, 'checked']);
      const [right, how] = await Promise.race([
        checked,
        new Promise<unknown[]>((r) => setImmediate(r, [false, 'waits'])),
      ]);
      assert.is((await checked)[0], secret === 'hunter2' && identity === 'default');
      return right === true && how === 'checked';
    };
    assert.not(await atOnce('default', 'hunter2'));
    assert.ok(await atOnce('default', 'hunter2'));
    // What is wrong is not remembered, and what is right stays so.
    for (const wrong of ['hunter', '']) {
      assert.not(await atOnce('default', wrong));
      assert.not(await atOnce('default', wrong));
    }
    assert.not(await atOnce('anna', 'hunter2'));
    now = 15 * 60_000 - 1;
    assert.ok(await atOnce('default', 'hunter2'));
    now = 15 * 60_000;
    assert.not(await atOnce('default', 'hunter2'));
    assert.ok(await atOnce('default', 'hunter2'));
    credentials.reload();
    assert.not(await atOnce('default', 'hunter2'));
    assert.ok(await atOnce('default', 'hunter2'));
  });
}

test('a secret that was being checked while a reload took it away is not known afterwards', async () => {
  const line = (secret: string) => `${formatPasswordLine('anna', hashSecretSync(secret, CHEAP))}\n`;
  const credentials = new Credentials({ passwordFile: file('pw3', line('first')) });
  const checked = credentials.verify('anna', 'first', 'x');
  file('pw3', line('second'));
  credentials.reload();
  await checked;
  assert.not(await credentials.verify('anna', 'first', 'x'));
  assert.ok(await credentials.verify('anna', 'second', 'x'));
});

test('many that come at once with one secret cost one check, and a flood does not hold a known one back', async () => {
  const credentials = new Credentials({ password: 'hunter2' });
  const started = performance.now();
  const all = Array.from({ length: 16 }, () => credentials.verify('default', 'hunter2', 'x'));
  assert.equal(
    await Promise.all(all),
    all.map(() => true),
  );
  assert.ok(performance.now() - started < 8 * 60, 'one check, not sixteen');
  const flood = Array.from({ length: 16 }, (_, i) => credentials.verify('default', `guess ${i}`, 'flood'));
  let answered = 0;
  for (const guess of flood) void guess.then(() => answered++);
  assert.ok(await credentials.verify('default', 'hunter2', 'flood'));
  assert.is(answered, 0);
  assert.equal(
    await Promise.all(flood),
    flood.map(() => false),
  );
});

test('what is known is bounded, and holds no secret', () => {
  const known = new KnownSecrets(() => 0);
  for (let i = 0; i < 2000; i++) known.remember(`i${i}`, 'hunter2');
  assert.is(known.size, 1024);
  assert.not(known.knows('i0', 'hunter2'));
  assert.ok(known.knows('i1999', 'hunter2'));
  // Neither another's secret, nor one that runs over from its name.
  assert.not(known.knows('i1999', 'hunter'));
  assert.not(known.knows('i199', '9\0hunter2'));
  assert.not.match(inspect(known, { depth: 9, showHidden: true }), /hunter2/);
});

test('too many at once are told so, and others are not harmed', async () => {
  const credentials = new Credentials({ password: 'hunter2' }, { total: 4, perKey: 2 });
  const tries = [1, 2, 3, 4].map(() =>
    credentials.verify('default', 'wrong', 'flood').catch((error: Error) => error),
  );
  assert.ok(await credentials.verify('default', 'hunter2', 'good'));
  const outcomes = await Promise.all(tries);
  assert.equal(
    outcomes.map((outcome) => (outcome instanceof Busy ? 'busy' : outcome)),
    [false, false, false, 'busy'],
  );
});

test('reload takes everything that is new, or nothing', async () => {
  const line = (secret: string) => `${formatPasswordLine('anna', hashSecretSync(secret, CHEAP))}\n`;
  const passwordFile = file('pw2', line('first'));
  const authorizedFile = file('authorized2', `bert ${A} server=h\n`);
  const credentials = new Credentials({
    passwordFile,
    authorizedFile,
    certFile: key.certFile,
    keyFile: key.keyFile,
  });
  const before = credentials.tls;

  file('pw2', line('second'));
  file('authorized2', 'bert nonsense\n');
  assert.throws(() => credentials.reload(), /authorized2, line 1/);
  assert.ok(await credentials.verify('anna', 'first', 'x'));
  assert.is(credentials.identify(shown({})), 'bert');
  assert.is(credentials.tls, before);

  file('authorized2', `carl ${A}\n`);
  credentials.reload();
  assert.ok(await credentials.verify('anna', 'second', 'x'));
  assert.not(await credentials.verify('anna', 'first', 'x'));
  assert.is(credentials.identify(shown({})), 'carl');
  assert.is.not(credentials.tls, before);
  assert.equal([before.serverFingerprints('h', 1), credentials.tls.serverFingerprints('h', 1)], [[A], []]);

  file('pw2', line('third'), 0o644);
  assert.throws(() => credentials.reload(), /chmod 600/);
  assert.ok(await credentials.verify('anna', 'second', 'x'));
});

test('cert and key go together', () => {
  assert.throws(() => new Credentials({ certFile: key.certFile }), /--cert and --key go together/);
});

test.run();
