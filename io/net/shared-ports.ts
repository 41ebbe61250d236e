/**
 * TCP ports of this process. Linux gives `[::]:7411` and `127.0.0.1:7411` to one socket at a time, so the widest address
 * asked for has the socket, and each connection goes to the listener whose address it came to most exactly.
 */
import { type AddressInfo, createServer, isIPv4, type Server, type Socket } from 'node:net';
import { plainAddress } from './address.ts';
import { SOCKET_OPTIONS } from './socket-facts.ts';

/** What one listener asked for. `host` is an address in its normal form. */
interface Claim {
  readonly host: string;
  readonly take: (socket: Socket) => void;
}

interface Bound {
  readonly host: string;
  readonly port: number;
  server: Server;
  readonly claims: Claim[];
}

export interface OpenPort {
  readonly port: number;
  /** Nothing comes any more; what came lives on. Idempotent. */
  close(): void;
}

export class SharedPorts {
  readonly #bound = new Set<Bound>();

  /** @param failed is told of what goes wrong while connections are accepted */
  constructor(private readonly failed: (error: Error) => void) {}

  /**
   * Listens. Connections come paused. Port 0 is any free one.
   * @throws Error with `code`, as listen(2) and bind(2) have them
   */
  async open(host: string, port: number, take: (socket: Socket) => void): Promise<OpenPort> {
    const claim = { host, take };
    const others = [...this.#bound].filter((bound) => bound.port === port && port !== 0);
    const wider = others.find((bound) => bound.host !== host && covers(bound.host, host));
    if (wider !== undefined) {
      if (wider.claims.some((other) => other.host === host)) throw inUse();
      // Nobody would come by an address that is not ours.
      (await bind(host, 0)).close();
      wider.claims.push(claim);
      return this.#opened(wider, claim);
    }
    if (others.some((bound) => bound.host === host)) throw inUse();
    const narrower = others.filter((bound) => covers(host, bound.host));
    for (const { server } of narrower) server.close();
    try {
      const bound = this.#take(host, await bind(host, port), [claim]);
      for (const other of narrower) {
        bound.claims.push(...other.claims);
        this.#bound.delete(other);
      }
      return this.#opened(bound, claim);
    } catch (error) {
      for (const other of narrower) {
        this.#bound.delete(other);
        this.#take(other.host, await bind(other.host, port), other.claims);
      }
      throw error;
    }
  }

  #take(host: string, server: Server, claims: Claim[]): Bound {
    const bound = { host, port: (server.address() as AddressInfo).port, server, claims };
    server.on('error', this.failed).on('connection', (socket: Socket) => {
      const claim = bestClaim(claims, socket);
      if (claim === undefined) socket.on('error', () => {}).destroy();
      else claim.take(socket);
    });
    this.#bound.add(bound);
    return bound;
  }

  #opened({ port }: Bound, claim: Claim): OpenPort {
    return {
      port,
      close: () => {
        for (const bound of this.#bound) {
          const at = bound.claims.indexOf(claim);
          if (at < 0) continue;
          bound.claims.splice(at, 1);
          if (bound.claims.length > 0) continue;
          bound.server.close();
          this.#bound.delete(bound);
        }
      },
    };
  }
}

/** Whether a socket of the first address gets the connections to the second one too. */
function covers(wide: string, narrow: string): boolean {
  return wide === '::' || (wide === '0.0.0.0' && isIPv4(narrow));
}

function bestClaim(claims: readonly Claim[], socket: Socket): Claim | undefined {
  const { localAddress } = socket;
  if (localAddress === undefined) return undefined;
  const local = plainAddress(localAddress);
  for (const host of isIPv4(local) ? [local, '0.0.0.0', '::'] : [local, '::']) {
    const claim = claims.find((one) => one.host === host);
    if (claim !== undefined) return claim;
  }
  return undefined;
}

function bind(host: string, port: number): Promise<Server> {
  const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

function inUse(): Error {
  return Object.assign(new Error('in use by this process'), { code: 'EADDRINUSE' });
}
