/** What links over TCP get from the kernel past Node, by our addon. */
import { addon } from '../native.ts';
import type { NetworkOptions } from './network.ts';

/**
 * Most bytes of one wire that wait in the kernel unsent. Without a bound there are up to 4 MB (tcp_wmem), and every
 * frame stands in line behind them; what is under way to the other end, as the congestion window says, is not
 * counted, so a long fat line is filled all the same.
 */
const NOT_SENT_BYTES = 128 << 10;

/** Options of `realNetwork` for wires with little delay and little work. @throws Error when there is no addon */
export function kernelSockets(): Required<Pick<NetworkOptions, 'tune' | 'sendNow'>> {
  const { sendNow, setNotSentLowat } = addon();
  return { sendNow, tune: (fd) => setNotSentLowat(fd, NOT_SENT_BYTES) };
}
