/** `vnet serve --http` as curl and promtool see it, over loopback, a unix socket, TLS, and as other machines would. */
import { copyFileSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Outcome, runCommand } from '../../../tools/lab/program.ts';
import { vnet } from '../../../tools/lab/server.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { RealServer } from './real-server.ts';

const test = suite('HTTP, by curl');
const SECRET = 'correct-horse-7';
/** On loopback, by a unix socket, by TLS on all addresses, and in plain text on all addresses. */
const inside = new RealServer();
const socket = new RealServer();
const secured = new RealServer();
const outside = new RealServer();
const all = [inside, socket, secured, outside];

const promtool = ['/usr/bin', '/usr/local/bin'].some((folder) => existsSync(`${folder}/promtool`));
if (!promtool) process.stderr.write('skipped: promtool check metrics (promtool is not installed)\n');

/** Where its HTTP listener is, by its diagnostics. */
function urlOf(server: RealServer): string {
  return String(server.said.find(({ msg }) => msg === 'metrics and health by HTTP')?.url);
}
const portOf = (server: RealServer): number => Number(/:(\d+)$/.exec(urlOf(server))?.[1]);

/** The answer of `curl`: its status and its text, headers in front of it. */
async function curl(...args: readonly string[]): Promise<{ status: number; text: string }> {
  const { stdout } = await runCommand(['curl', '-sS', '-i', '--max-time', '10', ...args]);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(stdout)?.[1]), text: stdout };
}

/** A server that does not start. */
const refused = (log: string, ...args: readonly string[]): Promise<Outcome> =>
  runCommand(vnet('serve', '--log', inside.path(log), '--listen', 'tcp://127.0.0.1:0', ...args), {
    anyStatus: true,
    env: { VNET_PASSWORD: SECRET },
  });

test.before(async () => {
  await secured.key('real');
  const certificate = ['--cert', secured.path('real.crt'), '--key', secured.path('real.key')];
  const env = { VNET_PASSWORD: SECRET };
  await Promise.all([
    inside.start(['--http', 'http://127.0.0.1:0'], env),
    socket.start(['--http', `unix://${socket.path('http')}?mode=660`], env),
    secured.start(['--http', 'https://0.0.0.0:0', ...certificate], env),
    outside.start(['--http', 'http://0.0.0.0:0', '--allow-plaintext'], env),
  ]);
});
test.after(async () => {
  await Promise.all(all.map((server) => server.close()));
});

test('/metrics on loopback asks for no password', async () => {
  const { status, text } = await curl(`${urlOf(inside)}/metrics`);
  assert.is(status, 200);
  assert.match(text, /^Content-Type: application\/openmetrics-text; version=1\.0\.0; charset=utf-8\r$/m);
  assert.match(text, /^vnet_build_info\{name="real",version=/m);
  assert.match(text, /^vnet_log_writable 1$/m);
  assert.match(text, /^vnet_process_open_descriptors \d+$/m);
  assert.ok(text.endsWith('# EOF\n'));
});

test('/healthz is 200, and other paths are 404 with a word', async () => {
  const health = await curl(`${urlOf(inside)}/healthz`);
  assert.equal([health.status, health.text.endsWith('\r\n\r\nok\n')], [200, true]);
  const page = await curl(`${urlOf(inside)}/`);
  assert.is(page.status, 404);
  assert.match(page.text, /there is no page here: \/metrics/);
  assert.is((await curl('--path-as-is', `${urlOf(inside)}/../etc/passwd`)).status, 404);
});

test('HEAD has no body, and nothing but GET and HEAD is known', async () => {
  const head = await curl('--head', `${urlOf(inside)}/metrics`);
  assert.is(head.status, 200);
  assert.not.match(head.text, 'vnet_');
  const post = await curl('--data', 'x', `${urlOf(inside)}/metrics`);
  assert.is(post.status, 405);
  assert.match(post.text, /^Allow: GET, HEAD\r$/m);
});

test('a Host of another name is refused on loopback: a page of another site may ask under it', async () => {
  for (const path of ['metrics', 'healthz', '']) {
    const { status, text } = await curl('-H', 'Host: evil.example', `${urlOf(inside)}/${path}`);
    assert.is(status, 421, path);
    assert.not.match(text, 'vnet_');
  }
  assert.is((await curl('-H', 'Host: localhost:1', `${urlOf(inside)}/metrics`)).status, 200);
  assert.is((await curl('--http1.0', '-H', 'Host:', `${urlOf(inside)}/metrics`)).status, 421);
});

test('a unix socket of the mode that was asked for does the same', async () => {
  const at = ['--unix-socket', socket.path('http')];
  const { status, text } = await curl(...at, 'http://anything/metrics');
  assert.is(status, 200);
  assert.match(text, /^vnet_sessions 0$/m);
  assert.is((await curl(...at, 'http://anything/nothing')).status, 404);
  const { stdout } = await runCommand(['stat', '-c', '%a', socket.path('http')]);
  assert.is(stdout.trim(), '660');
});

test('elsewhere it is 401 without the password of an identity, by TLS as well', async () => {
  for (const [server, ...more] of [[outside], [secured, '-k']] as const) {
    const at = `${urlOf(server).replace('0.0.0.0', '127.0.0.1')}`;
    const nobody = await curl(...more, `${at}/metrics`);
    assert.is(nobody.status, 401);
    assert.match(nobody.text, /^WWW-Authenticate: Basic realm="vnet"/m);
    assert.is((await curl(...more, '-u', 'default:wrong', `${at}/metrics`)).status, 401);
    const somebody = await curl(...more, '-u', `default:${SECRET}`, `${at}/metrics`);
    assert.is(somebody.status, 200);
    assert.match(somebody.text, /^vnet_sessions 0$/m);
    assert.is((await curl(...more, `${at}/healthz`)).status, 200);
  }
});

/** Fingerprint of the certificate that its HTTPS listener shows. */
function shown(server: RealServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: portOf(server), rejectUnauthorized: false };
    const client = connectTls(options, () => {
      resolve(`sha256:${client.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()}`);
      client.destroy();
    });
    client.once('error', reject);
  });
}

test('a certificate that SIGHUP read again is shown to the next one', async () => {
  const next = await secured.key('next');
  assert.is.not(await shown(secured), next);
  for (const kind of ['crt', 'key']) copyFileSync(secured.path(`next.${kind}`), secured.path(`real.${kind}`));
  assert.is((await secured.reload()).msg, 'read again');
  assert.is(await shown(secured), next);
});

test('a bad --http is refused with what would be right', async () => {
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--http', '9411'], 2, /--http 9411: use http:\/\/HOST:PORT, https:\/\/HOST:PORT or unix:\/\/\/PATH/],
    [['--http', 'http://127.0.0.1'], 2, /the port is missing; use http:\/\/HOST:PORT/],
    [['--http', 'http://0.0.0.0:0'], 2, /plain http:\/\/ is for this machine alone.*--allow-plaintext/],
    [['--http', 'http://a:geheim@127.0.0.1:1'], 2, /neither a name nor a password stands in it/],
    [['--http', 'https://127.0.0.1:0'], 1, /needs --cert and --key/],
    [['--http', `http://127.0.0.1:${portOf(inside)}`], 1, /it is in use: another server listens there/],
    [['--http', `unix://${socket.path('http')}`], 1, /another server answers there/],
    [['--http', 'unix:///nowhere/at/all'], 1, /the directory \/nowhere\/at does not exist/],
  ];
  const outcomes = await Promise.all(wrong.map(([args], i) => refused(`other-log-${i}`, ...args)));
  for (const [i, [args, status, expected]] of wrong.entries()) {
    const outcome = outcomes[i]!;
    assert.is(outcome.status, status, `${args.join(' ')}: ${outcome.stderr}`);
    assert.match(outcome.stderr, expected);
    assert.not.match(outcome.stderr, 'geheim');
    assert.not.match(outcome.stdout, 'READY');
  }
});

test('a listener whose metrics nobody could read is refused', async () => {
  const args = [
    '--listen',
    `unix://${inside.path('other')}`,
    '--http',
    'http://0.0.0.0:0',
    '--allow-plaintext',
  ];
  const { VNET_PASSWORD: _, ...env } = process.env;
  const command = vnet('serve', '--log', inside.path('other-log'), ...args);
  const outcome = await runCommand(command, { anyStatus: true, env: { ...env, VNET_PASSWORD: undefined } });
  assert.is(outcome.status, 1);
  assert.match(outcome.stderr, /nobody could read the metrics on http:\/\/0\.0\.0\.0:0.*--password-file/);
});

test('connections past a bound are closed, and those that come later are served', async () => {
  const port = portOf(inside);
  const many = Array.from({ length: 40 }, () => connect({ host: '127.0.0.1', port }).on('error', () => {}));
  await waitUntil(() => many.filter(({ closed }) => closed).length >= 8 || undefined, {
    what: 'eight closed',
  });
  for (const one of many) one.destroy();
  const served = async () =>
    (await curl(`${urlOf(inside)}/healthz`).catch(() => undefined))?.status === 200 || undefined;
  assert.ok(await waitUntil(served, { what: 'an answer' }));
});

(promtool ? test : test.skip)('promtool has nothing to say against the metrics', async () => {
  const { stdout } = await runCommand([
    ...['curl', '-sS', '-H', 'Accept: text/plain', `${urlOf(inside)}/metrics`],
  ]);
  const { stderr } = await runCommand(['promtool', 'check', 'metrics'], { input: stdout });
  assert.is(stderr, '');
});

test('at SIGTERM the listener closes, also under a client that is connected', async () => {
  const port = portOf(inside);
  const client = connect({ host: '127.0.0.1', port }).on('error', () => {});
  await waitUntil(() => (client.readyState === 'open' ? true : undefined), { what: 'a connection' });
  inside.program?.signal('SIGTERM');
  await waitUntil(() => client.closed || undefined, { what: 'its end' });
  await inside.program?.ended;
  assert.is(inside.program?.status, 0);
  assert.is((await runCommand(['curl', '-sS', urlOf(inside)], { anyStatus: true })).status, 7);
});

test.run();
