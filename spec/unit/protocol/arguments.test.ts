/** Devices, roles, MAC addresses, ids and options: what each takes, what it refuses, and its normal form. */
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatDevice, isIfname, parseDevice } from '../../../machines/protocol/devices.ts';
import type { Result } from '../../../machines/protocol/errors.ts';
import { parseHandlerId, parseIdentity } from '../../../machines/protocol/ids.ts';
import { formatMac, macNumber, parseMac, parseMacs } from '../../../machines/protocol/mac.ts';
import { formatOptions, parseBeginOptions, parseHandleOptions } from '../../../machines/protocol/options.ts';
import { checkPair, formatRole, parseRole } from '../../../machines/protocol/roles.ts';
import type { RoleConfig } from '../../../machines/protocol/types.ts';
import * as any from './generators.ts';

const test = suite('protocol: arguments');

const refusedAs = (reason: string, result: Result<unknown>, what: string) =>
  assert.is(result.ok ? 'taken' : result.refusal.reason, reason, what);

test('devices: the four forms and their options', () => {
  assert.equal(parseDevice('eth0'), {
    ok: true,
    value: { kind: 'interface', backend: 'any', ifname: 'eth0' },
  });
  assert.equal(parseDevice('any'), { ok: true, value: { kind: 'interface', backend: 'any', ifname: 'any' } });
  assert.equal(parseDevice('pcap:br0'), {
    ok: true,
    value: { kind: 'interface', backend: 'pcap', ifname: 'br0' },
  });
  assert.equal(parseDevice('tap:vm0?bridge=br0&mtu=1400'), {
    ok: true,
    value: { kind: 'tap', ifname: 'vm0', mtu: 1400, bridge: 'br0' },
  });
  assert.equal(parseDevice('tap:vm0?ip=on'), { ok: true, value: { kind: 'tap', ifname: 'vm0', ip: true } });
  assert.equal(parseDevice('tap:vm0?ip=off'), { ok: true, value: { kind: 'tap', ifname: 'vm0' } });
  const wrong = [
    '',
    ':',
    'any:eth0',
    'eth0:1',
    'foo:eth0',
    'PCAP:eth0',
    'tap:',
    'tap:?mtu=1400',
    'eth0?mtu=1400',
    'pcap:a?',
  ];
  const wrongTap = [
    '',
    'mtu',
    'mtu=',
    'mtu=67',
    'mtu=65536',
    'mtu=1e3',
    'mtu=01400',
    'mtu=1400&mtu=1400',
    'up=1',
    'bridge=',
    'bridge=a/b',
    'mtu=1400&',
    'ip=',
    'ip=1',
    'ip=on&ip=on',
    '__proto__=1',
  ];
  for (const text of [...wrong, ...wrongTap.map((option) => `tap:vm0?${option}`)]) {
    refusedAs('bad-device', parseDevice(text), text);
  }
});

test('devices: names are those that the kernel takes', () => {
  for (const good of ['a', 'eth0.100', 'fifteen-bytes-x', 'wlp0s20f3', 'ümlaut', '...', 'a&b', 'a=b'])
    assert.ok(isIfname(good), good);
  const wrong = [
    '',
    '.',
    '..',
    'a/b',
    'a b',
    'a\tb',
    'a:b',
    'a?b',
    'vm%d',
    'sixteen-bytes-xx',
    'a\0',
    'a\u00a0b',
    'à',
    'äöüäöüäö',
  ];
  for (const name of wrong) assert.not.ok(isIfname(name), name);
});

test('roles and their pairs', () => {
  assert.equal(parseRole('HOST'), { ok: true, value: { role: 'HOST', multicast: true } });
  assert.equal(parseRole('PROXY:multicast=on'), { ok: true, value: { role: 'PROXY', multicast: true } });
  assert.equal(parseRole('PROXY:multicast=off'), { ok: true, value: { role: 'PROXY', multicast: false } });
  for (const text of [
    '',
    'host',
    'SWITCH',
    'HOST:',
    'HOST:multicast=on',
    'BRIDGE:multicast=off',
    'PROXY:',
    'PROXY:multicast',
    'PROXY:multicast=no',
    'PROXY:x=on',
    'constructor',
  ]) {
    refusedAs('bad-role', parseRole(text), text);
  }
  const role = (name: RoleConfig['role']): RoleConfig => ({ role: name, multicast: true });
  const macs = ['52:54:00:00:00:01'];
  const outcome = (a: RoleConfig['role'], b: RoleConfig['role'], list: readonly string[]) =>
    checkPair(role(a), role(b), list)?.reason ?? 'good';
  for (const a of ['HOST', 'PROXY', 'BRIDGE'] as const) {
    for (const b of ['HOST', 'PROXY', 'BRIDGE'] as const) {
      const pair = `${a} ${b}`;
      const known = ['HOST PROXY', 'PROXY HOST', 'BRIDGE BRIDGE'].includes(pair);
      const bridge = a === 'BRIDGE';
      assert.is(outcome(a, b, macs), known ? (bridge ? 'bad-mac' : 'good') : 'bad-roles-pair', pair);
      if (known && bridge) assert.match(checkPair(role(a), role(b), macs)?.text ?? '', /^BRIDGE takes \*/);
      if (known && !bridge) assert.match(checkPair(role(a), role(b), ['*'])?.text ?? '', /\* is for BRIDGE/);
      assert.is(outcome(a, b, ['*']), known ? (bridge ? 'good' : 'bad-mac') : 'bad-roles-pair', `${pair} *`);
    }
  }
});

test('MAC addresses', () => {
  assert.equal(parseMac('52:54:00:AB:cd:0F'), { ok: true, value: '52:54:00:ab:cd:0f' });
  for (const text of [
    '',
    '*',
    '52-54-00-ab-cd-0f',
    '525400abcd0f',
    '52:54:00:ab:cd',
    '52:54:00:ab:cd:0f:00',
    '52:54:00:ab:cd:0g',
    '2:54:00:ab:cd:0ff',
    ' 52:54:00:ab:cd:0f',
    'K2:54:00:ab:cd:0f',
  ]) {
    refusedAs('bad-mac', parseMac(text), text);
  }
  const list = parseMacs(['52:54:00:00:00:0B', '52:54:00:00:00:0a', '52:54:00:00:00:0b']);
  assert.equal(list, { ok: true, value: ['52:54:00:00:00:0a', '52:54:00:00:00:0b'] });
  assert.equal(parseMacs(['*']), { ok: true, value: ['*'] });
  for (const words of [
    [],
    ['*', '*'],
    ['*', '52:54:00:00:00:0a'],
    ['ff:ff:ff:ff:ff:ff'],
    ['01:00:5e:00:00:01'],
    ['00:00:00:00:00:00'],
  ]) {
    refusedAs('bad-mac', parseMacs(words), words.join(' '));
  }
  const second = parseMacs(['52:54:00:00:00:0a', '52:54']);
  assert.match(second.ok ? '' : second.refusal.text, /^MAC address 2: /);
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => formatMac(0x520000000000 + index));
  assert.ok(parseMacs(many(1024)).ok);
  refusedAs('bad-mac', parseMacs(many(1025)), '1025 addresses');
});

test('MAC addresses as numbers', () => {
  assert.is(macNumber('ff:ff:ff:ff:ff:ff'), 2 ** 48 - 1);
  assert.is(formatMac(0), '00:00:00:00:00:00');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (mac) => {
      assert.is(macNumber(formatMac(mac)), mac);
      assert.equal(parseMac(formatMac(mac).toUpperCase()), { ok: true, value: formatMac(mac) });
    }),
  );
});

test('options', () => {
  assert.equal(parseHandleOptions([]), { ok: true, value: { offload: true, announce: true, l2cp: false } });
  assert.equal(parseHandleOptions(['l2cp=on', 'rate=10M', 'announce=off', 'bcast-rate=100', 'offload=off']), {
    ok: true,
    value: { offload: false, announce: false, l2cp: true, rate: 10_000_000, bcastRate: 100 },
  });
  const wrong = [
    'offload',
    'offload=',
    'offload=yes',
    'OFFLOAD=on',
    '=on',
    'mtu=1500',
    'foo=1',
    'constructor=1',
    '__proto__=1',
    'rate=0',
    'rate=',
    'rate=M',
    'rate=-1',
    'rate=1.5M',
    'rate=1K',
    'rate=1m',
    'rate=10000000G',
    'rate=9007199254740993',
    'bcast-rate=1k',
    'bcast-rate=0',
  ];
  for (const word of wrong) refusedAs('bad-option', parseHandleOptions([word]), word);
  refusedAs('bad-option', parseHandleOptions(['l2cp=on', 'l2cp=on']), 'twice');
  const second = parseHandleOptions(['l2cp=on', 'foo=1']);
  assert.match(second.ok ? '' : second.refusal.text, /^option 2 is not known/);
});

test('options of BEGIN: offload and mtu must stand', () => {
  const value = { options: { offload: false, announce: true, l2cp: false }, mtu: 1500 };
  assert.equal(parseBeginOptions(['mtu=1500', 'offload=off']), { ok: true, value });
  for (const words of [
    [],
    ['mtu=1500'],
    ['offload=on'],
    ['offload=on', 'mtu=67'],
    ['offload=on', 'mtu=65536'],
    ['offload=on', 'mtu=1500', 'mtu=1500'],
  ]) {
    refusedAs('bad-option', parseBeginOptions(words), words.join(' '));
  }
});

test('ids and identities', () => {
  for (const good of ['0123456789abcdef', 'f'.repeat(64)]) assert.ok(parseHandlerId(good).ok);
  for (const wrong of [
    '',
    'f'.repeat(15),
    'f'.repeat(65),
    '0123456789ABCDEF',
    '0123456789abcdeg',
    `${'f'.repeat(16)}\n`,
  ]) {
    refusedAs('bad-id', parseHandlerId(wrong), wrong);
  }
  for (const good of ['a', 'A.b_c-1', 'x'.repeat(64)]) assert.ok(parseIdentity(good).ok);
  for (const wrong of ['', 'a b', 'ä', 'a/b', 'a\n', 'x'.repeat(65)])
    refusedAs('bad-id', parseIdentity(wrong), wrong);
});

test('the normal form of everything parses back to the same', () => {
  fc.assert(
    fc.property(any.device, (device) =>
      assert.equal(parseDevice(formatDevice(device)), { ok: true, value: device }),
    ),
  );
  fc.assert(
    fc.property(any.role, (role) => assert.equal(parseRole(formatRole(role)), { ok: true, value: role })),
  );
  fc.assert(
    fc.property(any.options, (options) =>
      assert.equal(parseHandleOptions(formatOptions(options)), { ok: true, value: options }),
    ),
  );
});

test('no text at all makes a parser throw', () => {
  const words = fc.constantFrom(
    'tap:',
    '?',
    '&',
    'mtu=',
    'bridge=',
    ':',
    '1',
    'a',
    'PROXY',
    'multicast=',
    '\0',
  );
  const near = fc.array(words).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
      for (const parse of [parseDevice, parseRole, parseMac, parseHandlerId, parseIdentity]) parse(text);
      parseHandleOptions([text, text]);
      parseMacs([text]);
    }),
    { numRuns: 300 },
  );
});

test.run();
