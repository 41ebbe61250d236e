import { chmodSync, existsSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addon } from '../../../io/device/addon.ts';
import { isLoopbackAddress, parseLinkUrl, plainAddress } from '../../../io/net/address.ts';
import { connectFirst, interleaved, type NoAddress } from '../../../io/net/connect.ts';
import { realNetwork } from '../../../io/net/network.ts';
import { onRead, receiveFrom } from '../../../io/net/read-buffer.ts';
import { DialError, type Link, type Listener } from '../../../io/ports.ts';
import { RecordingSink } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';
import { connected, fresh, PLAIN, scratch } from './pairs.ts';

const test = suite('network');
const network = realNetwork();
const nobody = () => {};

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it went well, and should not have');
}

async function dialError(url: string, signal?: AbortSignal): Promise<DialError> {
  const error = await failure(network.dial(url, signal ? { ...PLAIN, signal } : PLAIN));
  assert.instance(error, DialError);
  return error as DialError;
}

test('URLs are read as PROTOCOL.md has them', () => {
  assert.equal(parseLinkUrl('tcp://Host.Example:1'), { scheme: 'tcp', host: 'host.example', port: 1 });
  assert.equal(parseLinkUrl('tls://[2001:DB8:0:0::1]'), { scheme: 'tls', host: '2001:db8::1', port: 7411 });
  assert.equal(parseLinkUrl('unix:///run/a%20b#?mode=660'), {
    scheme: 'unix',
    path: '/run/a%20b#',
    mode: 0o660,
  });
  const pin = `sha256:${'ab'.repeat(32)}`;
  assert.equal(parseLinkUrl(`tls://h:2?pin=${pin.toUpperCase().replace('SHA', 'sha')}`), {
    scheme: 'tls',
    host: 'h',
    port: 2,
    pin,
  });
});

for (const [url, why] of [
  ['nonsense', /use tcp:\/\/HOST:PORT/],
  ['http://host:80', /use tcp:\/\/HOST:PORT/],
  ['tcp://', /no host/],
  ['tcp://host:70000', /not an address/],
  ['tcp://host:1/path', /nothing stands behind the port/],
  ['tcp://user@host:1', /use tcp:\/\/HOST:PORT/],
  ['tcp://host:1?pin=sha256:00', /tls:\/\/ only/],
  ['tls://host:1?pin=sha256:00', /64 hex digits/],
  ['tls://host:1?pim=x', /unknown option "pim"/],
  ['unix://run/x', /three slashes/],
  ['unix:///', /no path/],
  ['unix:///x?mode=999', /octal/],
  [`unix:///${'x'.repeat(107)}`, /107 bytes/],
] as const) {
  test(`${url.slice(0, 40)} is refused with a reason`, async () => {
    assert.throws(() => parseLinkUrl(url), why);
    assert.match((await failure(network.listen(url, nobody))).message, why);
    assert.match((await dialError(url)).message, why);
  });
}

test('addresses: mapped IPv4 is IPv4, and loopback is known in every form', () => {
  assert.is(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.is(plainAddress('2001:db8::1'), '2001:db8::1');
  for (const near of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    assert.ok(isLoopbackAddress(near), near);
  for (const far of ['192.0.2.1', '::2', '2001:db8::1', '::ffff:192.0.2.1', '0.0.0.0']) {
    assert.not(isLoopbackAddress(far), far);
  }
});

test('a link says who is at the other end', async () => {
  const tcp = await connected('tcp://127.0.0.1:0');
  assert.match(tcp.url, /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assert.is(tcp.near.peer, tcp.url.slice('tcp://'.length));
  assert.match(tcp.far.peer, /^127\.0\.0\.1:\d+$/);
  assert.is(tcp.far.address, '127.0.0.1');
  assert.ok(tcp.far.loopback && tcp.near.loopback);
  const six = await connected('tcp://[::1]:0');
  assert.match(six.url, /^tcp:\/\/\[::1\]:\d+$/);
  assert.match(six.far.peer, /^\[::1\]:\d+$/);
  assert.is(six.far.address, '::1');
  assert.ok(six.far.loopback);
  const unix = await connected(`unix://${join(scratch(), 's')}`);
  assert.equal([unix.far.peer, unix.far.address, unix.far.loopback], ['unix', 'unix', true]);
  assert.equal([unix.far.scheme, tcp.far.scheme, unix.near.unsent], ['unix', 'tcp', 0]);
  for (const pair of [tcp, six, unix]) {
    pair.near.destroy();
    pair.far.destroy();
    await pair.close();
  }
});

test('a listener on all addresses sees IPv4 as IPv4', async () => {
  const links: Link[] = [];
  const listener = await network.listen('tcp://[::]:0', (link) => links.push(link));
  const near = await network.dial(`tcp://127.0.0.1:${new URL(listener.url).port}`, PLAIN);
  await until('link', () => links.length === 1);
  assert.is(links[0]?.address, '127.0.0.1');
  assert.match(links[0]?.peer ?? '', /^127\.0\.0\.1:/);
  near.destroy();
  links[0]?.destroy();
  await listener.close();
});

test('a port that is taken, and an address that is not ours', async () => {
  const first = await network.listen('tcp://127.0.0.1:0', nobody);
  assert.match((await failure(network.listen(first.url, nobody))).message, /cannot listen on tcp.*in use/);
  await first.close();
  await first.close();
  assert.match((await failure(network.listen('tcp://192.0.2.1:7411', nobody))).message, /no such address/);
  const again = await network.listen(first.url, nobody);
  await again.close();
  assert.match((await failure(network.listen('tls://127.0.0.1:0', nobody))).message, /--cert and --key/);
});

for (const order of [
  ['[::]', '127.0.0.1', '0.0.0.0', '[::1]'],
  ['127.0.0.1', '[::1]', '0.0.0.0', '[::]'],
]) {
  test(`one port: ${order.join(', ')}`, async () => {
    const { material, fingerprint } = await fresh('server');
    const mine = realNetwork({ tls: () => material });
    const came: string[] = [];
    let port = 0;
    const listeners: Listener[] = [];
    for (const host of order) {
      const scheme = host === '127.0.0.1' ? 'tls' : 'tcp';
      const listener = await mine.listen(`${scheme}://${host}:${port}`, (link) => {
        came.push(host);
        link.destroy();
      });
      port = Number(/\d+$/.exec(listener.url)?.[0]);
      listeners.push(listener);
    }
    const comes = async (url: string, host: string) => {
      const pin = url.startsWith('tls') ? { pin: fingerprint } : {};
      const link = await network.dial(`${url}:${port}`, { ...PLAIN, ...pin });
      await until('it has come', () => came.length > 0);
      assert.equal(came.splice(0), [host], url);
      link.destroy();
    };
    await comes('tls://127.0.0.1', '127.0.0.1');
    await comes('tcp://127.0.0.2', '0.0.0.0');
    await comes('tcp://[::1]', '[::1]');
    const twice = await failure(mine.listen(`tcp://127.0.0.1:${port}`, nobody));
    assert.match(twice.message, /in use/);
    assert.match((await failure(network.listen(`tcp://127.0.0.3:${port}`, nobody))).message, /in use/);
    assert.match((await failure(mine.listen(`tcp://192.0.2.1:${port}`, nobody))).message, /no such address/);
    for (const listener of listeners) await listener.close();
    await (await network.listen(`tcp://[::]:${port}`, nobody)).close();
  });
}

test('a port that another process has on one address leaves our listeners as they were', async () => {
  const theirs = await realNetwork().listen('tcp://127.0.0.2:0', nobody);
  const port = new URL(theirs.url).port;
  const mine = realNetwork();
  const ours = await mine.listen(`tcp://127.0.0.1:${port}`, (link) => link.destroy());
  assert.match((await failure(mine.listen(`tcp://0.0.0.0:${port}`, nobody))).message, /in use/);
  (await network.dial(ours.url, PLAIN)).destroy();
  await ours.close();
  await theirs.close();
});

test('unix: the end of an old server leaves the socket of the new one', async () => {
  const path = join(scratch(), 'socket');
  const old = await network.listen(`unix://${path}`, nobody);
  unlinkSync(path);
  const next = await realNetwork().listen(`unix://${path}`, (link) => link.destroy());
  await old.close();
  (await network.dial(`unix://${path}`, PLAIN)).destroy();
  await next.close();
  assert.not(existsSync(path));
});

test('unix: a socket file that is deleted is made again, one that is replaced is told of', async () => {
  const path = join(scratch(), 'socket');
  const told: string[] = [];
  const diagnostics = { info: nobody, error: nobody, warn: (_: unknown, text: string) => told.push(text) };
  const listener = await realNetwork({ diagnostics }).listen(`unix://${path}?mode=640`, (link) =>
    link.destroy(),
  );
  unlinkSync(path);
  await until('it is there again', () => told.length === 1);
  assert.match(told[0] ?? '', /made again/);
  assert.is(statSync(path).mode & 0o777, 0o640);
  (await network.dial(`unix://${path}`, PLAIN)).destroy();
  unlinkSync(path);
  writeFileSync(path, 'of somebody else');
  await until('it is told of', () => told.length === 2);
  assert.match(told[1] ?? '', /another file/);
  await listener.close();
  assert.ok(existsSync(path));
});

test('a closed listener takes nobody, and its links live on', async () => {
  const pair = await connected('tcp://127.0.0.1:0');
  await pair.close();
  assert.match((await dialError(pair.url)).message, /connection refused/);
  const sink = new RecordingSink();
  pair.far.attach(sink);
  pair.near.write(Buffer.from('still there'));
  await until('bytes', () => sink.text() === 'still there');
  pair.near.destroy();
  pair.far.destroy();
});

test('unix: mode 0600 unless told otherwise, gone after close', async () => {
  const dir = scratch();
  for (const [query, unixMode, mode] of [
    ['', undefined, 0o600],
    ['?mode=660', undefined, 0o660],
    ['', 0o640, 0o640],
  ] as const) {
    const path = join(dir, 'socket');
    const options = unixMode === undefined ? {} : { unixMode };
    const listener = await realNetwork(options).listen(`unix://${path}${query}`, nobody);
    assert.is(statSync(path).mode & 0o777, mode);
    assert.is(listener.url, `unix://${path}`);
    await listener.close();
    assert.not(existsSync(path));
  }
});

test('unix: a dead socket file is replaced, a live one or another file is not', async () => {
  const dir = scratch();
  const dead = join(dir, 'dead');
  await leaveSocketBehind(dead);
  assert.ok(statSync(dead).isSocket());
  const listener = await network.listen(`unix://${dead}`, nobody);
  const error = await failure(network.listen(`unix://${dead}`, nobody));
  assert.match(error.message, /another server answers/);
  (await network.dial(`unix://${dead}`, PLAIN)).destroy();
  await listener.close();
  const file = join(dir, 'file');
  writeFileSync(file, 'precious');
  assert.match((await failure(network.listen(`unix://${file}`, nobody))).message, /not a socket/);
  assert.match((await dialError(`unix://${file}`)).message, /cannot reach unix/);
  assert.match((await failure(network.listen(`unix://${dir}/no/such`, nobody))).message, /does not exist/);
  assert.match((await dialError(`unix://${dir}/none`)).message, /no such socket file/);
});

/** What a killed server leaves: a socket file with nobody behind it. */
async function leaveSocketBehind(path: string): Promise<void> {
  const { execFileSync } = await import('node:child_process');
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  try {
    execFileSync(process.execPath, ['-e', script, path], { stdio: 'ignore' });
  } catch {
    // It was killed: that is the point.
  }
  chmodSync(path, 0o600);
}

test('dial: refused, no such name, port 0, and given up', async () => {
  const gone = await network.listen('tcp://127.0.0.1:0', nobody);
  await gone.close();
  const refused = await dialError(gone.url);
  assert.is(refused.kind, 'remote-unreachable');
  assert.match(refused.message, /connection refused.*ECONNREFUSED/);
  const unknown = await dialError('tcp://no-such-host.invalid:1');
  assert.is(unknown.kind, 'remote-unreachable');
  assert.match(unknown.message, /cannot reach tcp:\/\/no-such-host\.invalid:1/);
  assert.match((await dialError('tcp://127.0.0.1:0')).message, /port 0/);
  const given = await dialError(gone.url, AbortSignal.abort());
  assert.equal([given.kind, /given up/.test(given.message)], ['remote-unreachable', true]);
});

test('dial: abort while it is under way, and a time-out', async () => {
  // A server whose backlog nobody empties still connects, so TLS is what hangs here.
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const sockets: { destroy(): void }[] = [];
  silent.on('connection', (socket) => sockets.push(socket.on('error', nobody)));
  const { port } = silent.address() as { port: number };
  const abort = new AbortController();
  const pending = dialError(`tls://127.0.0.1:${port}`, abort.signal);
  await until('connection', () => sockets.length === 1);
  abort.abort();
  assert.is((await pending).kind, 'remote-unreachable');
  const late = new AbortController();
  const slow = dialError(`tls://127.0.0.1:${port}`, late.signal);
  await until('connection', () => sockets.length === 2);
  late.abort(new DOMException('too slow', 'TimeoutError'));
  assert.is((await slow).kind, 'remote-timeout');
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test('an abort after the dial has succeeded changes nothing', async () => {
  const abort = new AbortController();
  const pair = await connected('tcp://127.0.0.1:0', {}, { ...PLAIN, signal: abort.signal });
  abort.abort();
  const sink = new RecordingSink();
  pair.far.attach(sink);
  pair.near.write(Buffer.from('on'));
  await until('bytes', () => sink.text() === 'on');
  pair.near.destroy();
  pair.far.destroy();
  await pair.close();
});

test('tune is called with the descriptor of both ends', async () => {
  const seen: number[] = [];
  const tune = (fd: number) => seen.push(fd);
  const pair = await connected('tcp://127.0.0.1:0', { tune }, PLAIN, { tune });
  assert.is(seen.length, 2);
  assert.ok(seen.every((fd) => Number.isInteger(fd) && fd > 2));
  pair.near.destroy();
  pair.far.destroy();
  await pair.close();
});

for (const scheme of ['tcp', 'tls']) {
  test(`${scheme}: both ends send at once, and bound what waits unsent`, async () => {
    const { material, fingerprint } = await fresh('server');
    const seen: string[] = [];
    const watched = (end: string) => ({
      tls: () => material,
      tune: (fd: number) => seen.push(`${end} noDelay=${addon().tcpInfo(fd)?.noDelay}`),
      kernel: () => ({
        sendNow: () => 0,
        facts: () => undefined,
        suit: () => undefined,
        wakeFor: () => undefined,
        unsent: () => 0,
        limitUnsent: () => seen.push(`${end} bounded`),
      }),
    });
    const pin = scheme === 'tls' ? { pin: fingerprint } : {};
    const pair = await connected(
      `${scheme}://127.0.0.1:0`,
      watched('far'),
      { ...PLAIN, ...pin },
      watched('near'),
    );
    assert.equal(seen.sort(), ['far bounded', 'far noDelay=true', 'near bounded', 'near noDelay=true']);
    pair.near.destroy();
    pair.far.destroy();
    await pair.close();
  });
}

test('the families of addresses take turns, in the order in which they were found', () => {
  assert.equal(interleaved(['::1', '::2', '::3', '1.1.1.1']), ['::1', '1.1.1.1', '::2', '::3']);
  assert.equal(interleaved(['1.1.1.1', '2.2.2.2', '::1']), ['1.1.1.1', '::1', '2.2.2.2']);
  assert.equal(interleaved(['::1']), ['::1']);
});

test('of several addresses the next one is tried as soon as one has failed, and all are told of', async () => {
  const listener = await network.listen('tcp://127.0.0.1:0', (link) => link.destroy());
  const port = Number(new URL(listener.url).port);
  const began = performance.now();
  const socket = await connectFirst(['127.0.0.2', '127.0.0.3', '127.0.0.1'], port, PLAIN.signal);
  assert.is(socket.remoteAddress, '127.0.0.1');
  assert.ok(performance.now() - began < 250);
  socket.destroy();
  await listener.close();
  const none = await failure(connectFirst(['127.0.0.2', '127.0.0.1'], port, PLAIN.signal));
  assert.equal(
    (none as NoAddress).attempts.map(({ address, error }) => `${address} ${error.code}`),
    ['127.0.0.2 ECONNREFUSED', '127.0.0.1 ECONNREFUSED'],
  );
});

test('all sockets read into the same memory, accepted ones too', async () => {
  const buffers = new Set<ArrayBufferLike>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    receiveFrom(socket, (chunk) => {
      buffers.add(chunk.buffer);
      socket.write('back');
    });
    assert.is(socket.listenerCount('data'), 0);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  let answers = 0;
  const heard = (chunk: Buffer): void => {
    buffers.add(chunk.buffer);
    answers++;
  };
  const sockets = [1, 2].map(() => {
    const socket: Socket = connect({ port, host: '127.0.0.1', onread: onRead(heard, () => socket) });
    return socket;
  });
  for (const socket of sockets) socket.write('there');
  await until('answers', () => answers === 2);
  assert.is(buffers.size, 1);
  for (const socket of sockets) socket.destroy();
  server.close();
});

test.run();
