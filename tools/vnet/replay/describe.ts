/** Values of events and effects in a few words: what a person wants to see of them on one line. */
import { formatDevice } from '../../../machines/protocol/devices.ts';
import { formatOptions } from '../../../machines/protocol/options.ts';
import { formatRemote } from '../../../machines/protocol/remote.ts';
import { formatRole } from '../../../machines/protocol/roles.ts';
import type { DeviceSpec, HandlerOptions, Remote, RoleConfig } from '../../../machines/protocol/types.ts';

/** Values that say nothing on their own line. */
const DULL = new Set(['type', 'jitter', 'limits', 'now', 'secret', 'length']);
const NESTED = 3;
/** These come first, in this order: the log has its keys sorted, people think in the order of a command. */
const FIRST = [
  'handler',
  'method',
  'identity',
  'remote',
  'auth',
  'localDevice',
  'remoteDevice',
  'localConfig',
  'remoteConfig',
  'macs',
];

type Fields = Readonly<Record<string, unknown>>;

/** `key=value` for each field but those without news. */
export function describeFields(fields: Fields, most = Number.POSITIVE_INFINITY): string {
  const text = words(fields, 0).join(' ');
  return shorten(text, most);
}

function words(fields: Fields, depth: number): string[] {
  return Object.entries(fields)
    .filter(([key, value]) => !DULL.has(key) && value !== undefined && value !== null)
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .flatMap(([key, value]) =>
      // The arguments of a command stand for themselves.
      key === 'args' && isFields(value) ? words(value, depth) : [`${key}=${describe(value, depth)}`],
    );
}

function rank(key: string): number {
  const place = FIRST.indexOf(key);
  return place < 0 ? FIRST.length : place;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown, depth: number): string {
  if (Array.isArray(value)) return describeList(value, depth);
  if (isFields(value)) return describeObject(value, depth);
  return typeof value === 'string' ? quoteBlanks(value) : String(value);
}

function describeList(list: readonly unknown[], depth: number): string {
  const shown = list.slice(0, 4).map((each) => describe(each, depth + 1));
  return list.length > 4 ? `${shown.join(',')},+${list.length - 4}` : shown.join(',');
}

function describeObject(fields: Fields, depth: number): string {
  const known = describeKnown(fields);
  if (known !== undefined) return known;
  return depth >= NESTED ? '{…}' : `{${words(fields, depth + 1).join(' ')}}`;
}

/** The values of the protocol in the form in which they are typed. */
function describeKnown(fields: Fields): string | undefined {
  const { kind, role, identity } = fields;
  if (kind === 'interface' || kind === 'tap') return formatDevice(fields as unknown as DeviceSpec);
  if (kind === 'url' || kind === 'peer') return formatRemote(fields as unknown as Remote);
  if ('l2cp' in fields) return formatOptions(fields as unknown as HandlerOptions).join(',') || 'default';
  if (kind === 'cert') return 'cert';
  if (kind === 'peer-entry') return '-';
  if (kind === 'password') return `password:${String(identity)}:…`;
  return typeof role === 'string' && 'multicast' in fields
    ? formatRole(fields as unknown as RoleConfig)
    : undefined;
}

function quoteBlanks(text: string): string {
  return /[\s"]/.test(text) || text === '' ? JSON.stringify(text) : text;
}

/** At most so many characters, the last of them an ellipsis where something was cut off. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
}
