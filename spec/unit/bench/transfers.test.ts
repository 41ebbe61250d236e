import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { damage, moved, readSnmp, readSnmp6 } from '../../../tools/bench/checksums.ts';
import { BENCH, readOptions } from '../../../tools/bench/options.ts';
import { chosenPairs, PAIRS, pairName, readSize } from '../../../tools/bench/pairs.ts';
import { isWhole, type TransferResult } from '../../../tools/bench/transfers.ts';
import { reportTransfers } from '../../../tools/bench/transfers-report.ts';
import { helpText, parse } from '../../../tools/vnet/cli/parse.ts';

const test = suite('large transfers');

const SNMP = `Ip: Forwarding InReceives InHdrErrors
Ip: 2 2980423 1
Icmp: InMsgs InErrors InCsumErrors
Icmp: 2 0 0
IcmpMsg: InType3
IcmpMsg: 2
Tcp: MaxConn InSegs InErrs OutRsts InCsumErrors
Tcp: -1 2998430 1630 5040 7
Udp: InDatagrams InCsumErrors
Udp: 1613 0
`;
const SNMP6 = `Ip6InReceives                   \t12
Ip6InHdrErrors                  \t3
Icmp6InCsumErrors               \t0
Udp6InCsumErrors                \t4
UdpLite6InCsumErrors            \t5
`;

test('/proc/net/snmp is read by the names in it', () => {
  const counters = readSnmp(SNMP);
  assert.is(counters.TcpMaxConn, -1);
  assert.is(counters.TcpInErrs, 1630);
  assert.is(counters.IcmpMsgInType3, 2);
  assert.throws(() => readSnmp('Ip: Forwarding\nTcp: 1\n'), /values of Ip are missing/);
});

test('of all counters those of damage are kept, the ones of IPv6 where they are', () => {
  assert.is(readSnmp6(SNMP6).Ip6InReceives, 12);
  const four = {
    IpInHdrErrors: 1,
    IcmpInCsumErrors: 0,
    TcpInErrs: 1630,
    TcpInCsumErrors: 7,
    UdpInCsumErrors: 0,
  };
  assert.equal(damage(SNMP, ''), four);
  assert.equal(damage(SNMP, SNMP6), {
    ...four,
    Ip6InHdrErrors: 3,
    Icmp6InCsumErrors: 0,
    Udp6InCsumErrors: 4,
  });
  assert.throws(() => damage('Ip: Forwarding\nIp: 2\n', ''), /no InHdrErrors of Ip/);
});

test('only what moved is told', () => {
  assert.equal(moved({ a: 1, b: 2 }, { a: 1, b: 5 }), { b: 3 });
});

test('each two backends are a pair once, and --only takes them in either order', () => {
  const names = ['tap-tap', 'tap-packet', 'tap-pcap', 'packet-packet', 'packet-pcap', 'pcap-pcap'];
  assert.equal(PAIRS.map(pairName), names);
  assert.is(chosenPairs(undefined), PAIRS);
  assert.equal(chosenPairs('pcap-tap,tap-tap').map(pairName), ['tap-tap', 'tap-pcap']);
  assert.throws(() => chosenPairs('tap-tap,tap'), /--only knows tap-tap, .*not "tap"/);
});

test('a size is a whole number with a unit', () => {
  assert.is(readSize('--transfer', '256MiB'), 2 ** 28);
  assert.is(readSize('--transfer', '10GiB'), 10 * 2 ** 30);
  assert.is(readSize('--transfer', '1TiB'), 2 ** 40);
  for (const wrong of [
    '',
    '10',
    '0GiB',
    '10GB',
    '1.5GiB',
    '-1GiB',
    '10 GiB',
    '10gib',
    '2TiB',
    '99999999TiB',
  ]) {
    assert.throws(
      () => readSize('--transfer', wrong),
      /--transfer takes a whole number with KiB, .*such as 10GiB/,
    );
  }
});

const read = (...args: string[]) => readOptions(parse(BENCH, args).values);

test('--transfer stands in place of all other measurements', () => {
  assert.is(read().transfer, undefined);
  const { transfer, json } = read('--transfer', '1MiB', '--only', 'packet-tap', '--json', 'x');
  assert.equal(transfer, { bytes: 2 ** 20, pairs: [['tap', 'packet']] });
  assert.is(json, 'x');
  for (const other of ['reps', 'seconds', 'pings', 'svg', 'handlers']) {
    const words = ['--transfer', '1MiB', `--${other}`, '5'];
    assert.throws(() => read(...words), `--${other} means nothing with --transfer`);
  }
  const help = helpText(BENCH, undefined).replace(/\s+/g, ' ');
  assert.match(help, '--transfer');
  for (const pair of PAIRS) assert.match(help, pairName(pair));
});

const AT = {
  date: '2026-01-01T00:00:00Z',
  processor: 'p',
  cores: 2,
  kernel: 'k',
  node: 'n',
  congestionControl: 'c',
  command: 'x',
};
const GOOD: TransferResult = {
  pair: 'tap-pcap',
  way: '→',
  bytes: 1_250_000,
  seconds: 2,
  sent: 'a1',
  received: 'a1',
  errors: {},
};

test('whole is what has the same sum, and no counter moved', () => {
  assert.is(isWhole(GOOD), true);
  assert.is(isWhole({ ...GOOD, received: 'b2' }), false);
  assert.is(isWhole({ ...GOOD, errors: { 'far TcpInCsumErrors': 1 } }), false);
  assert.is(isWhole({ pair: 'tap-tap', way: '←', bytes: 1, failure: 'torn' }), false);
});

test('the table shows each transfer, and below it what is wrong with some', () => {
  const good = reportTransfers(AT, [GOOD]);
  assert.match(good, /tap-pcap {2}→ +1,250,000 +2\.0 +5 +equal +0\n/);
  assert.match(good, /all 1 arrived whole\n$/);
  const bad = reportTransfers(AT, [
    GOOD,
    { ...GOOD, received: 'b2', errors: { 'far TcpInErrs': 2, 'far TcpInCsumErrors': 1 } },
    { pair: 'tap-tap', way: '←', bytes: 1, failure: 'torn' },
  ]);
  assert.match(bad, /DIFFERENT +3\n/);
  assert.match(bad, /tap-pcap →: sent a1\ntap-pcap →: got {2}b2\ntap-pcap →: far TcpInErrs \+2\n/);
  assert.match(bad, /tap-tap ←: failed: torn\n2 of 3 did not arrive whole\n$/);
});

test.run();
