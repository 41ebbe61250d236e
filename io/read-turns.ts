/**
 * How much one socket may hand over before the others have their turn.
 *
 * libuv reads a socket up to 32 times in a row as long as each read fills its buffer. A peer that always has more to
 * send, in small records, so keeps everything else of the process waiting for as long as all of that takes.
 */

/** Bytes of one read at most, and bytes after which a socket waits for the next turn of the event loop. */
export const TURN_BYTES = 64 << 10;
/** The same for a socket whose bytes are soon done with: fewer records then come in two pieces, and so are copied. */
export const MOST_TURN_BYTES = 256 << 10;
/** Bytes a millisecond from which on they are. Small records take ten times as long. */
const SOON_DONE = MOST_TURN_BYTES;

/** How much one socket may read at once, by what it took to do with the last full read. */
export class ReadSize {
  /** In bytes. */
  bytes = TURN_BYTES;

  /** @param milliseconds that it took to do with `bytes` that were read */
  took(bytes: number, milliseconds: number): void {
    if (bytes < this.bytes) return;
    this.bytes = bytes > milliseconds * SOON_DONE ? MOST_TURN_BYTES : TURN_BYTES;
  }
}

/** What of a net.Socket is needed to go on reading. */
interface Readable {
  readonly destroyed: boolean;
  isPaused(): boolean;
  resume(): unknown;
}

/**
 * For the callback of one socket's `onread`: counts what was read.
 * @param size how much it may read; TURN_BYTES when left out
 * @returns false after each so many bytes or a little more: the callback is to return that, so that Node stops reading; it
 *   goes on in the next turn unless the socket is paused then
 */
export function readTurns(
  socket: () => Readable | undefined,
  size: { readonly bytes: number } = { bytes: TURN_BYTES },
): (bytes: number) => boolean {
  let taken = 0;
  const goOn = (): void => {
    const stopped = socket();
    if (stopped !== undefined && !stopped.destroyed && !stopped.isPaused()) stopped.resume();
  };
  return (bytes) => {
    taken += bytes;
    if (taken < size.bytes) return true;
    taken = 0;
    setImmediate(goOn);
    return false;
  };
}
