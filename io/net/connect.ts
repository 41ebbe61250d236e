/** TCP connections to a host that has several addresses (RFC 8305): the first that stands is taken. */
import { connect, isIPv6, type Socket } from 'node:net';
import { onRead, type Receive } from './read-buffer.ts';
import { SOCKET_OPTIONS } from './socket-facts.ts';

/** RFC 8305, section 8, Connection Attempt Delay. */
const NEXT_AFTER_MS = 250;

/** An address that could not be reached. */
export interface FailedAttempt {
  readonly address: string;
  readonly error: NodeJS.ErrnoException;
}

/** None of the addresses could be reached. */
export class NoAddress extends Error {
  constructor(readonly attempts: readonly FailedAttempt[]) {
    super('no address could be reached');
  }
}

/**
 * Tries the addresses one after the other, each 250 ms after the one before or as soon as that has failed; the earlier
 * ones run on. The socket is paused: nothing is read before somebody resumes it. What it reads is given to `receive`,
 * if there is one, else it comes by 'data' events.
 * @param addresses at least one
 * @throws NoAddress, the signal's reason
 */
export function connectFirst(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
  receive?: Receive,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = interleaved(addresses);
    const attempts = new Set<Socket>();
    const failed: FailedAttempt[] = [];
    let timer: NodeJS.Timeout | undefined;
    const finish = (winner?: Socket) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      for (const socket of attempts) if (socket !== winner) socket.destroy();
    };
    const onAbort = () => {
      finish();
      reject(signal.reason);
    };
    const next = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (attempts.size > 0) return;
        finish();
        reject(new NoAddress(failed));
        return;
      }
      if (waiting.length > 0) timer = setTimeout(next, NEXT_AFTER_MS);
      const socket = attempt(address, port, receive);
      attempts.add(socket);
      let lost = false;
      // Heard for ever: what is given up may fail later.
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (lost || !attempts.delete(socket)) return;
        lost = true;
        failed.push({ address, error });
        next();
      });
      socket.once('connect', () => {
        if (lost || signal.aborted) return;
        finish(socket);
        attempts.clear();
        resolve(socket);
      });
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    next();
  });
}

function attempt(address: string, port: number, receive: Receive | undefined): Socket {
  const onread = receive === undefined ? {} : { onread: onRead(receive, () => socket) };
  const socket: Socket = connect({ ...SOCKET_OPTIONS, host: address, port, ...onread }).pause();
  return socket;
}

/** The two families by turns, the first address's family first (RFC 8305, section 4). */
export function interleaved(addresses: readonly string[]): string[] {
  const first = isIPv6(addresses[0] ?? '');
  const mine = addresses.filter((address) => isIPv6(address) === first);
  const other = addresses.filter((address) => isIPv6(address) !== first);
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(mine.length, other.length); i++) {
    mixed.push(...mine.slice(i, i + 1), ...other.slice(i, i + 1));
  }
  return mixed;
}
