import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plot } from '../../../tools/bench/plot.ts';
import { readIperf, readPing } from '../../../tools/bench/probes.ts';
import { report, result, type Setting } from '../../../tools/bench/report.ts';
import type { Sample } from '../../../tools/bench/round.ts';
import { summarize } from '../../../tools/bench/summary.ts';
import { VARIANTS } from '../../../tools/bench/variants.ts';

const SETTING: Setting = {
  date: '2026-01-02T03:04:05Z',
  processor: 'Engine <1> & "Co"',
  cores: 2,
  kernel: '6.0',
  node: 'v20',
  congestionControl: 'cubic',
  command: 'npm run bench --',
  lengths: { seconds: 3, pings: 10 },
};

function sample(tcpThere: number): Sample {
  return {
    tcpThere,
    tcpBack: 2 * tcpThere,
    cpuThere: 1,
    cpuBack: 1,
    udpOut: 100_000,
    udpCpuMicros: 3,
    pingMedian: 100,
    pingP99: 300,
    loadedMedian: 1000,
    loadedP99: 3000,
    loadedLost: 0,
    rss: 2e8,
    foreign: 0.1,
  };
}

/** Direct veth gets slower from round to round; the variant failed in the second one. */
const ROUNDS = new Map([
  ['direct', [sample(1000), sample(800), sample(400)]],
  ['tap', [sample(500), undefined, sample(300)]],
]);

const test = suite('summary of the benchmark');

test('a ratio is taken within its round, and a round that failed is left out', () => {
  const { rounds, median, ratio, lowest, highest } = summarize(ROUNDS, 'tap');
  assert.is(rounds, 2);
  assert.is(median.tcpThere, 400);
  assert.is(ratio.tcpThere, 0.625);
  assert.is(lowest.tcpThere, 300);
  assert.is(highest.tcpThere, 500);
});

test('a variant that never worked has no figures', () => {
  const { rounds, median } = summarize(new Map([['tap', [undefined]]]), 'tap');
  assert.is(rounds, 0);
  assert.equal(median, {});
});

const RESULT = result(SETTING, VARIANTS, ROUNDS, new Map([['tap', ['no TAP here']]]));

test('the table has a line for each variant, and one for each failure', () => {
  const lines = report(RESULT).trimEnd().split('\n');
  assert.match(lines[0]!, /2 cores.*cubic/);
  assert.match(lines[1]!, /medians of 3 rounds/);
  const tap = lines.find((line) => line.startsWith('TAP, TCP '))!;
  assert.match(tap, /\b400\b.*\b0\.63\b|\b400\b.*\b0\.62\b/);
  assert.is(
    lines.filter((line) => VARIANTS.some(({ title }) => line.startsWith(`${title} `))).length,
    VARIANTS.length,
  );
  assert.is(lines.at(-1), 'TAP, TCP: failed: no TAP here');
});

test('the picture has a bar for each figure there is, and escapes what it is given', () => {
  const svg = plot(RESULT);
  // Five panels: direct and TAP in three of them, TAP twice in two.
  assert.is(svg.match(/<rect class=/g)?.length, 3 * 2 + 2 * 2);
  assert.match(svg, /Engine &#60;1&#62; &#38; &#34;Co&#34;/);
  assert.not.match(svg, /NaN|undefined|Infinity/);
});

test('a picture of nothing is a picture', () => {
  const svg = plot(result(SETTING, VARIANTS, new Map(), new Map()));
  assert.match(svg, /^<svg [^>]*height="\d+"/);
  assert.not.match(svg, /NaN|undefined|Infinity/);
});

test('what iperf3 says is read, and its error is told', () => {
  const end = { sum_received: { bits_per_second: 5e9, bytes: 123 }, sender_tcp_congestion: 'bbr' };
  assert.equal(readIperf(JSON.stringify({ end })), { mbps: 5000, bytes: 123, congestion: 'bbr' });
  assert.throws(() => readIperf('{"error":"unable to connect","end":{}}'), /unable to connect/);
});

test('round trips are read from what ping prints', () => {
  const text = '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.123 ms\n64 bytes: icmp_seq=2 time=12 ms\n';
  assert.equal(readPing(text), [123, 12_000]);
  assert.equal(readPing('PING 10.0.0.2: 56 data bytes\n'), []);
});

test.run();
