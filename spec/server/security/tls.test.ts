/** What TLS of a real server looks like from outside, by `openssl s_client`, and who gets in by certificate. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Credentials } from '../../../io/auth/authenticator.ts';
import { realNetwork } from '../../../io/net/network.ts';
import type { DialError } from '../../../io/ports.ts';
import { testCa } from '../../unit/net/test-ca.ts';
import { RealServer } from './real-server.ts';

const test = suite('TLS, by openssl');
const server = new RealServer();

/** Runs `openssl s_client`, types the lines once it is greeted, and gives all that it printed, alerts too. */
function client(args: readonly string[], lines: readonly string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = `127.0.0.1:${server.ports.get('tls')}`;
    const child = spawn('openssl', ['s_client', '-connect', where, '-ign_eof', ...args], { stdio: 'pipe' });
    let text = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (/^OK VNET\/1 /m.test(text)) child.stdin.end(`${[...lines, 'DONE'].join('\n')}\n`);
      });
    }
    child.stdin.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

test.before(async () => {
  await server.key('real');
  const friend = await server.key('friend');
  await server.key('stranger');
  const [ca, otherCa] = await Promise.all([testCa(), testCa()]);
  const signed = {
    member: await ca.issue('member'),
    local: await ca.issue('local'),
    late: await ca.issue('late', undefined, new Date(Date.now() - 86_400_000)),
    pretender: await otherCa.issue('member'),
  };
  for (const [name, { cert, key }] of Object.entries(signed)) {
    server.write(`${name}.crt`, cert);
    server.write(`${name}.key`, key);
  }
  const args = ['--cert', server.path('real.crt'), '--key', server.path('real.key')];
  const authorized = server.write('authorized', `friend ${friend}\n`);
  await server.start([...args, '--authorized', authorized, '--ca', server.write('ca.crt', ca.pem)]);
});
test.after(() => server.close());

test('speaks TLS 1.3 and nothing older', async () => {
  assert.match(await client(['-tls1_3']), /^OK VNET\/1 server=real auth=cert features=wires,notes$/m);
  for (const old of ['-tls1_2', '-tls1_1', '-tls1']) {
    // Security level 0, so that it is the server that refuses and not our openssl.
    const said = await client([old, '-cipher', 'ALL:@SECLEVEL=0']);
    assert.not.match(said, 'VNET/1', old);
    assert.match(said, /alert protocol version|no protocols available|unsupported protocol/, old);
  }
});

test('with the three ciphers that are in use, its own choice first', async () => {
  for (const cipher of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
    assert.match(await client(['-ciphersuites', cipher]), `Cipher is ${cipher}`);
  }
  const chosen = await client(['-ciphersuites', 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256']);
  assert.match(chosen, 'Cipher is TLS_AES_128_GCM_SHA256');
  assert.not.match(await client(['-ciphersuites', 'TLS_AES_128_CCM_SHA256']), 'VNET/1');
});

test('a session is never resumed: each handshake shows its certificates anew', async () => {
  const kept = server.path('session.pem');
  assert.match(await client(['-tls1_3', '-sess_out', kept]), /^New, TLSv1.3/m);
  const again = await client(['-tls1_3', '-sess_in', kept]);
  assert.match(again, /^New, TLSv1.3/m);
  assert.not.match(again, /^Reused/m);
  assert.match(again, 'VNET/1');
});

const hello = (name: string | undefined) =>
  client(
    name === undefined ? [] : ['-cert', server.path(`${name}.crt`), '-key', server.path(`${name}.key`)],
    ['HELLO cert'],
  );

test('HELLO cert: the identity is that of the authorized line, else the subject that our CA signed', async () => {
  assert.match(await hello('friend'), /^OK session=\w+ identity=friend$/m);
  assert.match(await hello('member'), /^OK session=\w+ identity=member$/m);
});

for (const [name, why] of [
  [undefined, 'no certificate'],
  ['stranger', 'a certificate that nobody authorized'],
  ['pretender', 'the right subject, signed by another CA'],
  ['late', 'a certificate of our CA that has expired'],
  ['local', 'a certificate of our CA that claims the identity of the unix socket'],
] as const) {
  test(`HELLO cert is refused: ${why}`, async () => {
    assert.match(
      await hello(name),
      /^ERR 403 authentication-failed .*certificate is not known here or not in its time/m,
    );
  });
}

test('who is authorized as a client cannot stand for a server and collect its password', async () => {
  const pair = {
    cert: readFileSync(server.path('friend.crt')),
    key: readFileSync(server.path('friend.key')),
  };
  let heard = '';
  const impostor = createServer(pair, (socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (data) => {
        heard += data.toString();
      });
    socket.write('OK VNET/1 server=real auth=password\n');
  });
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  const url = `tls://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
  const authorizedFile = server.path('authorized');
  const dial = () => {
    const credentials = new Credentials({ authorizedFile });
    return realNetwork({ tls: () => credentials.tls }).dial(url, {
      signal: AbortSignal.timeout(10_000),
      clientCertificate: false,
    });
  };
  try {
    await dial().then(
      () => assert.unreachable(),
      (error: DialError) => assert.is(error.kind, 'remote-untrusted'),
    );
    assert.is(heard, '');
    // With the words that say so it may.
    server.write('authorized', readFileSync(authorizedFile, 'utf8').replace('\n', ' server=127.0.0.1\n'));
    (await dial()).destroy();
  } finally {
    impostor.close();
  }
});

test.run();
