/** Listener and dial URLs (PROTOCOL.md section 2), and the addresses of the other end. */
import { isIP } from 'node:net';

export const DEFAULT_PORT = 7411;

/** sun_path of unix(7) holds 108 bytes with the NUL at its end. */
const UNIX_PATH_BYTES = 107;

export type LinkUrl =
  | {
      readonly scheme: 'tcp' | 'tls';
      /** Host name or address, without brackets, lower case. */
      readonly host: string;
      /** 0..65535; 0 lets the kernel choose, good for listening only. */
      readonly port: number;
      /** `sha256:<hex>`, on `tls:` only. */
      readonly pin?: string;
    }
  | { readonly scheme: 'unix'; readonly path: string; readonly mode?: number };

/** @throws Error that says what is wrong with the URL and what a right one looks like */
export function parseLinkUrl(text: string): LinkUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  switch (url?.protocol) {
    case 'tcp:':
    case 'tls:':
      return inetUrl(text, url);
    case 'unix:':
      return unixUrl(text, url);
    default:
      throw wrong(text, 'use tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH');
  }
}

function wrong(text: string, why: string): Error {
  // A password that somebody wrote into the URL is not repeated.
  const shown = text.replace(/\/\/[^/]*@/, '//…@');
  return new Error(`"${shown}" is not an address to listen on or to dial: ${why}`);
}

function inetUrl(text: string, url: URL): LinkUrl {
  const scheme = url.protocol === 'tls:' ? 'tls' : 'tcp';
  const example = `use ${scheme}://HOST:PORT, e.g. ${scheme}://127.0.0.1:${DEFAULT_PORT} or ${scheme}://[::1]:${DEFAULT_PORT}`;
  if (url.hostname === '') throw wrong(text, `it has no host; ${example}`);
  if (url.username !== '' || url.password !== '' || url.hash !== '') throw wrong(text, example);
  if (url.pathname !== '' && url.pathname !== '/')
    throw wrong(text, `nothing stands behind the port; ${example}`);
  const host = normalHost(url.hostname);
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const pin = onlyParameter(text, url, 'pin');
  if (pin === undefined) return { scheme, host, port };
  if (scheme === 'tcp') throw wrong(text, 'a pin goes with tls:// only');
  if (!isFingerprint(pin)) throw wrong(text, 'pin= takes sha256: and 64 hex digits');
  return { scheme, host, port, pin: pin.toLowerCase() };
}

function unixUrl(text: string, url: URL): LinkUrl {
  if (url.hostname !== '') throw wrong(text, 'the path begins at the root: unix:///PATH, with three slashes');
  const path = decodeURIComponent(url.pathname);
  if (path === '' || path === '/' || path.endsWith('/'))
    throw wrong(text, 'it has no path; use unix:///PATH');
  if (path.includes('\0')) throw wrong(text, 'the path holds a NUL');
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES) {
    throw wrong(text, `the path is longer than the ${UNIX_PATH_BYTES} bytes that a unix socket can have`);
  }
  const mode = onlyParameter(text, url, 'mode');
  if (mode === undefined) return { scheme: 'unix', path };
  if (!/^0?[0-7]{3}$/.test(mode)) throw wrong(text, 'mode= takes three octal digits, e.g. mode=660');
  return { scheme: 'unix', path, mode: Number.parseInt(mode, 8) };
}

function onlyParameter(text: string, url: URL, name: string): string | undefined {
  for (const key of url.searchParams.keys()) {
    if (key !== name) throw wrong(text, `it has the unknown option "${key}"; only ${name}= is known here`);
  }
  if (url.searchParams.getAll(name).length > 1) throw wrong(text, `${name}= stands there twice`);
  return url.searchParams.get(name) ?? undefined;
}

/** Lower case; an IPv6 address without brackets and in the form of RFC 5952, so that equal hosts are equal texts. */
export function normalHost(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return isIP(bare) === 6 ? new URL(`tcp://[${bare}]`).hostname.slice(1, -1) : bare;
}

/** Whether the text is `sha256:` and 64 hex digits. */
export function isFingerprint(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/i.test(text);
}

/** `HOST:PORT`, IPv6 addresses in brackets. */
export function formatHostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
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
