/** URLs of servers and `<auth>`: what each takes, what it refuses, and its normal form. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAuth, parseAuth, parsePlainAuth } from '../../../machines/protocol/auth.ts';
import type { Result } from '../../../machines/protocol/errors.ts';
import {
  formatListenUrl,
  formatRemote,
  parseListenUrl,
  parseRemote,
} from '../../../machines/protocol/remote.ts';
import { type Token, tokenise } from '../../../machines/protocol/tokens.ts';
import * as any from './generators.ts';

const test = suite('protocol: remotes');

const refusedAs = (reason: string, result: Result<unknown>, what: string) =>
  assert.is(result.ok ? 'taken' : result.refusal.reason, reason, what);

const PIN = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('remotes in normal form', () => {
  const url = (text: string) => {
    const remote = parseRemote(text);
    return remote.ok && remote.value.kind === 'url' ? remote.value.url : 'refused';
  };
  assert.is(url('tcp://Example.ORG'), 'tcp://example.org:7411');
  assert.is(url('tcp://10.0.0.1:80'), 'tcp://10.0.0.1:80');
  assert.is(url('TLS://[2001:DB8::1]'), 'tls://[2001:db8::1]:7411');
  assert.is(url('tcp://[fe80::1%eth0]:1'), 'tcp://[fe80::1%eth0]:1');
  assert.is(url('tcp://[::ffff:10.0.0.1]:1'), 'tcp://[::ffff:10.0.0.1]:1');
  assert.equal(parseRemote(`tls://h?pin=sha256:${PIN.slice(7).toUpperCase()}`), {
    ok: true,
    value: { kind: 'url', scheme: 'tls', url: 'tls://h:7411', pin: PIN },
  });
  assert.equal(parseRemote(`tls://h?pin=spki-sha256:${PIN.slice(7).toUpperCase()}`), {
    ok: true,
    value: { kind: 'url', scheme: 'tls', url: 'tls://h:7411', pin: `spki-${PIN}` },
  });
  assert.equal(parseRemote('peer:office-1'), { ok: true, value: { kind: 'peer', name: 'office-1' } });
});

test('remotes that are none', () => {
  const hosts = [
    '',
    ':7411',
    'h:0',
    'h:65536',
    'h:',
    'h:x',
    'a b',
    'user@h',
    'user:pw@h',
    'h/',
    'h:1/x',
    '-h',
    'h..x',
    '999.0.0.1',
    '1.2.3',
    '127.1',
    '0x7f.1',
    '010.0.0.1',
    '2130706433',
    '::1',
    '[::1',
    '[]',
    '[:::]',
    '[1::2::3]',
    '[1:2:3:4::5:6:7:8::9]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[1:2:3:4:5:6:7::8:9]',
    '[12345::]',
    '[::1.2.3]',
    '[1.2.3.4]',
    '[1.2.3.4::]',
    '[::1%]',
    '[g::]',
    'ä.example',
    `${'a'.repeat(254)}`,
  ];
  for (const host of hosts) refusedAs('bad-remote', parseRemote(`tcp://${host}`), host);
  const others = [
    '',
    'h',
    'h:7411',
    'http://h',
    'tcp:h',
    'peer:',
    'peer:a b',
    'peer:a/b',
    `peer:${'a'.repeat(65)}`,
    `tcp://h?pin=${PIN}`,
    'tls://h?',
    'tls://h?pin=',
    'tls://h?pin=sha256:12',
    `tls://h?pin=${PIN}0`,
    `tls://h?x=1&pin=${PIN}`,
    'unix:///run/x',
  ];
  for (const text of others) refusedAs('bad-remote', parseRemote(text), text);
});

test('listeners', () => {
  assert.equal(parseListenUrl('tcp://[::1]:0'), { ok: true, value: { scheme: 'tcp', host: '::1', port: 0 } });
  assert.equal(parseListenUrl('tls://0.0.0.0'), {
    ok: true,
    value: { scheme: 'tls', host: '0.0.0.0', port: 7411 },
  });
  assert.equal(parseListenUrl('unix:///run/vnet/sock'), {
    ok: true,
    value: { scheme: 'unix', path: '/run/vnet/sock' },
  });
  assert.equal(parseListenUrl('unix:///s?mode=0660'), {
    ok: true,
    value: { scheme: 'unix', path: '/s', mode: 0o660 },
  });
  for (const text of [
    '',
    'tcp://',
    'tcp://h:1?x',
    `tls://h?pin=${PIN}`,
    'unix://',
    'unix://sock',
    'unix:///',
    'unix:///s?mode=9',
    'unix:///s?mode=0',
    `unix:///${'x'.repeat(107)}`,
    'udp://h',
    'peer:x',
  ]) {
    refusedAs('bad-remote', parseListenUrl(text), text);
  }
  const longest = `unix:///${'x'.repeat(106)}`;
  for (const text of ['tcp://[::1]:0', 'tls://h:7411', 'unix:///s', 'unix:///s?mode=0660', longest]) {
    const url = parseListenUrl(text);
    assert.is(url.ok && formatListenUrl(url.value), text);
  }
});

function auth(word: string): string {
  const tokens = tokenise(word);
  const token = tokens.ok ? tokens.value[0] : undefined;
  const result = token && parsePlainAuth(token);
  if (!result?.ok) return result?.refusal.reason ?? 'no token';
  return result.value.kind === 'password'
    ? `${result.value.identity}/${result.value.secret}`
    : result.value.kind;
}

test('auth: a colon parts identity and secret, unless it is quoted', () => {
  assert.is(auth('cert'), 'cert');
  assert.is(auth('-'), 'peer-entry');
  assert.is(auth('password:s3'), 'default/s3');
  assert.is(auth('password:alice:s3'), 'alice/s3');
  assert.is(auth('password:"a:b"'), 'default/a:b');
  assert.is(auth('password:alice:"a:b c"'), 'alice/a:b c');
  assert.is(auth('password:""'), 'default/');
  assert.is(auth('"password:alice:two words"'), 'alice/two words');
  for (const word of [
    'password',
    'password:',
    'password:alice:',
    'password:a:b:c',
    'Password:x',
    'none',
    '""',
  ]) {
    assert.is(auth(word), 'syntax', word);
  }
  assert.is(auth('password:a/b:c'), 'bad-id');
  assert.is(auth('password::c'), 'bad-id');
});

test('auth: every secret that a line can carry comes back', () => {
  fc.assert(
    fc.property(any.value, any.name, (secret, identity) => {
      assert.is(
        auth(formatAuth({ kind: 'password', identity, secret: any.SECRET }, secret)),
        `${identity}/${secret}`,
      );
    }),
  );
});

test('auth: a secret is quoted only where it has to be', () => {
  const write = (secret: string, identity = 'default') =>
    formatAuth({ kind: 'password', identity, secret: any.SECRET }, secret);
  assert.is(write('s3'), 'password:s3');
  assert.is(write('s3', 'alice'), 'password:alice:s3');
  assert.is(write('a:b'), 'password:"a:b"');
  assert.is(write('a b'), 'password:"a b"');
});

test('auth: the secret is kept when all is right, and only then', () => {
  const kept: string[] = [];
  const keep = (secret: string) => {
    kept.push(secret);
    return any.SECRET;
  };
  const token = (text: string): Token => ({ text, quotedAt: -1 });
  assert.equal(parseAuth(token('cert'), keep), { ok: true, value: { kind: 'cert' } });
  refusedAs('bad-id', parseAuth(token('password:a/b:s3'), keep), 'identity');
  assert.equal(kept, []);
  assert.equal(parseAuth(token('password:s3'), keep), {
    ok: true,
    value: { kind: 'password', identity: 'default', secret: any.SECRET },
  });
  assert.equal(kept, ['s3']);
});

test('the normal form of a remote parses back to the same', () => {
  fc.assert(
    fc.property(any.remote, (remote) =>
      assert.equal(parseRemote(formatRemote(remote)), { ok: true, value: remote }),
    ),
  );
});

test('no text at all makes a parser throw', () => {
  const words = fc.constantFrom(
    'tcp://',
    'tls://',
    'unix:///',
    'peer:',
    '?',
    ':',
    '[',
    ']',
    '%',
    '1',
    'a',
    '\0',
    '@',
  );
  const near = fc.array(words).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
      parseRemote(text);
      parseListenUrl(text);
    }),
    { numRuns: 300 },
  );
});

test.run();
