/** URLs of the HTTP listener, `--http` (PROTOCOL.md section 9). */
import { isIPv6 } from 'node:net';
import { formatHostPort, isLoopbackAddress, parseLinkUrl } from '../net/address.ts';

export type HttpUrl =
  | {
      readonly scheme: 'http' | 'https';
      /** Host name or address, without brackets, in small letters. */
      readonly host: string;
      /** 0..65535; 0 lets the kernel choose. */
      readonly port: number;
    }
  | { readonly scheme: 'unix'; readonly path: string; readonly mode?: number };

const FORMS = 'use http://HOST:PORT, https://HOST:PORT or unix:///PATH';
const MOST_PORT = 65_535;

/** @throws Error that says what is wrong with the URL and what a right one looks like */
export function parseHttpUrl(text: string): HttpUrl {
  const [, word = '', rest = ''] = /^([a-z]+):\/\/(.*)$/is.exec(text) ?? [];
  const scheme = word.toLowerCase();
  if (scheme === 'unix') {
    const parsed = parseLinkUrl(text);
    if (parsed.scheme === 'unix') return parsed;
  }
  if (scheme !== 'http' && scheme !== 'https') throw new Error(FORMS);
  const example = `use ${scheme}://HOST:PORT, e.g. ${scheme}://127.0.0.1:9411 or ${scheme}://[::1]:9411`;
  // Whoever writes a password here is not told it again.
  if (rest.includes('@')) throw new Error(`neither a name nor a password stands in it; ${example}`);
  const [, v6, name, digits, behind = ''] =
    /^(?:\[([^[\]]*)\]|([^:/?#[\]]*))(?::([0-9]{1,5}))?([^0-9:].*)?$/s.exec(rest) ?? [];
  const host = (v6 ?? name ?? '').toLowerCase();
  if (behind !== '' && behind !== '/') throw new Error(`nothing stands behind the port; ${example}`);
  if (host === '') throw new Error(`it has no host that can be read; ${example}`);
  const [address = ''] = host.split('%');
  if (v6 !== undefined && !isIPv6(address)) throw new Error(`${v6} is no IPv6 address; ${example}`);
  if (v6 === undefined && !/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host)) {
    throw new Error(`that is no host name and no address; ${example}`);
  }
  if (digits === undefined) throw new Error(`the port is missing; ${example}`);
  const port = Number(digits);
  if (port > MOST_PORT) throw new Error(`a port is at most ${MOST_PORT}; ${example}`);
  return { scheme, host, port };
}

/** Whether only this machine reaches it: a loopback address, `localhost` or a unix socket. */
export function isPrivate(url: HttpUrl): boolean {
  return url.scheme === 'unix' || url.host === 'localhost' || isLoopbackAddress(url.host);
}

export function formatHttpUrl(url: HttpUrl): string {
  return url.scheme === 'unix'
    ? `unix://${url.path}`
    : `${url.scheme}://${formatHostPort(url.host, url.port)}`;
}

/**
 * Whether a Host header means a listener on loopback. A page of another site may give its own name the address
 * 127.0.0.1 (DNS rebinding): what its reader's browser then sends here has that name.
 * @param header as it was sent; with a port or without
 */
export function isLoopbackHost(header: string | undefined): boolean {
  const [, v6, name] = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::[0-9]{1,5})?$/.exec(header ?? '') ?? [];
  const host = (v6 ?? name ?? '').toLowerCase();
  return host === 'localhost' || isLoopbackAddress(host);
}
