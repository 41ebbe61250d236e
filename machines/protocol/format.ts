/** Every line that a server or a client writes, without its LF. */
import { formatAuth } from './auth.ts';
import { formatDevice } from './devices.ts';
import { DEFAULT_IDENTITY } from './ids.ts';
import { formatOptions, formatSwitch } from './options.ts';
import { formatRemote } from './remote.ts';
import { formatRole } from './roles.ts';
import { quote, quoted } from './tokens.ts';
import type { Begin, Ends, Handle, Join } from './types.ts';

export {
  type Answer,
  type BeginOk,
  type Greeting,
  parseAnswerLine,
  parseBeginOk,
  parseGreeting,
  parseJoinOk,
} from './answers.ts';

/** Values of a data line: numbers in decimal, true and false as `yes` and `no`, undefined left out. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export const PROTOCOL_VERSION = 'VNET/1';

/** What this program can do beyond the first version of the protocol, as its greeting names it. */
export const FEATURES = ['wires', 'notes'] as const;

function formatFields(fields: Fields): string {
  let line = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    line += ` ${key}=${quote(typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value))}`;
  }
  return line;
}

/** A value that has no key. One with `=` in it is quoted, which sets it apart from a field. */
function formatPositional(word: string): string {
  return word.includes('=') ? quoted(word) : quote(word);
}

/** A data line: a word (with more values behind it that have no key, as in `DEVICE eth0 …`), then `key=value` tokens. */
export function dataLine(word: string | readonly [string, ...string[]], fields: Fields = {}): string {
  const [head, ...values] = typeof word === 'string' ? [word] : word;
  return [head, ...values.map(formatPositional)].join(' ') + formatFields(fields);
}

/** The last line of an answer that went well. */
export function okLine(fields: Fields = {}): string {
  return dataLine('OK', fields);
}

/** What the server says on accept; `auth` are the methods good on this connection. */
export function formatGreeting(server: string, auth: readonly string[]): string {
  const features = FEATURES.join(',');
  return `OK ${PROTOCOL_VERSION} server=${quote(server)} auth=${auth.join(',')} features=${features}`;
}

/** The answer to a BEGIN that was taken. */
export function formatBeginOk(handler: string, offload: boolean, mtu: number, wires?: number): string {
  return okLine({ handler, offload: formatSwitch(offload), mtu, wires });
}

/** The answer to a JOIN that was taken. */
export function formatJoinOk(handler: string, wire: number): string {
  return okLine({ handler, wire });
}

/** The answer to PING?; round trips in microseconds, `-` where none came back. */
export function formatPinged(result: {
  readonly sent: number;
  readonly received: number;
  readonly min?: number;
  readonly median?: number;
  readonly max?: number;
}): string {
  const { sent, received, min = '-', median = '-', max = '-' } = result;
  return okLine({ sent, received, min_us: min, median_us: median, max_us: max });
}

export function formatJoin({ handler, wire }: Join): string {
  return `JOIN ${handler} ${wire}`;
}

/** HELLO as a client says it. The secret is quoted where it needs it; see `expressible` for what no line can carry. */
export function formatHello(
  hello:
    | { readonly method: 'password'; readonly identity?: string; readonly secret: string }
    | { readonly method: 'cert' | 'local' },
): string {
  if (hello.method !== 'password') return `HELLO ${hello.method}`;
  return `HELLO password ${hello.identity ?? DEFAULT_IDENTITY} ${quote(hello.secret)}`;
}

/** @param secretText the secret that the reference in `handle.auth` stands for; only needed with a password */
export function formatHandle(handle: Handle, secretText?: string): string {
  const head = ['HANDLE', quote(formatRemote(handle.remote)), formatAuth(handle.auth, secretText)];
  return [...head, ...formatEnds(handle), ...formatOptions(handle.options)].join(' ');
}

/** BEGIN with `offload=` and `mtu=`, and the other options where they differ from their defaults. */
export function formatBegin(begin: Begin): string {
  const options = formatOptions({ ...begin.options, offload: true });
  const must = [`offload=${formatSwitch(begin.options.offload)}`, `mtu=${begin.mtu}`];
  return ['BEGIN', begin.handler, ...formatEnds(begin), ...must, ...options].join(' ');
}

/** CLOSE and STATS?. */
export function formatForHandler(verb: 'CLOSE' | 'STATS?', handler: string): string {
  return `${verb} ${handler}`;
}

function formatEnds(ends: Ends): readonly string[] {
  return [
    quote(formatDevice(ends.localDevice)),
    quote(formatDevice(ends.remoteDevice)),
    formatRole(ends.localConfig),
    formatRole(ends.remoteConfig),
    ...ends.macs,
  ];
}

/** The same as the other server sees it. */
export function swapEnds(ends: Ends): Ends {
  return {
    localDevice: ends.remoteDevice,
    remoteDevice: ends.localDevice,
    localConfig: ends.remoteConfig,
    remoteConfig: ends.localConfig,
    macs: ends.macs,
  };
}
