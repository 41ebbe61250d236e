/** Dials over TCP as `realNetwork` does, by links that can also be reset: the other end then sees ECONNRESET. */
import { connect } from 'node:net';
import { parseLinkUrl } from '../../io/net/address.ts';
import { linkFacts, SOCKET_OPTIONS } from '../../io/net/socket-facts.ts';
import { SocketLink } from '../../io/net/socket-link.ts';
import type { Link } from '../../io/ports.ts';

export interface ResettableLink extends Link {
  /** Ends both directions at once by a reset in place of an orderly end. */
  reset(): void;
}

/** @throws Error when the connection cannot be made */
export async function dialResettable(text: string): Promise<ResettableLink> {
  const url = parseLinkUrl(text);
  if (url.scheme !== 'tcp') throw new Error('only tcp:// can be reset');
  const socket = connect({ ...SOCKET_OPTIONS, host: url.host, port: url.port });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const facts = linkFacts('tcp', socket);
  if (facts === undefined) throw new Error(`${text} is gone already`);
  const link = new SocketLink(socket, facts);
  socket.on('data', (chunk: Buffer) => link.receive(chunk));
  return Object.assign(link, { reset: () => socket.resetAndDestroy() });
}
