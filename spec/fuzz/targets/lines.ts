/** The line grammar, from bytes as they come to what they mean. */
import { isDeepStrictEqual } from 'node:util';
import { formatRefusal, isReason, type Refusal } from '../../../machines/protocol/errors.ts';
import {
  formatBegin,
  formatHandle,
  parseAnswerLine,
  parseBeginOk,
  parseGreeting,
} from '../../../machines/protocol/format.ts';
import { parseLine } from '../../../machines/protocol/parse.ts';
import { parseListenUrl } from '../../../machines/protocol/remote.ts';
import { LineSplitter, MAX_LINE } from '../../../machines/protocol/splitter.ts';
import type { Line, SecretRef } from '../../../machines/protocol/types.ts';
import { demand, type FuzzTarget } from '../target.ts';

const HANDLE =
  'HANDLE tls://[2001:db8::1]:7411 password:ann:"s e\\"c" tap:vm0?mtu=1400&bridge=br0 pcap:eth0 PROXY:multicast=off HOST';
const SEEDS = [
  'HELLO password ann "a b\\\\c"\r\nDEVICES?\nSTATUS?\nWATCH\n\n',
  'HELLO cert\nHELLO local\nHELLO password x\nDONE\n',
  `${HANDLE} 52:54:00:00:00:01 52:54:00:00:00:02 offload=off rate=10M bcast-rate=5\n`,
  `HANDLE tls://h?pin=sha256:${'ab'.repeat(32)} cert a b BRIDGE BRIDGE * l2cp=on announce=off\n`,
  'HANDLE peer:x - eth0 packet:eth1 HOST PROXY 52:54:00:00:00:01\n',
  `BEGIN ${'0f'.repeat(8)} eth0 vm0 PROXY HOST 52:54:00:00:00:01 offload=on mtu=1500\n`,
  `CLOSE ${'0f'.repeat(8)}\nSTATS? ${'0f'.repeat(32)}\n`,
  'OK VNET/1 server=x auth=password,cert\nOK handler=00112233445566778899 offload=on mtu=1500\nERR 403 forbidden no\n',
  `HELLO password ${'x'.repeat(MAX_LINE)}\n`,
];

const keepSecret = (kept: string[]) => (secret: string) => {
  kept.push(secret);
  return `secret:${kept.length}` as SecretRef;
};

export const lines: FuzzTarget = {
  name: 'lines',
  words: [
    'HELLO',
    'password',
    ' ',
    '"',
    '\\',
    ':',
    '=',
    '\n',
    '\r\n',
    'tap:',
    '?',
    '&',
    'PROXY',
    '*',
    '::',
    '[',
    '%',
    '\u00ff',
  ],
  seeds: () => SEEDS.map((text) => Buffer.from(text)),
  run(input) {
    const whole = split(input, [input.length]);
    demand(isDeepStrictEqual(split(input, [1]), whole), 'lines depend on how the bytes come');
    demand(isDeepStrictEqual(split(input, [7, 1000, 3]), whole), 'lines depend on how the bytes come');
    for (const bytes of whole) if (bytes !== 'too-long') readLine(bytes);
  },
};

/** All lines of an input that comes in pieces of these sizes, taken in turn. */
function split(input: Buffer, sizes: readonly number[]): (Uint8Array | 'too-long')[] {
  const splitter = new LineSplitter();
  const found: (Uint8Array | 'too-long')[] = [];
  for (let at = 0, turn = 0; at < input.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    splitter.push(input.subarray(at, at + size));
    at += size;
    for (let raw = splitter.next(); raw !== undefined; raw = splitter.next()) {
      found.push(raw.kind === 'line' ? raw.bytes : 'too-long');
    }
    demand(splitter.held < MAX_LINE, 'it holds more than a line');
  }
  return found;
}

function readLine(bytes: Uint8Array): void {
  demand(bytes.length < MAX_LINE, 'a line that is too long');
  const secrets: string[] = [];
  const line = parseLine(bytes, keepSecret(secrets));
  check(line, secrets);
  const text = Buffer.from(bytes).toString('utf8');
  for (const read of [parseGreeting(text), parseBeginOk(text), parseListenUrl(text)]) {
    if (!read.ok) checkRefusal(read.refusal, []);
  }
  parseAnswerLine(text);
}

function check(line: Line, secrets: readonly string[]): void {
  if (line.kind === 'bad') return checkRefusal(line.refusal, secrets);
  if (line.kind === 'empty') return;
  const { verb, args } = line.command;
  if (!args.ok) {
    demand(secrets.length === 0, 'a secret of a refused line was kept');
    return checkRefusal(args.refusal, secrets);
  }
  demand(secrets.length <= 1, 'more than one secret of a line was kept');
  if (verb === 'HANDLE') again(formatHandle(args.value, secrets[0]), line);
  if (verb === 'BEGIN') again(formatBegin(args.value), line);
}

/** What was understood can be said, and is understood as the same again. */
function again(text: string, line: Line): void {
  const bytes = Buffer.from(text);
  demand(!text.includes('\n') && bytes.length < MAX_LINE, 'a command that cannot be sent');
  demand(isDeepStrictEqual(parseLine(bytes, keepSecret([])), line), 'a command reads back as another one');
}

function checkRefusal(refusal: Refusal, secrets: readonly string[]): void {
  demand(isReason(refusal.reason), 'a reason that is none');
  const text = formatRefusal(refusal);
  demand(/^ERR \d{3} [a-z-]+( [^\p{Cc}]*)?$/u.test(text), 'a refusal that is no line');
  demand(secrets.length === 0, 'a secret of a refused line was kept');
}
