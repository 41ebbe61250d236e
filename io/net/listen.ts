import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Diagnostics, Link, Listener } from '../ports.ts';
import { formatHostPort, type LinkUrl, parseLinkUrl } from './address.ts';
import { peerCertificate } from './certificate-facts.ts';
import { type HandshakeLimits, Handshakes } from './handshakes.ts';
import { RateLimited } from './rate-limited.ts';
import { receiveFrom } from './read-buffer.ts';
import { linkFacts, SOCKET_OPTIONS } from './socket-facts.ts';
import { type KernelSocket, type LinkFacts, SocketLink } from './socket-link.ts';
import type { TlsMaterial } from './tls-material.ts';
import { serverContext } from './tls-trust.ts';
import { clearStale, listenWithMode, UNIX_MODE } from './unix-path.ts';

export interface ListenContext {
  material(): TlsMaterial;
  /** Called with each TCP socket once it stands. */
  tune(socket: Socket): void;
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
  if (url.scheme !== 'unix' && url.pin !== undefined) throw new Error(`"${text}": a pin is for dialling`);
  if (url.scheme === 'unix') await clearStale(url.path);
  const handshakes = new Handshakes(around.handshakes);
  const server =
    url.scheme === 'tls' ? tlsServer(accept, handshakes, around) : plainServer(url.scheme, accept, around);
  await bind(server, url, around.unixMode ?? UNIX_MODE);
  const failures = new RateLimited((count, last) =>
    around.diagnostics?.warn({ listener: text, count, error: last }, 'connections could not be accepted'),
  );
  server.on('error', (error) => failures.happened(error.message));
  return {
    url: realUrl(url, server),
    close: async () => {
      handshakes.closeAll();
      if (server.listening) server.close();
    },
  };
}

function bind(server: Server, url: LinkUrl, unixMode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(listenFailure(url, error));
    server.once('error', onError);
    server.once('listening', () => {
      server.off('error', onError);
      resolve();
    });
    if (url.scheme === 'unix') listenWithMode(server, url.path, url.mode ?? unixMode);
    else server.listen({ host: url.host, port: url.port });
  });
}

function plainServer(scheme: 'tcp' | 'unix', accept: Accept, around: ListenContext): Server {
  return createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }, (socket) => {
    if (scheme === 'tcp') around.tune(socket);
    handOver(socket, linkFacts(scheme, socket), accept, around.kernel(socket));
  });
}

function tlsServer(accept: Accept, handshakes: Handshakes, around: ListenContext): Server {
  let material = around.material();
  const server: TlsServer = createTlsServer({
    ...SOCKET_OPTIONS,
    ...serverContext(material),
    requestCert: true,
    rejectUnauthorized: false,
  });
  // Before the listener that begins the handshake: that one takes the context that is set here.
  server.prependListener('connection', (socket: Socket) => {
    const current = around.material();
    if (current !== material && current.own) {
      material = current;
      server.setSecureContext(serverContext(current));
    }
    around.tune(socket);
    handshakes.begin(socket);
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
  return server;
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

function realUrl(url: LinkUrl, server: Server): string {
  if (url.scheme === 'unix') return `unix://${url.path}`;
  return `${url.scheme}://${formatHostPort(url.host, (server.address() as AddressInfo).port)}`;
}

const MEANINGS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use: another server listens there',
  EACCES: 'permission denied (ports under 1024 need CAP_NET_BIND_SERVICE)',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name could not be looked up just now',
};

function listenFailure(url: LinkUrl, error: NodeJS.ErrnoException): Error {
  const where =
    url.scheme === 'unix' ? `unix://${url.path}` : `${url.scheme}://${formatHostPort(url.host, url.port)}`;
  const meaning =
    url.scheme === 'unix' && error.code === 'EACCES' ? 'permission denied' : MEANINGS[error.code ?? ''];
  return new Error(`cannot listen on ${where}: ${meaning ?? error.message}`);
}
