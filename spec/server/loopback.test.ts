/** Two servers over the real sockets of this machine's loopback: what a twin of the network could hide. */
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_LIMITS } from '../../actors/limits.ts';
import { Recorder } from '../../actors/recorder/recorder.ts';
import { Server } from '../../actors/server.ts';
import { realChance } from '../../io/chance.ts';
import { realClock } from '../../io/clock.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { MemoryAuthenticator } from '../../io/memory/authenticator.ts';
import { MemoryDevices } from '../../io/memory/devices.ts';
import { MemoryDiagnostics } from '../../io/memory/diagnostics.ts';
import { MemoryJournal } from '../../io/memory/journal.ts';
import { MemorySecretStore } from '../../io/memory/secrets.ts';
import { realNetwork } from '../../io/net/network.ts';
import { MACHINES } from '../../machines/index.ts';
import { foldLog } from '../../machines/log/replay.ts';
import { until } from '../suites/until.ts';
import { beginLine, MAC } from '../support/pair.ts';

const test = suite('servers over loopback');

class RealStation {
  readonly clock = realClock();
  readonly devices = new MemoryDevices(this.clock);
  readonly journal = new MemoryJournal();
  readonly diagnostics = new MemoryDiagnostics();
  url = '';
  server: Server | undefined;

  async start(listen: string): Promise<this> {
    const { clock, diagnostics } = this;
    for (const name of ['eth0', 'eth1']) this.devices.add({ name });
    const recorder = new Recorder({
      store: this.journal,
      clock,
      digest: sha256,
      boot: 'boot1',
      sync: 'interval',
      diagnostics,
    });
    this.server = new Server({
      name: 'real',
      version: '0.0.0',
      boot: 'boot1',
      pid: process.pid,
      limits: DEFAULT_LIMITS,
      configuration: { allowPlaintext: false, peer: () => undefined, forbids: () => undefined },
      network: realNetwork({ diagnostics }),
      interfaces: this.devices,
      clock,
      chance: realChance(),
      authenticator: new MemoryAuthenticator(clock).password('default', 'a secret'),
      secretStore: new MemorySecretStore(),
      diagnostics,
      recorder,
      facts: () => [],
      checks: () => [],
    });
    const [url = ''] = await this.server.start({
      listen: [listen],
      resume: true,
      live: new Map(),
      tornBytes: 0,
    });
    this.url = url;
    return this;
  }

  /** Ends it and checks its log. */
  async stop(): Promise<void> {
    await this.server?.stop('SIGTERM');
    assert.is(foldLog(this.journal.lines, MACHINES, sha256).verdict.kind, 'ok');
    assert.equal(this.diagnostics.messages('error'), []);
    assert.not(this.journal.lines.some((line) => line.includes('a secret')));
  }
}

const running: RealStation[] = [];
const sockets: net.Socket[] = [];

async function start(listen = 'tcp://127.0.0.1:0'): Promise<RealStation> {
  const station = await new RealStation().start(listen);
  running.push(station);
  return station;
}

test.after.each(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((station) => station.stop()));
});

class Client {
  text = '';
  ended = false;
  error: Error | undefined;
  readonly socket: net.Socket;

  constructor(url: string) {
    const options = url.startsWith('unix:')
      ? { path: new URL(url).pathname, allowHalfOpen: true }
      : { host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true };
    this.socket = net.connect(options);
    sockets.push(this.socket);
    this.socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1');
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
  }

  async line(pattern: RegExp): Promise<string> {
    await until(`a line like ${pattern} in ${JSON.stringify(this.text)}`, () => pattern.test(this.text));
    return pattern.exec(this.text)?.[0] ?? '';
  }
}

const HELLO = 'HELLO password "a secret"\n';

test('a client that sends all and ends its stream gets all its answers', async () => {
  const path = join(tmpdir(), `vnet-loopback-${process.pid}.sock`);
  for (const listen of ['tcp://127.0.0.1:0', `unix://${path}`]) {
    const { url } = await start(listen);
    const client = new Client(url);
    client.socket.end(`${HELLO}STATUS?\nNONSENSE\nDEVICES?\n`);
    await until('the end', () => client.ended);
    const last = client.text.split('\n').filter((line) => /^(OK|ERR)/.test(line));
    assert.is(last.length, 5, client.text);
    assert.match(last[3] ?? '', /^ERR 400 unknown-command/);
    assert.is(last[4], 'OK count=2');
    assert.is(client.error, undefined);
  }
});

test('an answer that closes arrives whole, although more was sent and never read', async () => {
  const { url } = await start();
  const client = new Client(url);
  client.socket.write(`${HELLO}${'X'.repeat(9_000)}\n${'STATUS?\n'.repeat(20_000)}`);
  await until('the end', () => client.ended);
  assert.match(client.text, /^ERR 413 line-too-long .*\n$/m);
  assert.is(client.error, undefined);
  client.socket.destroy();
});

test('a Handler between two servers, and its end by a server that ends', async () => {
  const [near, far] = [await start(), await start()];
  const client = new Client(near.url);
  client.socket.write(
    `${HELLO}HANDLE ${far.url} password:"a secret" eth0 eth1 HOST PROXY ${MAC}\nHANDLERS?\n`,
  );
  const id = (await client.line(/OK handler=[0-9a-f]+/)).slice('OK handler='.length);
  await client.line(/OK count=1\n/);
  assert.is(far.server?.handlers.byId(id)[0]?.state, 'binary');
  await until('the first record', () => far.journal.lines.some((line) => line.includes('first-record')));
  const before = performance.now();
  await far.stop();
  assert.ok(performance.now() - before < 5_000);
  await until('it is dialled again', () => near.server?.handlers.byId(id)[0]?.state === 'unauthenticated');
  client.socket.write(`CLOSE ${id}\nHANDLERS?\nDONE\n`);
  await client.line(/OK\nOK count=0\nOK\n/);
  running.splice(running.indexOf(far), 1);
});

test('a server that dials itself', async () => {
  const { url, server } = await start();
  const client = new Client(url);
  client.socket.write(`${HELLO}HANDLE ${url} password:"a secret" eth0 eth1 HOST PROXY ${MAC}\n`);
  const id = (await client.line(/OK handler=[0-9a-f]+/)).slice('OK handler='.length);
  assert.is(server?.handlers.all().length, 2);
  client.socket.write(`CLOSE ${id}\nHANDLERS?\n`);
  await client.line(/OK\nOK count=0\n/);
});

test('a connection that is reset in any state disturbs nothing', async () => {
  const { url, server } = await start();
  const states = ['', HELLO, `${HELLO}WATCH\n`, `${HELLO}${beginLine({ local: 'eth0' })}\n`];
  for (const text of states) {
    const client = new Client(url);
    client.socket.write(text);
    await client.line(text === '' ? /^OK VNET/ : /OK (session|handler)=/);
    client.socket.resetAndDestroy();
    await until('the session is over', () => server?.sessions.count === 0);
  }
  await until('the Handler is over', () => server?.handlers.all().length === 0);
  const client = new Client(url);
  client.socket.write(`${HELLO}HANDLERS?\n`);
  await client.line(/OK count=0/);
});

test.run();
