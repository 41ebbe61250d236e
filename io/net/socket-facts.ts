import type { Socket } from 'node:net';
import type { TcpConnection } from '../ports.ts';
import { formatHostPort, isLoopbackAddress, plainAddress } from './address.ts';
import { addressBytes } from './address-bytes.ts';
import { HIGH_WATER_BYTES, type LinkFacts } from './socket-link.ts';

/** TCP keep-alive probes begin after this silence. */
const KEEP_ALIVE_MS = 30_000;

/** What every socket gets, dialled or accepted. */
export const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
  highWaterMark: HIGH_WATER_BYTES,
} as const;

/** Undefined when the other end is gone already, so that its address cannot be told. */
export function linkFacts(scheme: 'tcp' | 'tls' | 'unix', socket: Socket): LinkFacts | undefined {
  if (scheme === 'unix') return { scheme, peer: 'unix', address: 'unix', loopback: true };
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const address = plainAddress(remoteAddress);
  return {
    scheme,
    address,
    peer: formatHostPort(address, remotePort),
    loopback: isLoopbackAddress(address),
    connection: connectionOf(socket),
  };
}

function connectionOf({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
}: Socket): TcpConnection | undefined {
  const local = addressBytes(localAddress ?? '');
  const remote = addressBytes(remoteAddress ?? '');
  if (local === undefined || localPort === undefined || remote === undefined || remotePort === undefined) {
    return undefined;
  }
  return { localAddress: local, localPort, remoteAddress: remote, remotePort };
}
