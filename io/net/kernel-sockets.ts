/** What the sockets of our links get from the kernel past Node, by our addon. */
import { addon, type SystemError } from '../device/addon.ts';
import { type AskedCongestion, type Congestion, decideCongestion, WireCongestion } from './congestion.ts';
import type { KernelSocket } from './socket-link.ts';

/** Of a unix socket, and of a kernel without TCP_NOTSENT_LOWAT (before 3.12): its own bound holds. */
const UNKNOWN_OPTION = ['ENOTSUP', 'ENOPROTOOPT'];

export interface KernelSocketOptions {
  readonly congestion: Congestion;
  /** Told, once, why the kernel refuses to bound what waits unsent though it knows how to. */
  unbounded(why: SystemError): void;
  /** Told, once, why the kernel does not give the congestion control that it would have given at the start. */
  refused(why: Error): void;
}

/** What the sockets of this process may have. @throws Error, as `decideCongestion` */
export function congestionFor(asked: AskedCongestion, longMicros: number): Congestion {
  return decideCongestion(asked, longMicros, addon().probeCongestion);
}

/** For `realNetwork`: wires with little work and little delay. @throws Error when there is no addon */
export function kernelSockets(options: KernelSocketOptions): (fd: number) => KernelSocket {
  const { sendNow, setCongestion, setNotSentLowat, setReceiveLowat, tcpInfo, unsentBytes } = addon();
  const told = { unbounded: false, refused: false };
  const refused = (why: Error) => {
    if (told.refused) return;
    told.refused = true;
    options.refused(why);
  };
  return (fd) => {
    const port = { set: (name: string) => setCongestion(fd, name), get: () => tcpInfo(fd)?.congestion };
    const congestion = new WireCongestion(options.congestion, port, refused);
    return {
      sendNow: (bytes, more) => sendNow(fd, bytes, more),
      facts: () => tcpInfo(fd),
      unsent: () => unsentBytes(fd),
      wakeFor: (bytes) => setReceiveLowat(fd, bytes),
      suit: (lengthMicros) => congestion.suit(lengthMicros),
      limitUnsent(bytes) {
        try {
          setNotSentLowat(fd, bytes);
        } catch (cause) {
          const why = cause as SystemError;
          if (told.unbounded || UNKNOWN_OPTION.includes(why.code)) return;
          told.unbounded = true;
          options.unbounded(why);
        }
      },
    };
  };
}
