/**
 * Devices (PROTOCOL.md section 3.1):
 *
 *     <ifname>   packet:<ifname>   pcap:<ifname>   tap:<name>[?mtu=<n>][&bridge=<ifname>][&ip=on]
 */
import { bad, good, type Result } from './errors.ts';
import { MTU_RANGE, parseMtu } from './numbers.ts';
import type { DeviceSpec } from './types.ts';

const ENCODER = new TextEncoder();
/** What the kernel's isspace() takes for white space, byte by byte (lib/ctype.c). */
const KERNEL_SPACES: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xa0]);

const FORMS =
  'a device is <ifname>, packet:<ifname>, pcap:<ifname> or tap:<name>[?mtu=<n>&bridge=<ifname>&ip=on]';
/** IFNAMSIZ and ALTIFNAMSIZ of the kernel, less the NUL. */
const MOST_NAME_BYTES = 15;
const MOST_ALTERNATIVE_BYTES = 127;
const NAME_RULE =
  'an interface name has 1 to 15 bytes (an alternative one of what stands, up to 127), without white space, / : ? and %, and is neither . nor .. nor holds control characters';

/**
 * Whether this may be the name of an interface: the kernel's dev_valid_name() (net/core/dev.c: fits IFNAMSIZ with its
 * NUL, not `.` or `..`, no `/`, `:` or white space); no `%`, which the kernel takes for a pattern; no `?`, which
 * begins options.
 * @param most bytes
 */
export function isIfname(name: string, most = MOST_NAME_BYTES): boolean {
  if (name === '.' || name === '..' || /[/:?%\p{Cc}]/u.test(name)) return false;
  const bytes = ENCODER.encode(name);
  return bytes.length >= 1 && bytes.length <= most && !bytes.some((byte) => KERNEL_SPACES.has(byte));
}

/** Any of the four forms, else `bad-device`. Does not look whether there is such an interface. */
export function parseDevice(text: string): Result<DeviceSpec> {
  const question = text.indexOf('?');
  const before = question < 0 ? text : text.slice(0, question);
  const options = question < 0 ? undefined : text.slice(question + 1);
  const colon = before.indexOf(':');
  const form = colon < 0 ? 'any' : before.slice(0, colon);
  const ifname = before.slice(colon + 1);
  if (form !== 'any' && form !== 'packet' && form !== 'pcap' && form !== 'tap')
    return bad('bad-device', FORMS);
  if (colon >= 0 && form === 'any') return bad('bad-device', FORMS);
  if (!isIfname(ifname, form === 'tap' ? MOST_NAME_BYTES : MOST_ALTERNATIVE_BYTES))
    return bad('bad-device', NAME_RULE);
  if (form === 'tap') return parseTap(ifname, options);
  if (options !== undefined)
    return bad('bad-device', 'only tap: takes options: mtu=<n>, bridge=<ifname> and ip=on');
  return good({ kind: 'interface', backend: form, ifname });
}

function parseTap(ifname: string, options: string | undefined): Result<DeviceSpec> {
  let mtu: number | undefined;
  let bridge: string | undefined;
  let ip: boolean | undefined;
  for (const option of options === undefined ? [] : options.split('&')) {
    const equals = option.indexOf('=');
    const key = option.slice(0, Math.max(0, equals));
    const value = option.slice(equals + 1);
    if (key === 'mtu' && mtu === undefined) {
      mtu = parseMtu(value);
      if (mtu === undefined) return bad('bad-device', `mtu= of a TAP is a number, ${MTU_RANGE}`);
    } else if (key === 'bridge' && bridge === undefined) {
      if (!isIfname(value)) return bad('bad-device', `bridge=: ${NAME_RULE}`);
      bridge = value;
    } else if (key === 'ip' && ip === undefined) {
      if (value !== 'on' && value !== 'off') return bad('bad-device', 'ip= of a TAP is on or off');
      ip = value === 'on';
    } else {
      return bad(
        'bad-device',
        'options of tap: are mtu=<n>, bridge=<ifname> and ip=on, each once at most, parted by &',
      );
    }
  }
  return good({
    kind: 'tap',
    ifname,
    ...(mtu === undefined ? {} : { mtu }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(ip ? { ip } : {}),
  });
}

/** Normal form, which parses back to the same. It may need quoting to stand in a line. */
export function formatDevice(device: DeviceSpec): string {
  if (device.kind === 'interface') {
    return device.backend === 'any' ? device.ifname : `${device.backend}:${device.ifname}`;
  }
  const options: string[] = [];
  if (device.mtu !== undefined) options.push(`mtu=${device.mtu}`);
  if (device.bridge !== undefined) options.push(`bridge=${device.bridge}`);
  if (device.ip) options.push('ip=on');
  return `tap:${device.ifname}${options.length > 0 ? `?${options.join('&')}` : ''}`;
}
