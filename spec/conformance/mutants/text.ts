/** Wrong servers in the text phase. */
import { encodePing, PING } from '../../../machines/frames/records.ts';
import type { Fault } from '../in-process.ts';
import { type Mangler, mangled } from './mangle.ts';

export interface Mutant {
  readonly name: string;
  /** Parts of the ids of the cases that are to catch it. */
  readonly only: readonly string[];
  readonly fault: Fault;
  /** It is seen only by who has power over the server's clock, log, devices or life; all others from outside. */
  readonly inside?: true;
  /** Where the connection matters; otherwise tcp. */
  readonly scheme?: 'unix';
}

export const mutant = (name: string, only: string | readonly string[], fault: Mangler | Fault): Mutant => ({
  name,
  only: typeof only === 'string' ? [only] : only,
  fault:
    'network' in fault || 'limits' in fault || 'server' in fault || 'parts' in fault
      ? fault
      : mangled(fault as Mangler),
});

/** One that is seen only from inside. */
export const insideMutant = (...args: Parameters<typeof mutant>): Mutant => ({
  ...mutant(...args),
  inside: true,
});

/** One that is seen where little fits between a server and who does not read. */
export const unixMutant = (...args: Parameters<typeof mutant>): Mutant => ({
  ...mutant(...args),
  scheme: 'unix',
});

/** An answer line that begins so becomes another one. */
const says = (from: string, to: string): Mangler => ({
  line: (line) => (line.startsWith(from) ? [line.replace(from, to)] : undefined),
});

/** Bytes that come in are changed as text. */
export const hears = (change: (text: string) => string): Mangler => ({
  in: (chunk, side) => (side.binary ? undefined : Buffer.from(change(chunk.toString('latin1')), 'latin1')),
});

const A_PING = encodePing(PING, Buffer.alloc(8, 7));

export const TEXT_MUTANTS: readonly Mutant[] = [
  mutant(
    'takes commands before HELLO',
    'session/unauthenticated/',
    says('ERR 401 not-authenticated', 'OK count=0'),
  ),
  mutant('looks at the state before the line', 'session/unauthenticated/', {
    line: (line, { heard }) =>
      line.startsWith('ERR 400 syntax') && heard.includes('\u0007')
        ? ['ERR 401 not-authenticated']
        : undefined,
  }),
  mutant('answers out of order', 'text/pipelined', {
    line(line, { held }) {
      if (line.startsWith('ERR 400 unknown-command')) {
        held.push(Buffer.from(line));
        return [];
      }
      const late = held.splice(0).map(String);
      if (line.startsWith('OK') || line.startsWith('ERR')) return [line, ...late];
      held.push(...late.map((each) => Buffer.from(each)));
      return [line];
    },
  }),
  mutant(
    'code 400 for no-such-handler',
    'session/authenticated/',
    says('ERR 404 no-such-handler', 'ERR 400 no-such-handler'),
  ),
  mutant(
    'bad-role for bad-roles-pair',
    'session/authenticated/',
    says('ERR 400 bad-roles-pair', 'ERR 400 bad-role'),
  ),
  mutant(
    '401 for 405',
    'session/authenticated/HELLO',
    says('ERR 405 wrong-state', 'ERR 401 not-authenticated'),
  ),
  mutant('a second answer to lists', 'session/authenticated/', {
    line: (line) => (line.startsWith('OK count=') ? [line, line] : undefined),
  }),
  mutant('a wrong count', 'session/authenticated/', {
    line: (line) => (line.startsWith('OK count=') ? [`${line}1`] : undefined),
  }),
  mutant('greets as another version', 'text/greeting', says('OK VNET/1', 'OK VNET/2')),
  mutant('greets twice', ['text/greeting', 'session/unauthenticated/'], {
    line: (line) => (line.startsWith('OK VNET/1') ? [line, line] : undefined),
  }),
  mutant(
    'offers methods that do not exist',
    'text/greeting',
    says('OK VNET/1 server=under-test auth=', 'OK VNET/1 server=under-test auth=ticket,'),
  ),
  mutant(
    'does not drop CR',
    'text/cr',
    hears((text) => text.replace('\r\n', '\u0001\n')),
  ),
  mutant(
    'verbs in capitals only',
    'text/case',
    hears((text) => text.replace(/^[a-z]/, '_')),
  ),
  mutant(
    'lines of 4,096 bytes only',
    'text/longest',
    hears((text) => (text.length > 4096 ? `${'x'.repeat(9000)}\n` : text)),
  ),
  mutant(
    'lines of any length',
    'line-too-long',
    hears((text) => text.replace(/ {4000,}/, ' ')),
  ),
  mutant('goes on after a line that was too long', 'line-too-long', {
    ending: ({ said }) => !said.startsWith('ERR 413'),
  }),
  mutant('goes on after DONE', 'session/authenticated/DONE', {
    ending: ({ heard }) => !heard.startsWith('DONE'),
  }),
  mutant('closes at DONE without a word', 'session/authenticated/DONE', {
    line: (_, { heard }) => (heard === 'DONE' ? [] : undefined),
  }),
  mutant(
    'loses the last line before an end of stream',
    'text/end',
    hears((text) => text.replace(/(STATUS\?\n)HANDLERS\?\n$/, '$1')),
  ),
  mutant('carries out a torn line', 'text/torn', {
    ended(side) {
      side.inject(Buffer.from('\n'));
      return true;
    },
  }),
  mutant('HELP? forgets a command', 'HELP?', {
    line: (line) => (line.startsWith('HELP DONE') ? [] : undefined),
  }),
  mutant('HELP? lists too much', 'HELP?', {
    line: (line, { said }) => (line.startsWith('HELP HELLO') ? [said, 'HELP BEGIN x'] : undefined),
  }),
  mutant(
    'does not know quotes',
    'text/',
    hears((text) => text.replaceAll('"', "'")),
  ),
  mutant(
    'takes unknown options',
    'bad-option',
    hears((text) => text.replace(' color=red', '')),
  ),
  mutant(
    'answers empty lines',
    'text/empty',
    hears((text) => (text.startsWith('\n') ? `FROB${text}` : text)),
  ),
  mutant('data lines that begin OK', 'STATUS?', says('STATUS name', 'OK name')),
  mutant('TRACE? counts its lines wrong', 'authenticated/TRACE?', {
    line: (line, { heard }) =>
      heard?.startsWith('TRACE?') && line.startsWith('OK count') ? ['OK count=7'] : undefined,
  }),
  mutant('a wrong frame is traced all the same', 'TRACE? syntax', {
    line: (line, { heard }) =>
      heard?.startsWith('TRACE?') && line.startsWith('ERR 400 syntax') ? ['OK count=0'] : undefined,
  }),
  mutant('PING? without a PONG line', '/pinged', {
    line: (line) => (line.startsWith('PONG ') ? [] : undefined),
  }),
  mutant('PING? answers before it has pinged', '/pinged', {
    line: (line) =>
      line.startsWith('OK sent=1') ? ['OK sent=0 received=0 min_us=- median_us=- max_us=-'] : undefined,
  }),
  mutant('CHECK? with lines of another word', 'authenticated/CHECK?', says('CHECK ', 'STATUS ')),
  mutant('CAPTURE of nothing is taken', 'CAPTURE no-such-handler', {
    line: (line, { heard }) =>
      heard?.startsWith('CAPTURE') && line.startsWith('ERR 404') ? ['OK'] : undefined,
  }),
  mutant('DROPS? knows every Handler', 'DROPS? no-such-handler', {
    line: (line, { heard }) =>
      heard?.startsWith('DROPS?') && line.startsWith('ERR 404') ? ['OK count=0 missed=0'] : undefined,
  }),
  mutant('repeats secrets', 'text/secrets', {
    line: (line, { heard }) => (line.startsWith('ERR') ? [`${line} ${heard}`] : undefined),
  }),
  mutant(
    'tabs do not part tokens',
    'text/tab',
    hears((text) => text.replaceAll('\t', '_')),
  ),
  mutant('answers while HANDLE is under way', 'text/waits', {
    in: (chunk, side) => {
      const text = chunk.toString('latin1');
      if (!text.startsWith('HANDLE') || !text.includes('\nHELP?\n')) return undefined;
      side.inject(Buffer.from('HELP?\n'));
      return Buffer.from(text.replace('\nHELP?\n', '\n'));
    },
  }),
  mutant('a record before the OK', ['session/authenticated/BEGIN', 'records/behind-begin-ok'], {
    lineBytes: (line, { dialled }) =>
      !dialled && line.startsWith('OK handler=') && line.includes(' mtu=')
        ? Buffer.concat([A_PING, Buffer.from(`${line}\n`)])
        : undefined,
  }),
  mutant('a record behind BEGIN, before its answer', 'records/quiet', {
    lineBytes: (line, { dialled }) =>
      dialled && line.startsWith('BEGIN ') ? Buffer.concat([Buffer.from(`${line}\n`), A_PING]) : undefined,
  }),
  mutant(
    'takes bytes behind BEGIN',
    'early bytes',
    hears((text) => text.replace(/^(BEGIN [^\n]*\n)[\s\S]+/, '$1')),
  ),
  mutant('BEGIN does not swap the ends', 'initiator/', {
    line(line, { dialled }) {
      const [verb, id, a, b, c, d, ...rest] = line.split(' ');
      return dialled && verb === 'BEGIN' ? [[verb, id, b, a, d, c, ...rest].join(' ')] : undefined;
    },
  }),
  mutant('does not hand options on', 'rules/options', {
    line: (line, { dialled }) => (dialled ? [line.replace(' l2cp=on', '')] : undefined),
  }),
  mutant('offload=on whatever was asked', 'rules/offload', {
    line: (line) =>
      line.startsWith('OK handler=') ? [line.replace('offload=off', 'offload=on')] : undefined,
  }),
  mutant('OK for another Handler', ['session/authenticated/BEGIN', 'responder/'], {
    line: (line) => (line.startsWith('OK handler=') ? [line.replace(/handler=./, 'handler=e')] : undefined),
  }),
  insideMutant('507 is not told', 'inside/log', says('ERR 507 log-unavailable', 'OK')),
  mutant('HANDLERS? without rtt_us', 'rules/handlers-list', {
    line: (line) => (line.startsWith('HANDLER ') ? [line.replace(/ rtt_us=\S+/, '')] : undefined),
  }),
  mutant(
    'looks at the options first',
    'text/left-to-right',
    hears((text) =>
      text.replace(/^HANDLE .* color=red/, 'HANDLE tcp://h -x eth0 br0 HOST PROXY zz color=red'),
    ),
  ),
  mutant(
    'a backslash is no letter',
    'text/backslash',
    hears((text) => text.replace('a\\b', 'a"b')),
  ),
  mutant(
    'DEL is a letter',
    'syntax (DEL)',
    hears((text) => text.replace('\u007f', '')),
  ),
  mutant(
    'C1 control characters are letters',
    'syntax (C1)',
    hears((text) => text.replace('\u00c2\u0085', '')),
  ),
  mutant(
    'a token goes on behind its quotes',
    'syntax (something behind',
    hears((text) => text.replace('"a"b', 'ab')),
  ),
  mutant(
    'MTUs of any size',
    'BEGIN bad-option (mtu of',
    hears((text) => text.replace(/mtu=(67|65536)\b/, 'mtu=1500')),
  ),
  mutant('STATS? whose sums are wrong', 'frames/sums', {
    line: (line) => (line.startsWith('STAT rx_seen ') ? [line.replace(/\d+$/, '7')] : undefined),
  }),
  mutant('STATS? tells no numbers', 'rules/stats', {
    line: (line) => (line.startsWith('STAT ') ? [`${line}x`] : undefined),
  }),
];
