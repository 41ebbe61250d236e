/** The listener of `--http`: Node's own HTTP server, with bounds of its own around it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { plainAddress } from '../net/address.ts';
import { acceptFailures, listenFailure, MEANINGS, SOCKET_NEWS, UNIX_MEANINGS } from '../net/listen.ts';
import { RateLimited } from '../net/rate-limited.ts';
import { resolveHost } from '../net/resolve.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { serverContext } from '../net/tls-trust.ts';
import { UNIX_MODE, UnixSocket } from '../net/unix-socket.ts';
import type { Diagnostics, HttpAnswer, HttpAnswerer, Listener } from '../ports.ts';
import { formatHttpUrl, type HttpUrl, isLoopbackHost, isPrivate } from './url.ts';

/** Connections at once; what comes beyond is closed. A scraper needs one. */
const MOST_CONNECTIONS = 32;
/** From a connection's begin, or the end of its last answer, to a whole request; of the TLS handshake as well. */
const REQUEST_MS = 10_000;
/** A connection on which nothing moves is closed after this. */
const SILENCE_MS = 30_000;
const MOST_HEADER_BYTES = 8192;

const BOUNDS = {
  maxHeaderSize: MOST_HEADER_BYTES,
  headersTimeout: REQUEST_MS,
  requestTimeout: REQUEST_MS,
  connectionsCheckingInterval: REQUEST_MS,
} as const;

export interface HttpContext {
  /** Certificate and key of https. */
  material(): TlsMaterial;
  readonly diagnostics: Diagnostics;
}

/** @throws Error that says why the address cannot be had */
export async function listenHttp(url: HttpUrl, answer: HttpAnswerer, around: HttpContext): Promise<Listener> {
  const server = url.scheme === 'https' ? secured(around) : createServer(BOUNDS);
  const sockets = new Set<Socket>();
  server.timeout = SILENCE_MS;
  server.maxConnections = MOST_CONNECTIONS;
  server.prependListener('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', responder(url, answer, around.diagnostics));
  const open = url.scheme === 'unix' ? onUnix(url, server, sockets, around) : onTcp(url, server, around);
  const { url: where, close } = await open;
  return {
    url: where,
    close: async () => {
      close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface Open {
  readonly url: string;
  close(): void;
}

async function onTcp(
  url: Exclude<HttpUrl, { scheme: 'unix' }>,
  server: Server,
  { diagnostics }: HttpContext,
): Promise<Open> {
  try {
    const [host] = await resolveHost(url.host);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port: url.port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenFailure(formatHttpUrl(url), MEANINGS, error as Error);
  }
  const failures = acceptFailures(diagnostics);
  server.on('error', (error) => failures.happened(error.message));
  const { port } = server.address() as AddressInfo;
  return { url: formatHttpUrl({ ...url, port }), close: () => server.close() };
}

async function onUnix(
  url: Extract<HttpUrl, { scheme: 'unix' }>,
  server: Server,
  sockets: ReadonlySet<Socket>,
  { diagnostics }: HttpContext,
): Promise<Open> {
  const where = formatHttpUrl(url);
  const failures = acceptFailures(diagnostics);
  try {
    const socket = await UnixSocket.open(url.path, url.mode ?? UNIX_MODE, {
      connection: (connection) => {
        if (sockets.size >= MOST_CONNECTIONS) {
          connection.destroy();
          return;
        }
        server.emit('connection', connection);
        connection.resume();
      },
      failed: (error) => failures.happened(error.message),
      news: (news) => {
        const why = news.kind === 'lost' ? { error: news.why } : {};
        diagnostics.warn({ listener: where, ...why }, SOCKET_NEWS[news.kind]);
      },
    });
    return { url: where, close: () => socket.close() };
  } catch (error) {
    throw listenFailure(where, UNIX_MEANINGS, error as Error);
  }
}

/** A certificate that was read again counts for the next connection. */
function secured({ material }: HttpContext): Server {
  let used = material();
  const server = createTlsServer({ ...BOUNDS, ...serverContext(used), handshakeTimeout: REQUEST_MS });
  server.prependListener('connection', () => {
    const current = material();
    if (current === used || current.own === undefined) return;
    used = current;
    server.setSecureContext(serverContext(current));
  });
  return server;
}

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

function responder(url: HttpUrl, answer: HttpAnswerer, diagnostics: Diagnostics): Respond {
  const checksHost = url.scheme !== 'unix' && isPrivate(url);
  const failures = new RateLimited((count, error) =>
    diagnostics.error({ count, error, listener: formatHttpUrl(url) }, 'HTTP requests could not be answered'),
  );
  const answerTo = async (request: IncomingMessage): Promise<HttpAnswer> => {
    const { method, headers, socket } = request;
    if (checksHost && !isLoopbackHost(headers.host)) return MISDIRECTED;
    if (method !== 'GET' && method !== 'HEAD') return NOT_ALLOWED;
    const [path = ''] = (request.url ?? '').split('?');
    const { authorization, accept } = headers;
    const address = url.scheme === 'unix' ? 'unix' : plainAddress(socket.remoteAddress ?? '');
    return answer({ path, authorization, accept, address });
  };
  return (request, response) => {
    answerTo(request).then(
      (good) => send(response, good),
      (error: Error) => {
        failures.happened(error.message);
        send(response, FAILED);
      },
    );
  };
}

function send(response: ServerResponse, { status, type, text, headers }: HttpAnswer): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(body);
}

/** An answer of one line for people. */
export const plainAnswer = (
  status: number,
  line: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({ status, type: 'text/plain; charset=utf-8', text: `${line}\n`, headers });

const MISDIRECTED = plainAnswer(
  421,
  'this listener is for its own machine: the Host header has to be localhost or a loopback address',
);
const NOT_ALLOWED = plainAnswer(405, 'only GET and HEAD are known here', {
  Allow: 'GET, HEAD',
  Connection: 'close',
});
const FAILED = plainAnswer(500, 'this could not be answered; the diagnostics of the server say why');
