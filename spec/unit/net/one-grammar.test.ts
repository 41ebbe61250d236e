/** The URLs of the network edge are those of the protocol's lines: whatever one takes, the other takes alike. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { normalHost, parseLinkUrl } from '../../../io/net/address.ts';
import { parseHostPort } from '../../../machines/protocol/hosts.ts';
import { parseListenUrl, parseRemote } from '../../../machines/protocol/remote.ts';

const test = suite('one grammar of URLs');

/** As the machines read it: what they listen on, or what they dial. */
function byMachines(text: string): unknown {
  const listen = parseListenUrl(text);
  if (listen.ok)
    return 'host' in listen.value ? { ...listen.value, host: normalHost(listen.value.host) } : listen.value;
  const remote = parseRemote(text);
  if (!remote.ok || remote.value.kind !== 'url') return 'refused';
  const { scheme, url, pin } = remote.value;
  const { host = '', port } = parseHostPort(url.slice(`${scheme}://`.length)) ?? {};
  return { scheme, host: normalHost(host), port, ...(pin === undefined ? {} : { pin }) };
}

function byEdge(text: string): unknown {
  try {
    return parseLinkUrl(text);
  } catch {
    return 'refused';
  }
}

const PIN = `sha256:${'0123456789abcdef'.repeat(4)}`;
const HOSTS =
  'h Host.Example h. a_b -h h- h..x 1.2.3.4 1.2.3 010.0.0.1 0x7f.1 1.2.3.400 ä.example [::1] [::] [::ffff:1.2.3.4] ' +
  '[2001:DB8:0:0::1] [fe80::1%eth0] [fe80::1%my_if] [fe80::1%] [fe80::1%25eth0] [fe80::1%a/b] [1.2.3.4] [g::] [::1 ' +
  '::1 user@h user:pw@h % a%20b';
const PATHS = [
  '/',
  '/s',
  '/s/',
  '//s',
  '/a b',
  '/a%20b',
  '/a#b',
  '/ä',
  '/a\tb',
  '/a\nb',
  '/a\0b',
  's',
  '',
  `/${'x'.repeat(106)}`,
];

test('each form that people come with', () => {
  const queries = [
    '',
    '?',
    `?pin=${PIN}`,
    `?pin=spki-${PIN}`,
    `?pin=spki-${PIN}0`,
    '?pin=spki-x',
    '?pin=x',
    '?pin',
    `?pin=${PIN}&pin=${PIN}`,
    `?Pin=${PIN}`,
  ];
  for (const scheme of ['tcp', 'tls', 'TLS', 'udp', '']) {
    for (const host of [...HOSTS.split(' '), '', ' h', 'h/']) {
      for (const port of ['', ':1', ':0', ':', ':65535', ':65536', ':00080', ':x', ':1/', ':1#x']) {
        for (const query of port === ':0' ? [''] : queries) {
          const text = `${scheme}://${host}${port}${query}`;
          if (/^tcp.*[?]pin=(spki-)?sha256/i.test(text)) continue; // both refuse, but for reasons of their own
          assert.equal(byEdge(text), byMachines(text), text);
        }
      }
    }
  }
  for (const path of PATHS) {
    for (const query of [
      '',
      '?mode=0660',
      '?mode=660',
      '?mode=9',
      '?mode=',
      '?',
      '?mode=660&mode=600',
      '?x=1',
    ]) {
      const text = `unix://${path}${query}`;
      assert.equal(byEdge(text), byMachines(text), text);
    }
  }
});

test('whatever it is', () => {
  const pieces = fc.constantFrom(
    ...[
      'tcp://',
      'tls://',
      'unix://',
      '/',
      ':',
      '[',
      ']',
      '%',
      '?',
      '#',
      '@',
      '&',
      '=',
      ' ',
      '.',
      '-',
      '::',
      'pin=',
      'mode=',
    ],
    ...['660', '7411', 'h', 'eth0', 'fe80', 'ä', '\n', PIN],
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    fc
      .tuple(fc.constantFrom('tcp', 'tls', 'unix'), fc.string())
      .map(([scheme, rest]) => `${scheme}://${rest}`),
    fc
      .tuple(fc.constantFrom('tcp', 'tls'), fc.ipV6())
      .map(([scheme, address]) => `${scheme}://[${address}]:1`),
  );
  // Port 0 with a pin has no use at either, and is told at different moments.
  fc.assert(
    fc.property(text, (one) => assert.equal(byEdge(one), byMachines(one), one)),
    { numRuns: 5_000 },
  );
});

test('a name in other letters is refused with the form that is right', () => {
  assert.throws(() => parseLinkUrl('tcp://bücher.example'), 'xn--bcher-kva.example');
});

test.run();
