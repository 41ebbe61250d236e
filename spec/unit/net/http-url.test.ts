/** URLs of `--http`, and which Host headers a listener on loopback takes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatHttpUrl, isLoopbackHost, isPrivate, parseHttpUrl } from '../../../io/http/url.ts';

const test = suite('URLs of --http');

test('are http, https with a port, and unix', () => {
  assert.equal(parseHttpUrl('http://127.0.0.1:9411'), { scheme: 'http', host: '127.0.0.1', port: 9411 });
  assert.equal(parseHttpUrl('HTTPS://Example.org:0/'), { scheme: 'https', host: 'example.org', port: 0 });
  assert.equal(parseHttpUrl('http://[::1]:80'), { scheme: 'http', host: '::1', port: 80 });
  assert.equal(parseHttpUrl('unix:///run/x'), { scheme: 'unix', path: '/run/x' });
  assert.equal(parseHttpUrl('unix:///run/x?mode=660'), { scheme: 'unix', path: '/run/x', mode: 0o660 });
  assert.is(formatHttpUrl(parseHttpUrl('http://[::1]:80')), 'http://[::1]:80');
});

test('say what is wrong with them', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /use http:\/\/HOST:PORT/],
    ['9411', /use http:\/\/HOST:PORT/],
    ['tcp://127.0.0.1:1', /use http:\/\/HOST:PORT/],
    ['http://', /no host/],
    ['http://:80', /no host/],
    ['http://127.0.0.1', /port is missing/],
    ['http://127.0.0.1:', /nothing stands behind|no host/],
    ['http://127.0.0.1:65536', /at most 65535/],
    ['http://127.0.0.1:123456', /no host|nothing stands/],
    ['http://127.0.0.1:80/metrics', /nothing stands behind the port/],
    ['http://127.0.0.1:80?x=1', /nothing stands behind the port/],
    ['http://[::g]:80', /no IPv6 address/],
    ['http://a b:80', /no host name/],
    ['unix://relative', /unix/],
    ['unix:///x?mode=abc', /mode=/],
  ];
  for (const [text, expected] of wrong) assert.throws(() => parseHttpUrl(text), expected, text);
});

test('a password in one is not repeated', () => {
  assert.throws(
    () => parseHttpUrl('http://me:geheim@127.0.0.1:80'),
    (error: Error) => !error.message.includes('geheim') && /password/.test(error.message),
  );
});

test('are private on loopback and unix sockets only', () => {
  for (const url of ['http://127.9.9.9:1', 'http://[::1]:1', 'http://localhost:1', 'unix:///x']) {
    assert.ok(isPrivate(parseHttpUrl(url)), url);
  }
  for (const url of ['http://0.0.0.0:1', 'http://[::]:1', 'https://10.0.0.1:1', 'http://localhost.x:1']) {
    assert.not.ok(isPrivate(parseHttpUrl(url)), url);
  }
});

test('Host is one of this machine, with a port or without', () => {
  for (const host of ['localhost', 'LOCALHOST:9411', '127.0.0.1', '127.0.0.1:1', '[::1]', '[::1]:80']) {
    assert.ok(isLoopbackHost(host), host);
  }
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example:80',
    '10.0.0.1',
    '127.0.0.1.x',
  ]) {
    assert.not.ok(isLoopbackHost(host), String(host));
  }
});

test.run();
