import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VirtualClock } from '../../../io/memory/clock.ts';
import { MemoryInternet } from '../../../io/memory/network.ts';
import { DialError, type DialOptions, type Link, type PeerCertificate } from '../../../io/ports.ts';
import { RecordingSink } from '../../suites/link.ts';

const test = suite('memory network');

const plain = (signal = new AbortController().signal): DialOptions => ({ signal, clientCertificate: false });

const certificate = (name: string, digit: string): PeerCertificate => ({
  fingerprint: `sha256:${digit.repeat(64)}`,
  publicKey: `spki-sha256:${digit.repeat(64)}`,
  commonName: name,
  authorized: false,
  validTo: '2030-01-01T00:00:00Z',
});

function world() {
  const clock = new VirtualClock();
  const internet = new MemoryInternet(clock);
  internet.latency = 10;
  const a = internet.host('192.0.2.1', { names: ['a.example'], certificate: certificate('a', 'a') });
  const b = internet.host('192.0.2.2', { certificate: certificate('b', 'b') });
  const accepted: Link[] = [];
  return { clock, internet, a, b, accepted, accept: (link: Link) => void accepted.push(link) };
}

/** The error that a promise ends in when time passes. */
async function failure(clock: VirtualClock, promise: Promise<unknown>, time = 60_000): Promise<DialError> {
  const caught = promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  await clock.elapse(time);
  const error = await Promise.race([caught, Promise.resolve(undefined)]);
  assert.instance(error, DialError);
  return error as DialError;
}

test('dials by address and by name, and both ends know who is there', async () => {
  const { clock, a, b, accepted, accept } = world();
  const listener = await a.listen('tcp://0.0.0.0:0', accept);
  assert.match(listener.url, /^tcp:\/\/0\.0\.0\.0:4\d+$/);
  const port = listener.url.split(':').at(-1);
  for (const host of ['192.0.2.1', 'a.example']) {
    const dialled = b.dial(`tcp://${host}:${port}`, plain());
    await clock.elapse(30);
    const link = await dialled;
    assert.equal([link.scheme, link.address, link.loopback], ['tcp', '192.0.2.1', false]);
    assert.is(link.peer, `192.0.2.1:${port}`);
  }
  assert.equal(
    accepted.map(({ address, loopback }) => [address, loopback]),
    [
      ['192.0.2.2', false],
      ['192.0.2.2', false],
    ],
  );
  const [near, far] = [new RecordingSink(), new RecordingSink()];
  const dialled = b.dial(listener.url.replace('0.0.0.0', '192.0.2.1'), plain());
  await clock.elapse(30);
  (await dialled).attach(near);
  accepted[2]!.attach(far);
  accepted[2]!.write(Buffer.from('hello'));
  await clock.elapse(9);
  assert.is(near.text(), '');
  await clock.elapse(1);
  assert.is(near.text(), 'hello');
});

test('loopback and unix sockets are of this host alone', async () => {
  const { clock, a, b, accepted, accept } = world();
  await a.listen('tcp://127.0.0.1:7411', accept);
  await a.listen('unix:///run/vnet', accept);
  const own = [a.dial('tcp://localhost:7411', plain()), a.dial('unix:///run/vnet', plain())];
  await clock.elapse(100);
  const links = await Promise.all(own);
  assert.equal(
    links.map((link) => [link.peer, link.loopback]),
    [
      ['127.0.0.1:7411', true],
      ['unix', true],
    ],
  );
  assert.is(accepted.length, 2);
  assert.is((await failure(clock, b.dial('tcp://192.0.2.1:7411', plain()))).kind, 'remote-unreachable');
  assert.is((await failure(clock, b.dial('unix:///run/vnet', plain()))).kind, 'remote-unreachable');
});

test('refused, unknown and silent hosts', async () => {
  const { clock, internet, a, b, accept } = world();
  const listener = await a.listen('tcp://192.0.2.1:7411', accept);
  a.refuses = true;
  assert.match((await failure(clock, b.dial(listener.url, plain()))).message, /ECONNREFUSED/);
  assert.match((await failure(clock, b.dial('tcp://192.0.2.9:1', plain()))).message, /EHOSTUNREACH/);
  a.refuses = false;
  internet.cut(a, b);
  const aborter = new AbortController();
  const dialled = b.dial(listener.url, plain(aborter.signal));
  clock.after(10_000, () => aborter.abort(new DOMException('too slow', 'TimeoutError')));
  assert.is((await failure(clock, dialled)).kind, 'remote-timeout');
  const patient = b.dial(listener.url, plain());
  await clock.elapse(30_000);
  internet.heal(a, b);
  await clock.elapse(2000);
  assert.is((await patient).address, '192.0.2.1');
  const late = new AbortController();
  late.abort();
  assert.is((await failure(clock, b.dial(listener.url, plain(late.signal)))).kind, 'remote-unreachable');
});

test('tls: the certificate must be the one it should be', async () => {
  const { clock, a, b, accepted, accept } = world();
  await a.listen('tls://192.0.2.1:7411', accept);
  const url = 'tls://192.0.2.1:7411';
  const dial = (more: Partial<DialOptions>) => b.dial(url, { ...plain(), ...more });
  assert.is((await failure(clock, dial({}))).kind, 'remote-untrusted');
  assert.is(
    (await failure(clock, dial({ pin: certificate('b', 'b').fingerprint }))).kind,
    'remote-untrusted',
  );
  const good = [
    dial({ pin: certificate('a', 'a').fingerprint, clientCertificate: true }),
    dial({ acceptFingerprints: [certificate('a', 'a').fingerprint] }),
  ];
  await clock.elapse(100);
  const links = await Promise.all(good);
  assert.equal(
    links.map((link) => link.certificate?.commonName),
    ['a', 'a'],
  );
  assert.equal(
    accepted.map((link) => link.certificate?.commonName),
    ['b', undefined],
  );
  await a.listen('tcp://192.0.2.1:7412', accept);
  assert.is((await failure(clock, b.dial('tls://192.0.2.1:7412', plain()))).kind, 'remote-untrusted');
});

test('a crash is silent; the other end learns it when it sends', async () => {
  const { clock, a, b, accepted, accept } = world();
  const listener = await a.listen('tcp://192.0.2.1:7411', accept);
  const dialled = b.dial(listener.url, plain());
  await clock.elapse(100);
  const sink = new RecordingSink();
  (await dialled).attach(sink);
  accepted[0]!.attach(new RecordingSink());
  a.crash();
  await clock.elapse(60_000);
  assert.equal(sink.events, []);
  (await dialled).write(Buffer.from('?'));
  await clock.elapse(100);
  assert.equal(sink.events, ['closed']);
  assert.is((await failure(clock, b.dial(listener.url, plain()))).kind, 'remote-unreachable');
});

test('an address that is taken, and one that is closed', async () => {
  const { clock, a, b, accept } = world();
  const listener = await a.listen('tcp://192.0.2.1:7411', accept);
  let message = '';
  await a.listen('tcp://192.0.2.1:7411', accept).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /in use/);
  await listener.close();
  assert.is((await failure(clock, b.dial(listener.url, plain()))).kind, 'remote-unreachable');
  await a.listen('tcp://192.0.2.1:7411', accept);
});

test.run();
