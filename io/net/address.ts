/** Listener and dial URLs (PROTOCOL.md section 2), and the addresses of the other end. */
import { isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export const DEFAULT_PORT = 7411;

/** sun_path of unix(7) holds 108 bytes with the NUL at its end. */
const UNIX_PATH_BYTES = 107;

export type LinkUrl =
  | {
      readonly scheme: 'tcp' | 'tls';
      /** Host name or address, without brackets, in its normal form (see `normalHost`). */
      readonly host: string;
      /** 0..65535; 0 lets the kernel choose, good for listening only. */
      readonly port: number;
      /** `sha256:<hex>` or `spki-sha256:<hex>`, on `tls:` only. */
      readonly pin?: string;
    }
  | { readonly scheme: 'unix'; readonly path: string; readonly mode?: number };

/**
 * The grammar is that of `machines/protocol/remote.ts` word for word, which a test holds; here the words say what is
 * wrong. @throws Error that says what is wrong with the URL and what a right one looks like
 */
export function parseLinkUrl(text: string): LinkUrl {
  const [, scheme, rest = ''] = /^(tcp|tls|unix):\/\/(.*)$/is.exec(text) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'tcp':
      return inetUrl(text, 'tcp', rest);
    case 'tls':
      return inetUrl(text, 'tls', rest);
    case 'unix':
      return unixUrl(text, rest);
    default:
      throw wrong(text, 'use tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH');
  }
}

function wrong(text: string, why: string): Error {
  // A password that somebody wrote into the URL is not repeated.
  const shown = text.replace(/\/\/[^/]*@/, '//…@');
  return new Error(`"${shown}" is not an address to listen on or to dial: ${why}`);
}

function inetUrl(text: string, scheme: 'tcp' | 'tls', rest: string): LinkUrl {
  const example = `use ${scheme}://HOST:PORT, e.g. ${scheme}://127.0.0.1:${DEFAULT_PORT} or ${scheme}://[::1]:${DEFAULT_PORT}`;
  const [address, query] = cutAt(rest, '?');
  if (address === '') throw wrong(text, `it has no host; ${example}`);
  if (address.includes('/')) throw wrong(text, `nothing stands behind the port; ${example}`);
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(address);
  if (!parts) throw wrong(text, example);
  const [, v6, name, digits] = parts;
  const host = v6 === undefined ? hostName(text, name ?? '', example) : ipv6(text, v6);
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port > 65_535) throw wrong(text, `a port is at most 65535; ${example}`);
  const pin = onlyParameter(text, query, 'pin');
  if (pin === undefined) return { scheme, host, port };
  if (scheme === 'tcp') throw wrong(text, 'a pin goes with tls:// only');
  if (!isPin(pin)) throw wrong(text, 'pin= takes sha256: or spki-sha256: and 64 hex digits');
  return { scheme, host, port, pin: pin.toLowerCase() };
}

const LABELS =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/;

function hostName(text: string, name: string, example: string): string {
  const host = name.toLowerCase();
  const ascii = /[^\0-\x7f]/.test(host) ? domainToASCII(host) : '';
  if (ascii !== '') throw wrong(text, `a name is written in its ASCII form: ${ascii}`);
  if (!LABELS.test(host)) throw wrong(text, `that is no host name; ${example}`);
  // The resolver would read it as an IPv4 address in one of its old forms.
  const numeric = /^(?:[0-9]+|0x[0-9a-f]*)$/.test(host.slice(host.lastIndexOf('.') + 1));
  if (numeric && isIP(host) !== 4) throw wrong(text, `"${host}" is neither a name nor an IPv4 address`);
  return host;
}

/** With the zone (RFC 4007) of a link-local one: `fe80::1%eth0`. */
function ipv6(text: string, address: string): string {
  const [bare, zone] = cutAt(address, '%');
  if (!isIPv6(bare)) throw wrong(text, `[${address}] is no IPv6 address`);
  if (zone !== undefined && !/^[A-Za-z0-9._-]{1,15}$/.test(zone)) {
    throw wrong(text, 'behind the % of an IPv6 address stands the name of an interface');
  }
  return normalHost(address);
}

/** The path is taken as it is, `%` and `#` and blanks too; a `?` begins the options. */
function unixUrl(text: string, rest: string): LinkUrl {
  if (rest !== '' && !rest.startsWith('/'))
    throw wrong(text, 'the path begins at the root: unix:///PATH, with three slashes');
  const [path, query] = cutAt(rest, '?');
  if (path === '' || path.endsWith('/')) throw wrong(text, 'it has no path; use unix:///PATH');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the very ones that are not taken
  if (/[\0-\x1f\x7f]/.test(path)) throw wrong(text, 'the path holds a control character');
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES) {
    throw wrong(text, `the path is longer than the ${UNIX_PATH_BYTES} bytes that a unix socket can have`);
  }
  const mode = onlyParameter(text, query, 'mode');
  if (mode === undefined) return { scheme: 'unix', path };
  if (!/^0?[0-7]{3}$/.test(mode)) throw wrong(text, 'mode= takes three octal digits, e.g. mode=660');
  return { scheme: 'unix', path, mode: Number.parseInt(mode, 8) };
}

/** What stands before the first such character, and what behind it; undefined when there is none. */
function cutAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function onlyParameter(text: string, query: string | undefined, name: string): string | undefined {
  if (query === undefined) return undefined;
  const [key, value] = cutAt(query, '=');
  if (key !== name) throw wrong(text, `it has the unknown option "${key}"; only ${name}= is known here`);
  if (value?.includes('&')) throw wrong(text, `nothing stands behind ${name}=`);
  return value ?? '';
}

/** Lower case; an IPv6 address without brackets and in the form of RFC 5952, so that equal hosts are equal texts. */
export function normalHost(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  const [address, zone] = cutAt(bare, '%');
  if (!isIPv6(address)) return bare.toLowerCase();
  const normal = new URL(`tcp://[${address}]`).hostname.slice(1, -1);
  // The names of interfaces know small letters from capitals.
  return zone === undefined ? normal : `${normal}%${zone}`;
}

/** Whether the text is `sha256:` (of a certificate) or `spki-sha256:` (of its public key) and 64 hex digits. */
export function isPin(text: string): boolean {
  return /^(?:spki-)?sha256:[0-9a-f]{64}$/i.test(text);
}

/** `HOST:PORT`, IPv6 addresses in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An IPv4 address that came in over an IPv6 socket, in its plain form; any other as it is. */
export function plainAddress(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

/** Whether it is of 127.0.0.0/8 or `::1`, also in IPv4-mapped form. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return isIP(plain) === 4 ? plain.startsWith('127.') : plain === '::1';
}
