import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeCertificate } from '../../../io/auth/certificates.ts';
import { HANDSHAKE_LIMITS } from '../../../io/net/handshakes.ts';
import { realNetwork } from '../../../io/net/network.ts';
import { NO_TLS_MATERIAL, type TlsMaterial } from '../../../io/net/tls-material.ts';
import { DialError, type DialOptions, type Link } from '../../../io/ports.ts';
import { RecordingSink } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';
import { connected, fresh, PLAIN } from './pairs.ts';
import { newKeys, testCa } from './test-ca.ts';

const test = suite('tls');
const server = await fresh('server');
const client = await fresh('client');
const ca = await testCa();
const good = await ca.issue('host.example', '127.0.0.1');
const elsewhere = await ca.issue('host.example', 'host.example');
const expired = await ca.issue('late', '127.0.0.1', new Date(Date.now() - 60_000));

const BY_PIN: DialOptions = { ...PLAIN, pin: server.fingerprint };
const withOwn = (own: TlsMaterial['own'], more: Partial<TlsMaterial> = {}) => ({
  tls: () => ({ ...NO_TLS_MATERIAL, ...(own ? { own } : {}), ...more }),
});

/** Dials a server with this certificate. @returns the error, or undefined when the server was believed */
async function judged(
  own: TlsMaterial['own'],
  how: DialOptions,
  mine: Partial<TlsMaterial> = {},
): Promise<DialError | undefined> {
  const received: RecordingSink[] = [];
  const listener = await realNetwork(withOwn(own)).listen('tls://127.0.0.1:0', (link) => {
    const sink = new RecordingSink();
    received.push(sink);
    link.attach(sink);
  });
  try {
    const link = await realNetwork(withOwn(undefined, mine)).dial(listener.url, how);
    link.destroy();
    return undefined;
  } catch (error) {
    assert.instance(error, DialError);
    await until('the server has seen it go', () =>
      received.every((sink) => sink.closedTimes + Number(sink.ended) > 0),
    );
    assert.is(
      received.reduce((sum, sink) => sum + sink.bytes, 0),
      0,
    );
    return error as DialError;
  } finally {
    await listener.close();
  }
}

const own = server.material.own;

test('a server is believed by its pin, and by nothing else when there is one', async () => {
  assert.is(await judged(own, BY_PIN), undefined);
  assert.is(
    await judged(own, { ...PLAIN, pin: server.fingerprint.toUpperCase().replace('SHA', 'sha') }),
    undefined,
  );
  const wrong = await judged(own, { ...PLAIN, pin: client.fingerprint });
  assert.is(wrong?.kind, 'remote-untrusted');
  assert.match(wrong?.message ?? '', new RegExp(`${server.fingerprint}.*the pin is ${client.fingerprint}`));
  const even = { ...PLAIN, pin: client.fingerprint, acceptFingerprints: [server.fingerprint] };
  assert.is((await judged(own, even))?.kind, 'remote-untrusted');
  assert.is(
    (await judged(good, { ...PLAIN, pin: client.fingerprint }, { ca: [ca.pem] }))?.kind,
    'remote-untrusted',
  );
});

test('a pin on the public key holds when the certificate is renewed, and for no other key', async () => {
  const keys = await newKeys();
  const [first, second] = [
    await ca.issue('a', undefined, undefined, { key: keys }),
    await ca.issue('a', undefined, undefined, { key: keys }),
  ];
  const other = await ca.issue('a');
  const { publicKey, fingerprint } = describeCertificate(first.cert);
  assert.match(publicKey, /^spki-sha256:[0-9a-f]{64}$/);
  assert.is.not(describeCertificate(second.cert).fingerprint, fingerprint);
  for (const renewed of [first, second]) {
    assert.is(await judged(renewed, { ...PLAIN, pin: publicKey }), undefined);
    assert.is(
      await judged(renewed, { ...PLAIN, acceptFingerprints: [client.fingerprint, publicKey] }),
      undefined,
    );
  }
  const wrong = await judged(other, { ...PLAIN, pin: publicKey });
  assert.is(wrong?.kind, 'remote-untrusted');
  assert.match(
    wrong?.message ?? '',
    new RegExp(`public key ${describeCertificate(other.cert).publicKey}, and the pin is ${publicKey}`),
  );
  assert.is((await judged(other, { ...PLAIN, acceptFingerprints: [publicKey] }))?.kind, 'remote-untrusted');
  // A fingerprint is not a key's, nor the other way round.
  assert.is(
    (await judged(first, { ...PLAIN, pin: fingerprint.replace('sha256', 'spki-sha256') }))?.kind,
    'remote-untrusted',
  );
  // The pin does not outlive the certificate.
  const late = await ca.issue('a', undefined, new Date(Date.now() - 1), { key: keys });
  assert.match((await judged(late, { ...PLAIN, pin: publicKey }))?.message ?? '', /expired/);
});

test('a pin may stand in the URL', async () => {
  const listener = await realNetwork(withOwn(own)).listen('tls://127.0.0.1:0', (link) => link.destroy());
  const link = await realNetwork().dial(`${listener.url}?pin=${server.fingerprint}`, PLAIN);
  assert.is(link.certificate?.fingerprint, server.fingerprint);
  assert.is(link.certificate?.commonName, 'server');
  assert.is(link.certificate?.authorized, false);
  link.destroy();
  await listener.close();
});

test('a server is believed by a fingerprint that may stand for it', async () => {
  assert.is(
    await judged(own, { ...PLAIN, acceptFingerprints: [client.fingerprint, server.fingerprint] }),
    undefined,
  );
  const asked: [string, number][] = [];
  const serverFingerprints = (host: string, port: number) => {
    asked.push([host, port]);
    return [server.fingerprint];
  };
  assert.is(await judged(own, PLAIN, { serverFingerprints }), undefined);
  assert.is(asked[0]?.[0], '127.0.0.1');
});

test('a server is believed by CA and host name together', async () => {
  assert.is(await judged(good, PLAIN, { ca: [ca.pem] }), undefined);
  const wrongHost = await judged(elsewhere, PLAIN, { ca: [ca.pem] });
  assert.is(wrongHost?.kind, 'remote-untrusted');
  assert.match(wrongHost?.message ?? '', /127\.0\.0\.1/);
  assert.is((await judged(good, PLAIN))?.kind, 'remote-untrusted');
  assert.is((await judged(expired, PLAIN, { ca: [ca.pem] }))?.kind, 'remote-untrusted');
});

test('a stranger is refused with its fingerprint and what to do, before a byte was sent', async () => {
  const error = await judged(own, { ...PLAIN, acceptFingerprints: [client.fingerprint] });
  assert.is(error?.kind, 'remote-untrusted', error?.message);
  assert.match(error?.message ?? '', new RegExp(`\\?pin=${server.fingerprint}`));
  assert.match(error?.message ?? '', /server=127\.0\.0\.1/);
});

/** What is said, and what is advised, of a certificate that nothing vouches for. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const below = await ca.intermediate('Test CA below');
const incomplete = await below.issue('host.example', '127.0.0.1');
const chain = `${incomplete.cert}\n${below.pem}`;
const another = await testCa('Another CA');
const namesake = await testCa();
const early = await ca.issue('early', '127.0.0.1', new Date(Date.now() + 1e9), {
  notBefore: new Date(Date.now() + 5e8),
});
const forClients = await ca.issue('c', '127.0.0.1', undefined, { usages: [CLIENT_AUTH] });
const byCa = { ca: [ca.pem] };

for (const [what, own, mine, words, pin] of [
  ['expired', expired, byCa, /expired at 20.*a new one.*clock/, false],
  ['expired, and of an unknown CA', expired, {}, /expired at 20/, false],
  ['not yet good', early, byCa, /is good from 20.* on only.*clock/, false],
  ['for another host', elsewhere, byCa, /is for host\.example and not for 127\.0\.0\.1: dial it by/, false],
  [
    'for another host, of an unknown CA',
    elsewhere,
    {},
    /is for host\.example and not for 127\.0\.0\.1/,
    false,
  ],
  [
    'without the intermediate one',
    incomplete,
    byCa,
    /signed by CN=Test CA below.*sent no other.*belongs behind its own in the file of --cert/,
    false,
  ],
  [
    'whole, of an unknown CA',
    { ...incomplete, cert: chain },
    { ca: [another.pem] },
    /signed by CN=Test CA below.*none of the CAs of --ca.*--ca/,
    true,
  ],
  ['of a CA, and none is known here', good, {}, /signed by CN=Test CA,.*no CA is known here.*--ca/, true],
  [
    'of a CA that has another key now',
    good,
    { ca: [namesake.pem] },
    /signature that does not hold.*another key now/,
    false,
  ],
  ['for clients only', forClients, byCa, /not made for servers/, false],
  ['signed by itself', server.material.own, byCa, /nothing here vouches for/, true],
] as const) {
  test(`what is advised of a certificate ${what}`, async () => {
    const error = await judged(own, PLAIN, mine);
    assert.is(error?.kind, 'remote-untrusted', error?.message);
    assert.match(error?.message ?? '', words, error?.message);
    assert.is(/pin/.test(error?.message ?? ''), pin, error?.message);
  });
}

test('a certificate whose end is no time at all harms nobody, and lets nobody in', async () => {
  const { raw } = new X509Certificate(client.material.own?.cert ?? '');
  const der = Buffer.from(raw);
  // Its second UTCTime, the end: there is no month 99.
  const end = der.indexOf(Buffer.from([0x17, 13]), der.indexOf(Buffer.from([0x17, 13])) + 15);
  der.write('99', end + 4, 'latin1');
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const timeless = { cert, key: client.material.own?.key ?? '' };
  assert.is(describeCertificate(cert).validTo, '1970-01-01T00:00:00.000Z');
  assert.match((await judged(timeless, PLAIN))?.message ?? '', /expired at 1970/);
  const pair = await connected(
    'tls://127.0.0.1:0',
    withOwn(own, { ca: [ca.pem] }),
    { ...BY_PIN, clientCertificate: true },
    withOwn(undefined, { own: timeless }),
  );
  assert.is(pair.far.certificate?.validTo, '1970-01-01T00:00:00.000Z');
  pair.near.destroy();
  pair.far.destroy();
  await pair.close();
});

test('a whole chain is believed, in whatever order its CAs stand', async () => {
  assert.is(await judged({ ...incomplete, cert: chain }, PLAIN, byCa), undefined);
  assert.is(
    await judged({ ...incomplete, cert: `${incomplete.cert}\n${ca.pem}\n${below.pem}` }, PLAIN, byCa),
    undefined,
  );
});

test('an expired certificate is refused even when it is pinned', async () => {
  const { X509Certificate, createHash } = await import('node:crypto');
  const pin = `sha256:${createHash('sha256').update(new X509Certificate(expired.cert).raw).digest('hex')}`;
  const error = await judged(expired, { ...PLAIN, pin });
  assert.is(error?.kind, 'remote-untrusted', error?.message);
  assert.match(error?.message ?? '', /expired at/);
});

test('a plain server, and one that hangs up, are no TLS servers', async () => {
  const plain = createServer((socket) => {
    socket.on('error', () => {}).end('OK VNET/1 server=x auth=password\n');
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const { port } = plain.address() as { port: number };
  const error = await realNetwork()
    .dial(`tls://127.0.0.1:${port}`, PLAIN)
    .then(
      () => assert.unreachable(),
      (e: DialError) => e,
    );
  assert.is(error?.kind, 'remote-untrusted', error?.message);
  assert.match(error?.message ?? '', /does not speak TLS 1\.3/);
  plain.close();
});

test('the accepted link shows the certificate of the client, and whether a CA signed it', async () => {
  const cases: [Partial<TlsMaterial>, DialOptions, string | undefined, boolean | undefined][] = [
    [{}, BY_PIN, undefined, undefined],
    [{ own: client.material.own! }, BY_PIN, undefined, undefined],
    [{ own: client.material.own! }, { ...BY_PIN, clientCertificate: true }, 'client', false],
    [{ own: good }, { ...BY_PIN, clientCertificate: true }, 'host.example', true],
    [{ own: expired }, { ...BY_PIN, clientCertificate: true }, 'late', false],
    [
      { own: good, certificateOf: (name) => (name === 'lab' ? client.material.own : undefined) },
      { ...BY_PIN, clientCertificate: true, certificateOf: 'lab' },
      'client',
      false,
    ],
  ];
  for (const [mine, how, name, authorized] of cases) {
    const pair = await connected(
      'tls://127.0.0.1:0',
      withOwn(own, { ca: [ca.pem] }),
      how,
      withOwn(undefined, mine),
    );
    assert.equal([pair.far.certificate?.commonName, pair.far.certificate?.authorized], [name, authorized]);
    assert.is(pair.near.certificate?.fingerprint, server.fingerprint);
    assert.ok(pair.near.loopback && pair.far.loopback);
    pair.near.destroy();
    pair.far.destroy();
    await pair.close();
  }
});

test('a certificate that is to be offered must be there', async () => {
  const error = await realNetwork()
    .dial('tls://127.0.0.1:1', { ...BY_PIN, clientCertificate: true })
    .catch((e: DialError) => e);
  assert.instance(error, DialError);
  assert.match((error as DialError).message, /--cert and --key/);
});

test('new material takes effect with the next connection, and leaves the old ones alone', async () => {
  let material = server.material;
  const links: Link[] = [];
  const listener = await realNetwork({ tls: () => material }).listen('tls://127.0.0.1:0', (link) =>
    links.push(link),
  );
  const first = await realNetwork().dial(listener.url, BY_PIN);
  material = client.material;
  const second = await realNetwork().dial(listener.url, { ...PLAIN, pin: client.fingerprint });
  await until('both', () => links.length === 2);
  const sink = new RecordingSink();
  links[0]?.attach(sink);
  first.write(Buffer.from('as before'));
  await until('bytes', () => sink.text() === 'as before');
  for (const link of [first, second, ...links]) link.destroy();
  await listener.close();
});

function openssl(port: number, options: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn('openssl', ['s_client', '-ign_eof', '-connect', `127.0.0.1:${port}`, ...options], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end();
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  child.stderr.on('data', (chunk) => (text += chunk));
  return once(child, 'close').then(([code]) => ({ code: code as number | null, text }));
}

test('TLS 1.3 alone is spoken, and every cipher of it', async () => {
  const listener = await realNetwork(withOwn(own)).listen('tls://127.0.0.1:0', (link) => {
    const sink = new RecordingSink();
    link.attach(sink);
    link.write(Buffer.from('OK VNET/1\n'));
    link.end();
  });
  const port = Number(new URL(listener.url).port);
  const [old, older, ...modern] = await Promise.all([
    openssl(port, ['-tls1_2']),
    openssl(port, ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0']),
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'].map((suite) =>
      openssl(port, ['-tls1_3', '-ciphersuites', suite]),
    ),
  ]);
  for (const refused of [old, older]) {
    assert.is.not(refused?.code, 0);
    assert.match(refused?.text ?? '', /protocol version|no protocols available/);
    assert.not.match(refused?.text ?? '', /OK VNET/);
  }
  for (const { text } of modern) {
    assert.match(text, /New, TLSv1\.3, Cipher is TLS_/);
    assert.match(text, /OK VNET\/1/);
  }
  await listener.close();
});

test('no session is resumed: a certificate is looked at each time', async () => {
  const listener = await realNetwork(withOwn(own)).listen('tls://127.0.0.1:0', (link) => {
    link.attach(new RecordingSink());
    link.end();
  });
  const { text } = await openssl(Number(new URL(listener.url).port), ['-tls1_3', '-reconnect']);
  assert.not.match(text, /Reused, /);
  await listener.close();
});

test('handshakes that never end are bounded, by address and by time', async () => {
  const accepted: Link[] = [];
  const limits = { ...HANDSHAKE_LIMITS, perAddress: 3, timeoutMs: 150 };
  const listener = await realNetwork({ ...withOwn(own), handshakes: limits }).listen(
    'tls://127.0.0.1:0',
    (link) => accepted.push(link),
  );
  const port = Number(new URL(listener.url).port);
  let closed = 0;
  const silent: Socket[] = [];
  for (let i = 0; i < 5; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {}).on('close', () => closed++);
    socket.resume();
    silent.push(socket);
    await once(socket, 'connect');
  }
  await until('those over the limit are cut off', () => closed >= 2);
  await until('the others run out of time', () => closed === 5);
  const link = await realNetwork().dial(listener.url, BY_PIN);
  await until('a good one gets in', () => accepted.length === 1);
  // A finished handshake counts no more: its time-out must not cut it off.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const sink = new RecordingSink();
  accepted[0]?.attach(sink);
  link.write(Buffer.from('here'));
  await until('bytes', () => sink.text() === 'here');
  link.destroy();
  accepted[0]?.destroy();
  await listener.close();
});

test('past the total the oldest handshake makes room', async () => {
  const limits = { ...HANDSHAKE_LIMITS, total: 2, perAddress: 100 };
  const listener = await realNetwork({ ...withOwn(own), handshakes: limits }).listen(
    'tls://127.0.0.1:0',
    (link) => link.destroy(),
  );
  const port = Number(new URL(listener.url).port);
  const gone: number[] = [];
  for (let i = 0; i < 3; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {}).on('close', () => gone.push(i));
    socket.resume();
    await once(socket, 'connect');
  }
  await until('the first is gone', () => gone.length === 1);
  assert.equal(gone, [0]);
  await listener.close();
  await until('closing cuts the others off', () => gone.length === 3);
});

test.run();
