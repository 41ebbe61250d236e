/** What the sockets of our links get from the kernel past Node, by our addon. */
import { addon } from '../native.ts';
import type { KernelSocket } from './socket-link.ts';

/** For `realNetwork`: wires with little work and little delay. @throws Error when there is no addon */
export function kernelSockets(): (fd: number) => KernelSocket {
  const { sendNow, setNotSentLowat } = addon();
  return (fd) => ({
    sendNow: (bytes, more) => sendNow(fd, bytes, more),
    limitUnsent(bytes) {
      try {
        setNotSentLowat(fd, bytes);
      } catch {
        // A unix socket, or a kernel without TCP_NOTSENT_LOWAT: its own bound holds.
      }
    },
  });
}
