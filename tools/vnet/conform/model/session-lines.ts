/** Lines that a client can say, right and wrong, and what the Session machine is to make of each. */
import type { Reason } from '../../../../machines/protocol/errors.ts';
import type { Verb } from '../../../../machines/protocol/types.ts';
import {
  beginLine,
  handleLine,
  type Instead,
  type Names,
  NO_DEVICE,
  NO_HANDLER,
  NO_PEER,
  otherForm,
} from '../names.ts';

/** What has to stand before the line is said: a Handler, or one that was CLOSEd. */
export type Setting = 'standing' | 'closed' | 'stand-in';

export interface LineStimulus {
  /** Unique among all stimuli. */
  readonly label: string;
  readonly section: string;
  readonly verb: Verb | undefined;
  /** What is wrong with it; undefined for a right line. */
  readonly reason?: Reason;
  readonly setting?: Setting;
  line(names: Names): string | Uint8Array;
}

const right = (verb: Verb, section: string, line: LineStimulus['line'], setting?: Setting): LineStimulus => ({
  label: verb,
  section,
  verb,
  line,
  ...(setting === undefined ? {} : { setting }),
});

const wrong = (
  verb: Verb,
  reason: Reason,
  how: string,
  section: string,
  line: LineStimulus['line'],
  setting?: Setting,
): LineStimulus => ({
  label: `${verb} ${reason} (${how})`,
  section,
  verb,
  reason,
  line,
  ...(setting === undefined ? {} : { setting }),
});

const bad = (reason: Reason, how: string, bytes: string | Uint8Array): LineStimulus => ({
  label: `${reason} (${how})`,
  section: reason === 'line-too-long' ? '2' : reason === 'syntax' ? '2' : '3',
  verb: undefined,
  reason,
  line: () => bytes,
});

const standing = ({ standing: other }: Names) => other?.id ?? NO_HANDLER;
const standingMac = ({ standing: other }: Names) => other?.mac ?? '02:00:00:00:00:01';

/** 14 bytes, and zeros behind them. */
const SOME_FRAME = `${'02'.repeat(12)}0800x46`;

const RIGHT: readonly LineStimulus[] = [
  right('DONE', '3', () => 'DONE'),
  right('DEVICES?', '3', () => 'DEVICES?'),
  right('HANDLERS?', '3', () => 'HANDLERS?'),
  right('STATUS?', '3', () => 'STATUS?'),
  right('HELP?', '3', () => 'HELP?'),
  right('WATCH', '3', () => 'WATCH'),
  right('STATS?', '3', (names) => `STATS? ${standing(names)}`, 'standing'),
  right('TRACE?', '3', (names) => `TRACE? ${standing(names)} ${SOME_FRAME}`, 'standing'),
  right('DROPS?', '3', () => 'DROPS?'),
  right('CAPTURE', '3', (names) => `CAPTURE ${standing(names)}`, 'standing'),
  right('CHECK?', '3', () => 'CHECK?'),
  right('PING?', '3', (names) => `PING? ${standing(names)} count=1`, 'standing'),
  right('CLOSE', '3', (names) => `CLOSE ${standing(names)}`, 'standing'),
  right('HANDLE', '3', (names) => handleLine(names), 'stand-in'),
  right('BEGIN', '3', (names) => beginLine(names)),
];

const PLAIN: readonly Verb[] = ['DONE', 'DEVICES?', 'HANDLERS?', 'STATUS?', 'CHECK?', 'HELP?', 'WATCH'];

const WRONG: readonly LineStimulus[] = [
  ...PLAIN.map((verb) => wrong(verb, 'syntax', 'a word too many', '3', () => `${verb} now`)),
  wrong('HELLO', 'syntax', 'no method', '3', () => 'HELLO'),
  wrong('HELLO', 'syntax', 'no such method', '3', () => 'HELLO ticket 7'),
  wrong('HELLO', 'syntax', 'no secret', '3', () => 'HELLO password'),
  wrong('HELLO', 'syntax', 'a word too many', '3', () => 'HELLO password a b c'),
  wrong('HELLO', 'bad-id', 'no identity', '3', () => 'HELLO password no/identity secret'),
  wrong('TRACE?', 'syntax', 'no frame', '3', () => `TRACE? ${NO_HANDLER}`),
  wrong('TRACE?', 'syntax', 'frame of 13 bytes', '3', () => `TRACE? ${NO_HANDLER} ${'02'.repeat(13)}`),
  wrong('TRACE?', 'syntax', 'no hex', '3', () => `TRACE? ${NO_HANDLER} ${'0g'.repeat(14)}`),
  wrong('TRACE?', 'bad-device', 'unknown form', '3', () => `TRACE? usb:eth0 ${SOME_FRAME}`),
  wrong('TRACE?', 'no-such-device', 'no such interface', '3', () => `TRACE? ${NO_DEVICE} ${SOME_FRAME}`),
  wrong('TRACE?', 'no-such-handler', 'never was', '3', () => `TRACE? ${NO_HANDLER} ${SOME_FRAME}`),
  wrong('DROPS?', 'bad-id', 'too short', '3', () => `DROPS? ${'f'.repeat(15)}`),
  wrong('DROPS?', 'no-such-handler', 'never was', '3', () => `DROPS? ${NO_HANDLER}`),
  wrong('CAPTURE', 'syntax', 'no place', '3', () => 'CAPTURE'),
  wrong('CAPTURE', 'bad-option', 'unknown', '3', () => `CAPTURE ${NO_HANDLER} color=red`),
  wrong('CAPTURE', 'bad-option', 'bad value', '3', () => `CAPTURE ${NO_HANDLER} only=some`),
  wrong('CAPTURE', 'no-such-handler', 'never was', '3', () => `CAPTURE ${NO_HANDLER}`),
  wrong('PING?', 'bad-option', 'count of 0', '3', () => `PING? ${NO_HANDLER} count=0`),
  ...(['CLOSE', 'STATS?', 'PING?'] as const).flatMap((verb) => [
    wrong(verb, 'syntax', 'no id', '3', () => verb),
    wrong(verb, 'syntax', 'a word too many', '3', () => `${verb} ${NO_HANDLER} now`),
    wrong(verb, 'bad-id', 'capital letters', '3', () => `${verb} ${'F0'.repeat(16)}`),
    wrong(verb, 'bad-id', 'too short', '3', () => `${verb} ${'f'.repeat(15)}`),
    wrong(verb, 'bad-id', 'too long', '3', () => `${verb} ${'f'.repeat(65)}`),
    wrong(verb, 'no-such-handler', 'never was', '3', () => `${verb} ${NO_HANDLER}`),
  ]),
];

/** Arguments that are wrong in HANDLE and in BEGIN alike. */
const ENDS: readonly (readonly [Reason, string, string, Instead])[] = [
  ['bad-device', 'unknown form', '3.1', { local: 'usb:eth0' }],
  ['bad-device', 'two dots for a name', '3.1', { local: 'tap:..' }],
  ['bad-device', '% in a name', '3.1', { local: 'packet:a%b' }],
  ['bad-device', 'TAP name of 16 bytes', '3.1', { local: 'tap:a234567890123456' }],
  ['bad-device', 'options on an interface', '3.1', { local: 'packet:eth0?mtu=1400' }],
  ['bad-device', 'unknown option', '3.1', { local: 'tap:vnconf0?color=red' }],
  ['bad-device', 'the far one', '3.1', { far: 'usb:eth0' }],
  ['bad-role', 'no such role', '3.2', { roles: 'GUEST PROXY' }],
  ['bad-role', 'small letters', '3.2', { roles: 'host PROXY' }],
  ['bad-role', 'no such option', '3.2', { roles: 'HOST PROXY:color=red' }],
  ['bad-roles-pair', 'HOST HOST', '3.2', { roles: 'HOST HOST' }],
  ['bad-roles-pair', 'PROXY PROXY', '3.2', { roles: 'PROXY PROXY' }],
  ['bad-roles-pair', 'HOST BRIDGE', '3.2', { roles: 'HOST BRIDGE', macs: '*' }],
  ['bad-mac', 'five octets', '3.2', { macs: '02:00:00:00:01' }],
  ['bad-mac', 'group address', '3.2', { macs: '03:00:00:00:00:01' }],
  ['bad-mac', 'all zero', '3.2', { macs: '00:00:00:00:00:00' }],
  ['bad-mac', '* for a HOST', '3.2', { macs: '*' }],
  ['bad-mac', 'an address for a BRIDGE', '3.2', { roles: 'BRIDGE BRIDGE' }],
  ['no-such-device', 'no such interface', '3.1', { local: NO_DEVICE }],
];

const HANDLE_WRONG: readonly LineStimulus[] = [
  wrong('HANDLE', 'syntax', 'no arguments', '3', () => 'HANDLE'),
  wrong('HANDLE', 'syntax', 'too few', '3', () => 'HANDLE tcp://127.0.0.1:9 password:x eth0 br0 HOST'),
  ...ENDS.map(([reason, how, section, instead]) =>
    wrong('HANDLE', reason, how, section, (names) => handleLine(names, instead)),
  ),
  wrong('HANDLE', 'bad-mac', 'none', '3.2', (names) => handleLine(names, { macs: '' })),
  wrong('HANDLE', 'bad-remote', 'other scheme', '3', (names) => handleLine(names, { remote: 'http://h' })),
  wrong('HANDLE', 'bad-remote', 'no host', '3', (names) => handleLine(names, { remote: 'tcp://:7411' })),
  wrong('HANDLE', 'bad-id', 'identity in auth', '3', (names) =>
    handleLine(names, { auth: 'password:no/identity:s' }),
  ),
  wrong('HANDLE', 'bad-remote', 'pin without TLS', '3', (names) =>
    handleLine(names, { remote: `tcp://h?pin=sha256:${'0'.repeat(64)}` }),
  ),
  wrong('HANDLE', 'bad-option', 'mtu is BEGIN’s', '3', (names) => handleLine(names, { options: 'mtu=1500' })),
  wrong('HANDLE', 'bad-option', 'rate of nothing', '3', (names) => handleLine(names, { options: 'rate=0' })),
  wrong('HANDLE', 'bad-option', 'unknown', '3', (names) => handleLine(names, { options: 'color=red' })),
  wrong('HANDLE', 'bad-option', 'bad value', '3', (names) => handleLine(names, { options: 'offload=maybe' })),
  wrong('HANDLE', 'bad-option', 'twice', '3', (names) => handleLine(names, { options: 'l2cp=on l2cp=on' })),
  wrong('HANDLE', 'no-such-peer', 'not configured', '3', (names) =>
    handleLine(names, { remote: NO_PEER, auth: '-' }),
  ),
  wrong(
    'HANDLE',
    'mac-in-use',
    'same role on this segment',
    '3.2',
    (names) => handleLine(names, { macs: standingMac(names) }),
    'standing',
  ),
  wrong(
    'HANDLE',
    'device-busy',
    'open in another form',
    '3.1',
    (names) => handleLine(names, { local: otherForm(names.target) }),
    'standing',
  ),
];

const BEGIN_WRONG: readonly LineStimulus[] = [
  wrong('BEGIN', 'syntax', 'no arguments', '3', () => 'BEGIN'),
  ...ENDS.map(([reason, how, section, instead]) =>
    wrong('BEGIN', reason, how, section, (names) => beginLine(names, instead)),
  ),
  wrong('BEGIN', 'bad-mac', 'none', '3.2', (names) => beginLine(names, { macs: '' })),
  wrong('BEGIN', 'bad-id', 'too short', '3', (names) => beginLine(names, { id: 'f'.repeat(15) })),
  wrong('BEGIN', 'bad-id', 'no hex digits', '3', (names) => beginLine(names, { id: 'x'.repeat(16) })),
  wrong('BEGIN', 'bad-option', 'no mtu', '3', (names) => beginLine(names, { options: 'offload=on' })),
  wrong('BEGIN', 'bad-option', 'no offload', '3', (names) => beginLine(names, { options: 'mtu=1500' })),
  wrong('BEGIN', 'bad-option', 'unknown', '3', (names) =>
    beginLine(names, { options: 'offload=off mtu=1500 color=red' }),
  ),
  ...[0, 67, 65_536].map((mtu) =>
    wrong('BEGIN', 'bad-option', `mtu of ${mtu}`, '3', (names) =>
      beginLine(names, { options: `offload=off mtu=${mtu}` }),
    ),
  ),
  wrong(
    'BEGIN',
    'handler-exists',
    'other arguments',
    '4',
    (names) => beginLine(names, { id: standing(names) }),
    'standing',
  ),
  wrong(
    'BEGIN',
    'mac-in-use',
    'same role on this segment',
    '3.2',
    (names) => beginLine(names, { macs: standingMac(names) }),
    'standing',
  ),
  wrong(
    'BEGIN',
    'device-busy',
    'open in another form',
    '3.1',
    (names) => beginLine(names, { local: otherForm(names.target) }),
    'standing',
  ),
  wrong(
    'BEGIN',
    'handler-closed',
    'CLOSEd here',
    '4',
    (names) => beginLine(names, { id: standing(names), macs: standingMac(names) }),
    'closed',
  ),
];

const NO_LINES: readonly LineStimulus[] = [
  bad('syntax', 'NUL', 'STATUS?\u0000\n'),
  bad('syntax', 'control character', 'STATUS?\u0007\n'),
  bad('syntax', 'DEL', 'STATUS?\u007f\n'),
  bad('syntax', 'C1', 'STATUS? \u0085\n'),
  bad('syntax', 'CR inside', 'STATUS?\rSTATUS?\n'),
  bad('syntax', 'not UTF-8', Buffer.from([0x53, 0xff, 0xfe, 0x0a])),
  bad('syntax', 'unclosed quote', 'STATS? "abc\n'),
  bad('syntax', 'quote within a word', 'STATS? a"b"\n'),
  bad('syntax', 'something behind a closing quote', 'STATS? "a"b\n'),
  bad('unknown-command', 'no such verb', 'FROBNICATE\n'),
  bad('unknown-command', 'a verb in quotes with a blank', '"STATUS? "\n'),
  bad('line-too-long', '8,193 bytes', `HELP?${' '.repeat(8187)}\n`),
];

export const LINES: readonly LineStimulus[] = [
  ...RIGHT,
  ...WRONG,
  ...HANDLE_WRONG,
  ...BEGIN_WRONG,
  ...NO_LINES,
];
