import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Diagnostics, Link, Listener } from '../ports.ts';
import { formatHostPort, type LinkUrl, normalHost, parseLinkUrl } from './address.ts';
import { peerCertificate } from './certificate-facts.ts';
import { type HandshakeLimits, Handshakes } from './handshakes.ts';
import { RateLimited } from './rate-limited.ts';
import { receiveFrom } from './read-buffer.ts';
import { resolveHost } from './resolve.ts';
import type { SharedPorts } from './shared-ports.ts';
import { linkFacts, SOCKET_OPTIONS } from './socket-facts.ts';
import { type KernelSocket, type LinkFacts, SocketLink } from './socket-link.ts';
import type { TlsMaterial } from './tls-material.ts';
import { serverContext } from './tls-trust.ts';
import { type SocketNews, UNIX_MODE, UnixSocket } from './unix-socket.ts';

export interface ListenContext {
  material(): TlsMaterial;
  /** Called with each TCP socket once it stands. */
  tune(socket: Socket): void;
  /** All TCP ports of this network. */
  readonly ports: SharedPorts;
  /** What can be done with the socket past Node. */
  kernel(socket: Socket): KernelSocket | undefined;
  /** Mode of unix sockets whose URL says none. */
  readonly unixMode?: number;
  readonly handshakes?: HandshakeLimits;
  readonly diagnostics?: Diagnostics;
}

type Accept = (link: Link) => void;

/** @throws Error that says why the address cannot be had */
export async function listen(text: string, accept: Accept, around: ListenContext): Promise<Listener> {
  const url = parseLinkUrl(text);
  if (url.scheme === 'unix') return listenUnix(url, accept, around);
  if (url.pin !== undefined) throw new Error(`"${text}": a pin is for dialling`);
  const handshakes = new Handshakes(around.handshakes);
  const take = url.scheme === 'tls' ? secured(accept, handshakes, around) : plain(accept, around);
  try {
    const [address = ''] = await resolveHost(url.host);
    const open = await around.ports.open(normalHost(address), url.port, take);
    return {
      url: `${url.scheme}://${formatHostPort(url.host, open.port)}`,
      close: async () => {
        handshakes.closeAll();
        open.close();
      },
    };
  } catch (error) {
    throw listenFailure(`${url.scheme}://${formatHostPort(url.host, url.port)}`, MEANINGS, error as Error);
  }
}

type UnixUrl = Extract<LinkUrl, { scheme: 'unix' }>;

async function listenUnix(url: UnixUrl, accept: Accept, around: ListenContext): Promise<Listener> {
  const where = `unix://${url.path}`;
  const failures = acceptFailures(around.diagnostics);
  try {
    const open = await UnixSocket.open(url.path, url.mode ?? around.unixMode ?? UNIX_MODE, {
      connection: (socket) => handOver(socket, linkFacts('unix', socket), accept, around.kernel(socket)),
      failed: (error) => failures.happened(error.message),
      news: (news) => {
        const why = news.kind === 'lost' ? { error: news.why } : {};
        around.diagnostics?.warn({ listener: where, ...why }, SOCKET_NEWS[news.kind]);
      },
    });
    return { url: where, close: async () => open.close() };
  } catch (error) {
    throw listenFailure(where, UNIX_MEANINGS, error as Error);
  }
}

/** What is said of a socket file that somebody else touches. */
export const SOCKET_NEWS: Readonly<Record<SocketNews['kind'], string>> = {
  'made-again': 'the socket file was deleted; it has been made again',
  lost: 'the socket file was deleted, and cannot be made again: nobody comes in by it',
  replaced: 'another file stands in place of our socket file: nobody comes in by it',
};

/** Tells of connections that could not be accepted, of which there may be many. */
export function acceptFailures(diagnostics: Diagnostics | undefined): RateLimited {
  return new RateLimited((count, last) =>
    diagnostics?.warn({ count, error: last }, 'connections could not be accepted'),
  );
}

function plain(accept: Accept, around: ListenContext): (socket: Socket) => void {
  return (socket) => {
    around.tune(socket);
    handOver(socket, linkFacts('tcp', socket), accept, around.kernel(socket));
  };
}

/** Lays TLS over what comes. The TLS server itself listens nowhere. */
function secured(accept: Accept, handshakes: Handshakes, around: ListenContext): (socket: Socket) => void {
  let material = around.material();
  const server: TlsServer = createTlsServer({
    ...SOCKET_OPTIONS,
    ...serverContext(material),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const failures = new RateLimited((count, last) =>
    around.diagnostics?.info({ count, error: last }, 'TLS handshakes failed'),
  );
  server.on('tlsClientError', (error, socket) => {
    socket.destroy();
    failures.happened(error.message);
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    handshakes.done(socket);
    const facts = linkFacts('tls', socket);
    const certificate = peerCertificate(socket);
    handOver(socket, facts && certificate ? { ...facts, certificate } : facts, accept, around.kernel(socket));
  });
  return (socket) => {
    const current = around.material();
    if (current !== material && current.own) {
      material = current;
      server.setSecureContext(serverContext(current));
    }
    around.tune(socket);
    if (handshakes.begin(socket)) server.emit('connection', socket);
  };
}

/** A connection that was reset before anybody could look at it is no link, and nobody is told of it. */
function handOver(
  socket: Socket,
  facts: LinkFacts | undefined,
  accept: Accept,
  kernel?: KernelSocket | undefined,
): void {
  if (!facts) {
    socket.on('error', () => {});
    socket.destroy();
    return;
  }
  let link: SocketLink | undefined;
  receiveFrom(socket, (chunk) => link?.receive(chunk));
  link = new SocketLink(socket, facts, kernel);
  accept(link);
}

/** What errors of a listener on TCP mean. */
export const MEANINGS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use: another server listens there',
  EACCES: 'permission denied (ports under 1024 need CAP_NET_BIND_SERVICE)',
  EADDRNOTAVAIL: 'this machine has no such address',
  EINVAL: 'a link-local address needs the interface that has it, as in [fe80::1%eth0]',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name could not be looked up just now',
};

/** The same of a unix socket. */
export const UNIX_MEANINGS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is there already',
  EACCES: 'permission denied',
  ENOENT: 'its directory does not exist',
};

/** The error for people, with what to do. */
export function listenFailure(
  where: string,
  meanings: Readonly<Record<string, string>>,
  error: NodeJS.ErrnoException,
): Error {
  // What has no code says it all by itself.
  if (error.code === undefined) return error;
  return new Error(`cannot listen on ${where}: ${meanings[error.code] ?? error.message}`);
}
