import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DialError, type DialOptions } from '../ports.ts';
import { type LinkUrl, parseLinkUrl } from './address.ts';
import { connectFirst, NoAddress } from './connect.ts';
import { onRead, type Receive, receiveFrom } from './read-buffer.ts';
import { resolveHost } from './resolve.ts';
import { linkFacts, SOCKET_OPTIONS } from './socket-facts.ts';
import { type KernelSocket, SocketLink } from './socket-link.ts';
import type { TlsMaterial } from './tls-material.ts';
import { clientOptions, judgeServer } from './tls-trust.ts';

export interface DialContext {
  material(): TlsMaterial;
  /** Called with each TCP socket once it stands. */
  tune(socket: Socket): void;
  /** What can be done with the socket past Node. */
  kernel(socket: Socket): KernelSocket | undefined;
}

/**
 * Connects, and for TLS makes sure who answers, before the link is handed out: no byte of ours is sent to a
 * server that is not the right one.
 * @throws DialError
 */
export async function dial(text: string, options: DialOptions, around: DialContext): Promise<SocketLink> {
  const url = dialUrl(text);
  try {
    options.signal.throwIfAborted();
    let link: SocketLink | undefined;
    const socket = await open(url, options, around, (chunk) => link?.receive(chunk));
    try {
      link = ready(socket, url, options, around);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return link;
  } catch (error) {
    if (error instanceof DialError) throw error;
    if (options.signal.aborted) throw aborted(text, options.signal);
    throw dialFailure(text, error as Error);
  }
}

function dialUrl(text: string): LinkUrl {
  try {
    const url = parseLinkUrl(text);
    if (url.scheme !== 'unix' && url.port === 0)
      throw new Error(`"${text}" has port 0, which nobody can dial`);
    return url;
  } catch (error) {
    throw new DialError('remote-unreachable', (error as Error).message);
  }
}

/** A connected socket, paused. @throws Error, DialError, the signal's reason */
async function open(
  url: LinkUrl,
  options: DialOptions,
  around: DialContext,
  receive: Receive,
): Promise<Socket> {
  const { signal } = options;
  if (url.scheme === 'unix') {
    const onread = onRead(receive, () => socket);
    const socket: Socket = connect({ ...SOCKET_OPTIONS, path: url.path, onread }).pause();
    return opened(socket, 'connect', signal);
  }
  // First, since it may say that there is no certificate to offer.
  const tls = url.scheme === 'tls' ? clientOptions(around.material(), options, url.host) : undefined;
  const addresses = await resolveHost(url.host, signal);
  const socket = await connectFirst(addresses, url.port, signal, tls === undefined ? receive : undefined);
  if (tls === undefined) return socket;
  // Over a socket that stands, and so has the options that connectTls() itself leaves out, TCP_NODELAY among them.
  const over = { socket, host: url.host, highWaterMark: SOCKET_OPTIONS.highWaterMark };
  const secured = connectTls({ ...over, ...tls });
  receiveFrom(secured, receive);
  return opened(secured, 'secureConnect', signal);
}

/** The socket, when that event has come. @throws what went wrong; the socket is destroyed then */
function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', fail).off('close', onClose).off(event, onOpen);
    };
    const fail = (error: unknown) => {
      finish();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    const onClose = () => fail(Object.assign(new Error('closed at once'), { code: 'EPIPE' }));
    const onOpen = () => {
      finish();
      resolve(socket);
    };
    signal.addEventListener('abort', onAbort);
    socket.on('error', fail).on('close', onClose).on(event, onOpen);
  });
}

function ready(socket: Socket, url: LinkUrl, options: DialOptions, around: DialContext): SocketLink {
  const facts = linkFacts(url.scheme, socket);
  if (!facts) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  if (url.scheme !== 'unix') around.tune(socket);
  if (url.scheme !== 'tls') return new SocketLink(socket, facts, around.kernel(socket));
  const pin = options.pin?.toLowerCase() ?? url.pin;
  const material = around.material();
  const accepted = [
    ...(options.acceptFingerprints ?? []),
    ...material.serverFingerprints(url.host, url.port),
  ];
  const target = { host: url.host, port: url.port, pin, haveCa: material.ca.length > 0 };
  const certificate = judgeServer(socket as TLSSocket, target, accepted);
  return new SocketLink(socket, { ...facts, certificate }, around.kernel(socket));
}

function aborted(text: string, signal: AbortSignal): DialError {
  const timeout = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return timeout
    ? new DialError('remote-timeout', `${text} did not answer in time`)
    : new DialError('remote-unreachable', `dialling ${text} was given up`);
}

/** What the usual errors of connect(2) and getaddrinfo(3) mean, in words. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: is a server running there, on that port?',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ETIMEDOUT: 'it did not answer in time',
  ECONNRESET: 'it reset the connection',
  EPIPE: 'it closed the connection',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name could not be looked up just now',
  EACCES: 'permission denied',
  EPERM: 'permission denied, perhaps by a firewall of this machine',
  ENOENT: 'there is no such socket file',
  ENOTSOCK: 'that file is not a socket',
  EMFILE: 'this process has no file descriptor left',
  EINVAL: 'a link-local address needs the interface that leads to it, as in [fe80::1%eth0]',
  EADDRNOTAVAIL: 'this machine has no address or port to dial from',
};

/** What the usual errors of a TLS handshake mean, in words. */
const TLS_MEANINGS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS; is it a tcp:// listener?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there does not speak TLS; is it a tcp:// listener?',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it speaks older versions of TLS only',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks older versions of TLS only',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it found nothing in common with us; its key may be of a kind that TLS 1.3 has no signature for',
};

function dialFailure(text: string, error: Error): DialError {
  if (error instanceof NoAddress) return noAddress(text, error);
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    const why = TLS_MEANINGS[code] ?? error.message.trim();
    return new DialError('remote-untrusted', `${text} does not speak TLS 1.3 with us: ${why}`);
  }
  const kind = code === 'ETIMEDOUT' ? 'remote-timeout' : 'remote-unreachable';
  return new DialError(kind, `cannot reach ${text}: ${inWords(error)}`);
}

function noAddress(text: string, { attempts }: NoAddress): DialError {
  const late = attempts.every(({ error }) => error.code === 'ETIMEDOUT');
  const words = attempts.map(({ error }) => inWords(error));
  const all = attempts.map(({ address }, at) => `${address}: ${words[at]}`).join('; ');
  const why = new Set(words).size === 1 ? words[0] : all;
  return new DialError(late ? 'remote-timeout' : 'remote-unreachable', `cannot reach ${text}: ${why}`);
}

function inWords(error: NodeJS.ErrnoException): string {
  const meaning = MEANINGS[error.code ?? ''];
  return meaning ? `${meaning} (${error.code})` : error.message;
}
