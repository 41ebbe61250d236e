/**
 * How much one socket may hand over before the others have their turn.
 *
 * libuv reads a socket up to 32 times in a row as long as each read fills its buffer. A peer that always has more to
 * send, in small records, so keeps everything else of the process waiting for as long as all of that takes.
 */

/** Bytes of one read at most, and bytes after which a socket waits for the next turn of the event loop. */
export const TURN_BYTES = 64 << 10;

/** What of a net.Socket is needed to go on reading. */
interface Readable {
  readonly destroyed: boolean;
  isPaused(): boolean;
  resume(): unknown;
}

/**
 * For the callback of one socket's `onread`: counts what was read.
 * @returns false after each TURN_BYTES or a little more: the callback is to return that, so that Node stops reading; it
 *   goes on in the next turn unless the socket is paused then
 */
export function readTurns(socket: () => Readable | undefined): (bytes: number) => boolean {
  let taken = 0;
  const goOn = (): void => {
    const stopped = socket();
    if (stopped !== undefined && !stopped.destroyed && !stopped.isPaused()) stopped.resume();
  };
  return (bytes) => {
    taken += bytes;
    if (taken < TURN_BYTES) return true;
    taken = 0;
    setImmediate(goOn);
    return false;
  };
}
