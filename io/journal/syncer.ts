/**
 * fdatasync in a thread of the addon. libuv's pool would put it in one queue with scrypt, DNS and every other file,
 * and an fdatasync of a busy disk would hold one of the pool's four threads for long. A worker of Node's own would take
 * 10 MB for it.
 */
import { getSystemErrorMap } from 'node:util';
import { addon } from '../device/addon.ts';

export class Syncer {
  /** One at a time: a disk that hangs holds one thread. */
  #last: Promise<void> = Promise.resolve();
  #ended = false;

  /**
   * Resolves when everything that was written to the descriptor before the call is on the disk. The descriptor must
   * stay open until then. @throws Error (by the promise) what fdatasync says, that there is no thread, or that the log
   * is closed
   */
  sync(fd: number): Promise<void> {
    if (this.#ended) return Promise.reject(new Error('the log is closed'));
    const sync = this.#last.then(() => syncData(fd));
    this.#last = sync.catch(() => {
      // Whoever asked for that one is told; the next one has a fate of its own.
    });
    return sync;
  }

  /** Nothing is begun any more; resolves when what waits is done. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }
}

function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    addon().syncData(fd, (error) => (error === 0 ? resolve() : reject(syncError(error))));
  });
}

/** In the form that Node gives it: `EIO: i/o error, fdatasync`. */
function syncError(errno: number): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-errno) ?? ['UNKNOWN', `errno ${errno}`];
  return Object.assign(new Error(`${code}: ${text}, fdatasync`), {
    code,
    errno: -errno,
    syscall: 'fdatasync',
  });
}
