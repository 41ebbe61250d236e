import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../tools/vnet/cli/command.ts';
import { checkLogin } from '../../../tools/vnet/client/connect.ts';
import { close } from '../../../tools/vnet/commands/close.ts';
import { devices } from '../../../tools/vnet/commands/devices.ts';
import { handle } from '../../../tools/vnet/commands/handle.ts';
import { handlers } from '../../../tools/vnet/commands/handlers.ts';
import { stats } from '../../../tools/vnet/commands/stats.ts';
import { status } from '../../../tools/vnet/commands/status.ts';
import { FakeServer } from './fake-server.ts';
import { HANDLER, scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const client = suite('client commands');

const ANSWERS: Readonly<Record<string, string>> = {
  'DEVICES?':
    'DEVICE eth0 kind=nic mac=02:00:00:00:00:01 mtu=1500 state=up backends=packet,pcap local=no handlers=2\n' +
    'DEVICE vm0 kind=tap mac=02:00:00:00:00:02 mtu=9000 state=down backends=tap local=yes handlers=0\nOK count=2',
  'HANDLERS?':
    `HANDLER 1234567890123456 state=binary side=initiator peer=tls://198.51.100.2:7411 local_device=eth0 ` +
    'remote_device=vm0 local_config=PROXY remote_config=HOST macs=52:54:00:12:34:56,52:54:00:12:34:57 rx_frames=10 ' +
    'rx_bytes=5242880 tx_frames=20 tx_bytes=999 dropped=1234 rtt_us=1680 since=2026-01-31T12:00:00.000000Z\n' +
    `HANDLER ${HANDLER} state=handling side=responder peer=203.0.113.9:40000 local_device=br0 remote_device=br1 ` +
    'local_config=BRIDGE remote_config=BRIDGE macs=* rx_frames=0 rx_bytes=0 tx_frames=0 tx_bytes=0 dropped=0 rtt_us=- ' +
    'since=2026-01-31T12:00:00.000000Z\nOK count=2',
  'STATUS?':
    'STATUS version 0.1.0\nSTATUS uptime 90061\nSTATUS log_state ok\nSTATUS listen "tcp://a:1 unix:///b"\nOK count=4',
  [`STATS? ${HANDLER}`]:
    'STAT rx_frames 7\nSTAT rx_bytes 1048576\nSTAT rx_dropped_too-big 0\n' +
    'STAT wire0_rtt_us 30125\nSTAT wire0_congestion bbr\nSTAT wire0_delivery_rate 138000000\nOK count=6',
};

let server: FakeServer;
client.before.each(async () => {
  server = await FakeServer.start((line) => {
    if (line.startsWith('HANDLE '))
      return line.includes('bad') ? 'ERR 400 bad-mac so not' : `OK handler=${HANDLER}`;
    if (/^(CLOSE|STATS\?) /.test(line) && !line.endsWith(HANDLER))
      return 'ERR 404 no-such-handler there is none';
    return ANSWERS[line];
  });
});
client.after.each(() => server.stop());

async function run(
  what: Command,
  args: readonly string[],
  env: Record<string, string> = {},
  columns?: number,
): Promise<Terminal & { readonly code: number }> {
  const terminal = new Terminal();
  terminal.env = { VNET_SERVER: server.url, VNET_PASSWORD: 'open sesame', ...env };
  terminal.columns = columns;
  const code = await what(args, terminal);
  return Object.assign(terminal, { code });
}

client('HELLO, the command and DONE go out, the secret quoted', async () => {
  const { code } = await run(status, []);
  assert.is(code, 0);
  assert.equal(server.heard, ['HELLO password default "open sesame"', 'STATUS?', 'DONE']);
});

client('--identity and --password-file say who it is', async () => {
  const { dir, remove } = scratch();
  const file = path.join(dir, 'secret');
  fs.writeFileSync(file, 'from-file\n', { mode: 0o600 });
  assert.is((await run(status, ['--identity', 'alice', '--password-file', file])).code, 0);
  assert.is(server.heard[0], 'HELLO password alice from-file');
  fs.chmodSync(file, 0o644);
  const open = await run(status, ['--password-file', file]);
  assert.is(open.code, 2);
  assert.match(open.stderr, /chmod 600/);
  remove();
});

client('devices as a table and as JSON', async () => {
  const text = await run(devices, []);
  assert.match(text.stdout, /^DEVICE {2}KIND {2}MAC +MTU {2}STATE {2}BACKENDS +LOCAL {2}HANDLERS\n/);
  assert.match(text.stdout, /\nvm0 {5}tap {3}02:00:00:00:00:02 {2}9000 {2}down {3}tap {10}yes +0\n$/);
  const json = await run(devices, ['--json']);
  assert.equal((json.json() as unknown[])[0], {
    name: 'eth0',
    kind: 'nic',
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    state: 'up',
    backends: ['packet', 'pcap'],
    local: false,
    handlers: 2,
  });
});

client('handlers: ids stay texts, lists are lists, what is not known is null', async () => {
  const list = (await run(handlers, ['--json'])).json() as Record<string, unknown>[];
  assert.is(list[0]?.id, '1234567890123456');
  assert.equal(list[0]?.macs, ['52:54:00:12:34:56', '52:54:00:12:34:57']);
  assert.is(list[0]?.rx_bytes, 5_242_880);
  assert.is(list[1]?.rtt_us, null);
});

client('handlers: a table where it fits, else a few lines for each', async () => {
  const wide = await run(handlers, []);
  assert.match(wide.stdout, /52:54:00:12:34:56 \+1 +5\.0 MiB +999 B +1,234 +1\.68 ms/);
  const narrow = await run(handlers, [], {}, 80);
  assert.match(narrow.stdout, /^1234567890123456\n {2}state {4}binary, initiator/);
  for (const line of narrow.stdout.split('\n')) assert.ok(line.length <= 80, line);
});

client('stats and status', async () => {
  assert.match((await run(stats, [HANDLER])).stdout, /rx_bytes +1,048,576 {2,}1\.0 MiB\n/);
  const { stdout: table } = await run(stats, [HANDLER]);
  assert.match(table, /wire0_rtt_us +30,125 {2,}30\.1 ms\n/);
  assert.match(table, /wire0_congestion +bbr\n/);
  assert.match(table, /wire0_delivery_rate +138,000,000 {2,}138\.0 Mbit\/s\n/);
  assert.equal((await run(stats, [HANDLER, '--json'])).json(), {
    handler: HANDLER,
    rx_frames: 7,
    rx_bytes: 1_048_576,
    'rx_dropped_too-big': 0,
    wire0_rtt_us: 30_125,
    wire0_congestion: 'bbr',
    wire0_delivery_rate: 138_000_000,
  });
  assert.match((await run(status, [])).stdout, /uptime +1d 1h 1m\n/);
  const json = (await run(status, ['--json'])).json() as Record<string, unknown>;
  assert.equal(json, {
    version: '0.1.0',
    uptime: 90_061,
    log_state: 'ok',
    listen: ['tcp://a:1', 'unix:///b'],
  });
});

client('close says so; ERR goes to standard error with what to do next', async () => {
  const good = await run(close, [HANDLER]);
  assert.is(good.code, 0);
  assert.match(good.stdout, new RegExp(HANDLER));
  assert.equal((await run(close, [HANDLER, '--json'])).json(), { handler: HANDLER, closed: true });
  const bad = await run(close, ['0000000000000000']);
  assert.is(bad.code, 1);
  assert.is(bad.stdout, '');
  assert.match(bad.stderr, /^ERR 404 no-such-handler there is none\n.*vnet handlers/);
});

const WORDS = [
  'tcp://198.51.100.2',
  'tap:a?mtu=1400&bridge=br0',
  'vm0',
  'PROXY',
  'HOST',
  '52:54:00:12:34:56',
];

client('handle prints the id; its secret comes from file or environment', async () => {
  const text = await run(handle, [...WORDS, 'l2cp=on', '--remote-identity', 'bob'], {
    VNET_REMOTE_PASSWORD: 'a:b',
  });
  assert.is(text.code, 0);
  assert.is(text.stdout, `${HANDLER}\n`);
  assert.is(
    server.heard[1],
    'HANDLE tcp://198.51.100.2 password:bob:"a:b" tap:a?mtu=1400&bridge=br0 vm0 PROXY HOST 52:54:00:12:34:56 l2cp=on',
  );
  assert.equal((await run(handle, [...WORDS, '--remote-cert', '--json'])).json(), { handler: HANDLER });
  assert.match(server.heard.join('\n'), /HANDLE tcp:\/\/198\.51\.100\.2 cert tap/);
});

client('handle: a peer needs no credentials, any other remote does', async () => {
  assert.is((await run(handle, ['peer:home', ...WORDS.slice(1)])).code, 0);
  assert.match(server.heard[1] ?? '', /^HANDLE peer:home - tap/);
  const none = await run(handle, WORDS);
  assert.is(none.code, 2);
  assert.match(none.stderr, /--remote-cert, --remote-password-file/);
});

client('handle: what the server does not like is status 1', async () => {
  const { code, stderr } = await run(handle, [...WORDS.slice(0, 5), 'bad', '--remote-cert']);
  assert.is(code, 1);
  assert.match(stderr, /^ERR 400 bad-mac so not\n/);
});

client('wrong usage is status 2, and nothing is dialled', async () => {
  const wrong: readonly [Command, readonly string[], RegExp][] = [
    [devices, ['extra'], /unexpected argument 'extra'/],
    [devices, ['--nonsense'], /unknown option '--nonsense'/],
    [devices, ['--password', 'x'], /never stands on the command line/],
    [devices, ['--server', 'http://x'], /tcp:\/\/HOST:PORT/],
    [devices, ['--cert', 'x'], /--cert and --key go together/],
    [devices, ['--cert', 'x', '--key', 'y'], /tls:\/\/ only/],
    [devices, ['--identity', 'a b'], /an identity is/],
    [stats, [], /one argument/],
    [close, ['a', 'b'], /one argument/],
    [close, ['a\nDONE'], /control character/],
    [handle, WORDS.slice(0, 5), /<mac> is missing/],
    [handle, [...WORDS.slice(0, 5), 'l2cp=on'], /<mac> is missing/],
    [handle, [...WORDS, '--remote-cert', '--remote-identity', 'x'], /goes with neither/],
  ];
  for (const [what, args, message] of wrong) {
    const { code, stderr } = await run(what, args);
    assert.is(code, 2, args.join(' '));
    assert.match(stderr, message);
    assert.match(stderr, /Try `vnet \w+ --help`/);
  }
  const { code, stderr } = await run(devices, [], { VNET_PASSWORD: '' });
  assert.is(code, 2);
  assert.match(stderr, /--password-file F or set VNET_PASSWORD/);
  assert.equal(server.heard, []);
});

client('--help is for everybody and says the exit statuses', async () => {
  for (const what of [devices, handlers, handle, close, stats, status]) {
    const { code, stdout } = await run(what, ['--help']);
    assert.is(code, 0);
    assert.match(stdout, /^Usage: vnet /);
    assert.match(stdout, /Exit status/);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
  }
});

client('a server that cannot be reached, or is none, is status 3', async () => {
  const { url } = server;
  await server.stop();
  const gone = await run(status, [], { VNET_SERVER: url });
  assert.is(gone.code, 3);
  assert.match(gone.stderr, /connection refused/);
  server = await FakeServer.start((_, socket) => void socket.destroy());
  server.greeting = '220 mail.example ESMTP';
  const other = await run(status, []);
  assert.is(other.code, 3);
  assert.match(other.stderr, /does not greet as a VNET\/1 server/);
  server.greeting = 'OK VNET/1 server=fake auth=password';
  const dropped = await run(status, []);
  assert.is(dropped.code, 3);
  assert.match(dropped.stderr, /closed the connection before it had answered/);
});

client('a server that is full says so in place of its greeting', async () => {
  server.greeting = 'ERR 429 too-many-sessions come back later';
  const { code, stderr } = await run(status, []);
  assert.is(code, 1);
  assert.match(stderr, /^ERR 429 too-many-sessions come back later\n/);
});

client('the secret stays here where the server takes no password', async () => {
  server.greeting = 'OK VNET/1 server=fake auth=cert';
  const { code, stderr } = await run(status, []);
  assert.is(code, 1);
  assert.match(stderr, /does not take a password on this connection, but a certificate/);
  assert.equal(server.heard, []);
});

client('a password goes over plain tcp:// to another machine only when it is meant so', () => {
  const settings = {
    server: 'tcp://192.0.2.1:7411',
    login: { method: 'password', identity: 'a', secret: 'b' },
  } as const;
  const far = { scheme: 'tcp', loopback: false } as const;
  assert.throws(() => checkLogin({ ...settings, allowPlaintext: false }, far, ['password']), /in the clear/);
  checkLogin({ ...settings, allowPlaintext: true }, far, ['password']);
  assert.throws(
    () => checkLogin({ ...settings, allowPlaintext: false, option: '--far' }, far, ['password']),
    /--far-allow-plaintext if you mean it/,
  );
  checkLogin({ ...settings, allowPlaintext: false }, { scheme: 'tls', loopback: false }, ['password']);
  checkLogin({ ...settings, allowPlaintext: false }, { scheme: 'tcp', loopback: true }, ['password']);
});

client.run();
