/** URLs of servers (PROTOCOL.md sections 2 and 3): `<remote>` of HANDLE, and what a server listens on. */
import { bad, good, type Result } from './errors.ts';
import { formatHostPort, parseHostPort } from './hosts.ts';
import { isName } from './ids.ts';
import type { Remote } from './types.ts';

const REMOTE_FORMS =
  'a remote is tcp://HOST[:PORT], tls://HOST[:PORT][?pin=[spki-]sha256:<64 hex digits>] or peer:<name>, IPv6 in brackets';
const LISTEN_FORMS =
  'a listener is tcp://HOST[:PORT], tls://HOST[:PORT] or unix:///PATH[?mode=0600], IPv6 in brackets';
/** sun_path of struct sockaddr_un (linux/un.h) has 108 bytes, one of them for the NUL. */
const MAX_SOCKET_PATH = 107;

/** A remote in its normal form, else `bad-remote`. A user or password in the URL is not taken. */
export function parseRemote(text: string): Result<Remote> {
  if (text.startsWith('peer:')) {
    const name = text.slice(5);
    if (isName(name)) return good({ kind: 'peer', name });
    return bad('bad-remote', 'peer: is followed by a name, 1 to 64 characters out of A-Z a-z 0-9 . _ -');
  }
  const parts = /^(tcp|tls):\/\/([^?]*)(?:\?(.*))?$/is.exec(text);
  if (!parts) return bad('bad-remote', REMOTE_FORMS);
  const scheme = parts[1]?.toLowerCase() === 'tls' ? 'tls' : 'tcp';
  const address = parseHostPort(parts[2] ?? '');
  if (!address) return bad('bad-remote', REMOTE_FORMS);
  const url = `${scheme}://${formatHostPort(address)}`;
  const query = parts[3];
  if (query === undefined) return good({ kind: 'url', scheme, url });
  if (scheme === 'tcp') return bad('bad-remote', 'tcp:// takes no ?pin=; only tls:// shows a certificate');
  const pin = parsePin(query);
  return pin ? good({ kind: 'url', scheme, url, pin }) : bad('bad-remote', REMOTE_FORMS);
}

function parsePin(query: string): string | undefined {
  const [, of, digits] = /^pin=((?:spki-)?sha256):([0-9A-Fa-f]{64})$/.exec(query) ?? [];
  return digits && `${of}:${digits.toLowerCase()}`;
}

/** Normal form, which parses back to the same. */
export function formatRemote(remote: Remote): string {
  if (remote.kind === 'peer') return `peer:${remote.name}`;
  return remote.pin === undefined ? remote.url : `${remote.url}?pin=${remote.pin}`;
}

/** Where to listen, or where a client finds its server. `host` is without brackets; `mode` is the file's, e.g. 0o600. */
export type ListenUrl =
  | { readonly scheme: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly scheme: 'unix'; readonly path: string; readonly mode?: number };

/** A listener's URL, else `bad-remote`. Port 0 is any free one. */
export function parseListenUrl(text: string): Result<ListenUrl> {
  const parts = /^(tcp|tls|unix):\/\/(.*)$/is.exec(text);
  const scheme = parts?.[1]?.toLowerCase();
  const address = parts?.[2] ?? '';
  if (scheme === 'unix') return parseUnix(address);
  if (scheme !== 'tcp' && scheme !== 'tls') return bad('bad-remote', LISTEN_FORMS);
  const hostPort = parseHostPort(address, true);
  return hostPort ? good({ scheme, ...hostPort }) : bad('bad-remote', LISTEN_FORMS);
}

function parseUnix(address: string): Result<ListenUrl> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the very ones that are not taken
  const parts = /^(\/[^?\0-\x1f\x7f]*[^/?\0-\x1f\x7f])(?:\?mode=(0?[0-7]{3}))?$/s.exec(address);
  const path = parts?.[1];
  if (path === undefined) return bad('bad-remote', LISTEN_FORMS);
  if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH) {
    return bad('bad-remote', `the path of a socket file has at most ${MAX_SOCKET_PATH} bytes`);
  }
  const octal = parts?.[2];
  return good(
    octal === undefined
      ? { scheme: 'unix', path }
      : { scheme: 'unix', path, mode: Number.parseInt(octal, 8) },
  );
}

/** Normal form, which parses back to the same. */
export function formatListenUrl(url: ListenUrl): string {
  if (url.scheme !== 'unix') return `${url.scheme}://${formatHostPort(url)}`;
  const mode = url.mode === undefined ? '' : `?mode=0${url.mode.toString(8).padStart(3, '0')}`;
  return `unix://${url.path}${mode}`;
}
