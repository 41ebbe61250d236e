import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConditions } from '../../../io/memory/line.ts';
import { BENCH, readOptions } from '../../../tools/bench/options.ts';
import { readCongestion, wiresInWords } from '../../../tools/bench/wan/congestion.ts';
import { LINES, lengthOf } from '../../../tools/bench/wan/lines.ts';
import { plotLines } from '../../../tools/bench/wan/plot.ts';
import { reportLines } from '../../../tools/bench/wan/report.ts';
import { type WanRounds, type WanSetting, wanResult } from '../../../tools/bench/wan/result.ts';
import type { WanMeasured } from '../../../tools/bench/wan/round.ts';
import { TUNNELS, tunnelsFor } from '../../../tools/bench/wan/tunnels.ts';
import { featuresIn } from '../../../tools/lab/talk.ts';
import { Failure, UsageError } from '../../../tools/vnet/cli/failures.ts';
import { helpText, parse } from '../../../tools/vnet/cli/parse.ts';

const read = (...args: string[]) => readOptions(parse(BENCH, args).values);
const namesOf = (each: readonly { readonly name: string }[]): string[] => each.map(({ name }) => name);

const SETTING: WanSetting = {
  date: '2026-01-02T03:04:05Z',
  processor: 'Engine <1>',
  cores: 2,
  kernel: '6.0',
  node: 'v20',
  congestionControl: 'cubic',
  command: 'npm run bench -- --wan',
  lengths: { seconds: 5, pings: 10 },
  congestion: { default: 'cubic', available: ['reno', 'cubic', 'bbr'], allowed: ['reno', 'cubic'] },
  loadAverage: 1.25,
};

function measured(mbps: number, wires: readonly string[]): WanMeasured {
  return {
    sample: {
      oneThere: mbps,
      oneBack: mbps / 2,
      fourThere: 2 * mbps,
      fourBack: mbps,
      cpuThere: 3,
      cpuBack: 4,
      idleMedian: 30_200,
      idleP99: 31_000,
      idleLost: 0,
      besideMedian: 45_000,
      besideP99: 70_000,
      besideLost: 1,
      foreign: 0.2,
    },
    wires,
  };
}

const LONG = LINES.filter(({ name }) => name === '30ms' || name === 'narrow');
const FEW = TUNNELS.filter(({ name }) => ['bare', 'tcp', 'tls4'].includes(name));
const FOUR_WIRES = ['bbr', 'bbr', 'bbr', 'cubic'];
const ROUNDS: Readonly<Record<string, WanRounds>> = {
  '30ms bare': { measured: [measured(8, []), measured(10, [])], failures: [] },
  '30ms tcp': { measured: [measured(120, ['bbr']), undefined], failures: ['no TAP here'] },
  '30ms tls4': { measured: [measured(100, ['bbr']), measured(160, FOUR_WIRES)], failures: [] },
};
const RESULT = wanResult(
  SETTING,
  LONG,
  FEW,
  (line, tunnel) => ROUNDS[`${line.name} ${tunnel.name}`] ?? { measured: [], failures: [] },
);

const test = suite('benchmark over lines with a length');

test('the lines are ones that the laboratory can lay, and are as long as their titles say', () => {
  for (const line of LINES) {
    checkConditions(line.conditions ?? {});
    const [, length, loss, rate] = /^(\d+) ms, ([\d.]+) %, (\d+) Mbit/.exec(line.title) ?? [];
    if (line.conditions === undefined) continue;
    assert.is(lengthOf(line), Number(length));
    assert.ok(Math.abs((line.conditions.loss ?? 0) * 100 - Number(loss)) < 1e-9, line.name);
    assert.is(line.conditions.rate, Number(rate));
  }
  assert.equal(
    LINES.filter(({ conditions }) => conditions === undefined).map(({ name }) => name),
    ['lan'],
  );
  assert.is(LINES.find(({ name }) => name === 'narrow')?.conditions?.queue, 100);
});

test('several wires are measured only where the greeting names them', () => {
  assert.equal(featuresIn('OK VNET/1 server=a auth=password features=wires,more'), ['wires', 'more']);
  assert.equal(featuresIn('OK VNET/1 server=a auth=password'), []);
  assert.equal(namesOf(tunnelsFor([], undefined)), ['bare', 'tcp', 'tls']);
  assert.equal(namesOf(tunnelsFor(['wires'], undefined)), ['bare', 'tcp1', 'tls1', 'tcp4', 'tls4']);
  assert.equal(namesOf(tunnelsFor(['wires'], ['tls4', 'tcp'])), ['bare', 'tcp', 'tls4']);
  assert.throws(
    () => tunnelsFor(['other'], ['tls4']),
    (error: unknown) => error instanceof Failure && /tls4 cannot be measured.*wires/.test(error.message),
  );
});

test('--wan has lengths of its own, takes lines and tunnels, and stands alone', () => {
  const { wan, seconds, pings, variants } = read('--wan');
  assert.equal(wan, { lines: LINES, tunnels: undefined });
  assert.equal({ seconds, pings, variants }, { seconds: 5, pings: 200, variants: [] });
  const some = read('--wan', '--lines', 'narrow,lan', '--only', 'tls1', '--seconds', '9');
  assert.equal(namesOf(some.wan?.lines ?? []), ['lan', 'narrow']);
  assert.equal(some.wan?.tunnels, ['tls1']);
  assert.is(some.seconds, 9);
  assert.is(read().wan, undefined);
  const wrong = (pattern: RegExp, ...args: string[]) =>
    assert.throws(
      () => read(...args),
      (error: unknown) => error instanceof UsageError && pattern.test(error.message),
    );
  wrong(/--lines knows lan, 5ms.*not "moon"/, '--wan', '--lines', 'lan,moon');
  wrong(/--only knows bare, tcp.*with --wan, not "pcap"/, '--wan', '--only', 'pcap');
  wrong(/--handlers means nothing with --wan/, '--wan', '--handlers', '3');
  wrong(/--wan means nothing with --transfer/, '--wan', '--transfer', '1GiB');
  wrong(/--lines means nothing without --wan/, '--lines', 'lan');
  const help = helpText(BENCH, undefined);
  for (const { name } of [...LINES, ...TUNNELS]) assert.match(help, name);
});

test('the congestion control of each connection is read from what ss prints', () => {
  const printed = [
    '0      0      10.99.0.1:41702 10.99.0.2:7411',
    '\t ts sack bbr wscale:7,7 rto:204 rtt:0.05/0.02 mss:1448 bbr:(bw:1Gbps,mrtt:0.03)',
    '0      36     10.99.0.1:41704 10.99.0.2:7411',
    '\t cubic rto:230 rtt:30.1/0.4 ato:40 mss:536 cwnd:10',
    '0      0      10.99.0.1:41706 10.99.0.2:7411',
    '\t ts sack ecn ecnseen fastopen dctcp wscale:7,7 rto:204',
  ];
  assert.equal(readCongestion(`${printed.join('\n')}\n`), ['bbr', 'cubic', 'dctcp']);
  assert.equal(readCongestion(''), []);
});

test('wires are told by number and name', () => {
  assert.is(wiresInWords(['bbr']), 'bbr');
  assert.is(wiresInWords(['bbr', 'bbr', 'bbr', 'bbr']), '4 × bbr');
  assert.is(wiresInWords(FOUR_WIRES), '3 × bbr + cubic');
  assert.is(wiresInWords([]), '');
});

test('the result has medians, ratios to the bare line of the same round, and the wires of the last good round', () => {
  const [long, narrow] = RESULT.lines;
  const [bare, tcp, tls] = long?.tunnels ?? [];
  assert.is(bare?.summary.median.oneThere, 9);
  assert.is(tcp?.summary.rounds, 1);
  assert.equal(tcp?.wires, ['bbr']);
  assert.is(tls?.summary.ratio.oneThere, (100 / 8 + 160 / 10) / 2);
  assert.equal(tls?.wires, FOUR_WIRES);
  assert.equal(long?.conditions, { delay: 15, loss: 0.005, rate: 200 });
  assert.is(narrow?.tunnels[0]?.summary.rounds, 0);
});

test('the table has a part for each line, and names the congestion control in its head', () => {
  const lines = reportLines(RESULT).trimEnd().split('\n');
  assert.match(lines[1]!, /medians of 2 rounds, streams of 5 s under cubic/);
  assert.match(lines[2]!, /wires: bbr, cubic; the kernel's default cubic, .* allowed reno, cubic/);
  assert.match(lines[3]!, /load average .*1\.[23]/);
  const at = lines.indexOf('30 ms, 0.5 %, 200 Mbit/s');
  assert.match(lines[at + 1]!, /^ {2}bare line +– +9\.0 \/ 4\.5 +18\.0 \/ 9\.0 +30\.2 \/ 31\.0 .* – +20$/);
  assert.match(lines[at + 3]!, /^ {2}TLS, 4 wires +3 × bbr \+ cubic +130\.0 \/ 65\.0 .* 3\.0 \/ 4\.0 +20$/);
  assert.match(lines[lines.findIndex((line) => line.startsWith('20 ms')) + 1]!, /^ {2}bare line +–/);
  assert.is(lines.at(-1), '30 ms, 0.5 %, 200 Mbit/s: TCP: failed: no TAP here');
});

test('the picture has two bars a figure and tunnel, escapes what it is given, and no number that is none', () => {
  const svg = plotLines(RESULT);
  // Five kinds of figure for each tunnel but the bare line, which has no processor.
  assert.is(svg.match(/<rect class=/g)?.length, 2 * (4 + 5 + 5));
  assert.match(svg, /Engine &#60;1&#62;/);
  assert.not.match(svg, /NaN|undefined|Infinity/);
  for (const { title } of LONG) assert.match(svg, title);
});

test.run();
