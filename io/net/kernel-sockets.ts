/** What the sockets of our links get from the kernel past Node, by our addon. */
import { addon, type SystemError } from '../device/addon.ts';
import type { KernelSocket } from './socket-link.ts';

/** Of a unix socket, and of a kernel without TCP_NOTSENT_LOWAT (before 3.12): its own bound holds. */
const UNKNOWN_OPTION = ['ENOTSUP', 'ENOPROTOOPT'];

/**
 * For `realNetwork`: wires with little work and little delay. `unbounded` is told, once, why the kernel refuses to bound
 * what waits unsent though it knows how to. @throws Error when there is no addon
 */
export function kernelSockets(unbounded: (why: SystemError) => void): (fd: number) => KernelSocket {
  const { sendNow, setNotSentLowat, tcpInfo } = addon();
  let told = false;
  return (fd) => ({
    sendNow: (bytes, more) => sendNow(fd, bytes, more),
    leastRttMicros: () => tcpInfo(fd)?.leastRttMicros || undefined,
    limitUnsent(bytes) {
      try {
        setNotSentLowat(fd, bytes);
      } catch (cause) {
        const why = cause as SystemError;
        if (told || UNKNOWN_OPTION.includes(why.code)) return;
        told = true;
        unbounded(why);
      }
    },
  });
}
