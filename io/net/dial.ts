import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DialError, type DialOptions } from '../ports.ts';
import { type LinkUrl, parseLinkUrl } from './address.ts';
import { onRead, type Receive } from './read-buffer.ts';
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
export function dial(text: string, options: DialOptions, around: DialContext): Promise<SocketLink> {
  return new Promise((resolve, reject) => {
    const url = dialUrl(text);
    if (options.signal.aborted) throw aborted(text, options.signal);
    let link: SocketLink | undefined;
    const socket = open(url, options, around, (chunk) => link?.receive(chunk));
    const fail = (error: DialError) => {
      finish();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(aborted(text, options.signal));
    const onError = (error: NodeJS.ErrnoException) => fail(dialFailure(text, error));
    const onClose = () => fail(new DialError('remote-unreachable', `${text} closed the connection at once`));
    const finish = () => {
      options.signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose);
    };
    const onReady = () => {
      try {
        link = ready(socket, url, options, around);
      } catch (error) {
        fail(error instanceof DialError ? error : dialFailure(text, error as NodeJS.ErrnoException));
        return;
      }
      finish();
      resolve(link);
    };
    options.signal.addEventListener('abort', onAbort);
    socket.on('error', onError).on('close', onClose);
    socket.once(url.scheme === 'tls' ? 'secureConnect' : 'connect', onReady);
  });
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

function open(url: LinkUrl, options: DialOptions, around: DialContext, receive: Receive): Socket {
  const onread = onRead(receive);
  if (url.scheme === 'unix') return connectTcp({ ...SOCKET_OPTIONS, path: url.path, onread });
  const where = { ...SOCKET_OPTIONS, host: url.host, port: url.port, onread };
  if (url.scheme === 'tcp') return connectTcp(where);
  return connectTls({ ...where, ...clientOptions(around.material(), options, url.host) });
}

function ready(socket: Socket, url: LinkUrl, options: DialOptions, around: DialContext): SocketLink {
  const facts = linkFacts(url.scheme, socket);
  if (!facts) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
  if (url.scheme !== 'unix') around.tune(socket);
  if (url.scheme !== 'tls') return new SocketLink(socket, facts, around.kernel(socket));
  const pin = options.pin?.toLowerCase() ?? url.pin;
  const accepted = [
    ...(options.acceptFingerprints ?? []),
    ...around.material().serverFingerprints(url.host, url.port),
  ];
  const certificate = judgeServer(socket as TLSSocket, { host: url.host, port: url.port, pin }, accepted);
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
  EADDRNOTAVAIL: 'this machine has no address or port to dial from',
};

function dialFailure(text: string, error: NodeJS.ErrnoException): DialError {
  const inner = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
  const code = inner.code ?? '';
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return new DialError(
      'remote-untrusted',
      `${text} does not speak TLS 1.3 with us: ${inner.message.trim()}`,
    );
  }
  const kind = code === 'ETIMEDOUT' ? 'remote-timeout' : 'remote-unreachable';
  const meaning = MEANINGS[code];
  return new DialError(kind, `cannot reach ${text}: ${meaning ? `${meaning} (${code})` : inner.message}`);
}
