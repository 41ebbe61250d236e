import { Socket } from 'node:net';
import { addon } from '../device/addon.ts';
import { receiveFrom } from './read-buffer.ts';
import { linkFacts, SOCKET_OPTIONS } from './socket-facts.ts';
import { type KernelSocket, SocketLink } from './socket-link.ts';

/**
 * Both ends of a connection within this process, that nobody else can reach: two unix sockets, by the same code as the
 * links of a network. @param kernel as for `realNetwork` @throws SystemError
 */
export function linkPair(kernel: (fd: number) => KernelSocket): readonly [SocketLink, SocketLink] {
  const [one, other] = addon().socketPair(false);
  return [linkOver(one, kernel), linkOver(other, kernel)];
}

function linkOver(fd: number, kernel: (fd: number) => KernelSocket): SocketLink {
  const socket = new Socket({ fd, ...SOCKET_OPTIONS, readable: true, writable: true });
  const facts = linkFacts('unix', socket);
  if (facts === undefined) throw new Error('a unix socket without facts');
  const link = new SocketLink(socket, facts, kernel(fd));
  receiveFrom(socket, (chunk) => link.receive(chunk));
  return link;
}
