/**
 * A socket file to listen on. libuv takes the file of a unix socket away when it closes it, whosever file that is by
 * then: a server that ends would take away its successor's. Here the file goes only when it is still the one that was made.
 */
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { addon } from '../device/addon.ts';
import { SOCKET_OPTIONS } from './socket-facts.ts';

/** Mode of a unix socket when nothing else is asked for: its owner alone. */
export const UNIX_MODE = 0o600;

/** How often it is looked whether the file is still there. */
const LOOK_EVERY_MS = 2_000;

/** What became of the file while the server ran. */
export type SocketNews =
  /** It was deleted, and has been made again. */
  | { readonly kind: 'made-again' }
  /** It was deleted, and cannot be made again for now. Told once. */
  | { readonly kind: 'lost'; readonly why: string }
  /** Another file stands in its place. Told once. */
  | { readonly kind: 'replaced' };

export interface SocketEvents {
  connection(socket: Socket): void;
  failed(error: Error): void;
  news(news: SocketNews): void;
}

export class UnixSocket {
  #server: Server | undefined;
  #file: string | undefined;
  #told: SocketNews['kind'] | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly path: string,
    private readonly mode: number,
    private readonly events: SocketEvents,
  ) {}

  /** @throws Error when somebody answers there, when the path is another file's, or with `code` as of bind(2) */
  static async open(path: string, mode: number, events: SocketEvents): Promise<UnixSocket> {
    await clearStale(path);
    const socket = new UnixSocket(path, mode, events);
    await socket.#make();
    socket.#timer = setInterval(() => socket.#look(), LOOK_EVERY_MS).unref();
    return socket;
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#server === undefined) return;
    if (identity(this.path) === this.#file) unlinkSync(this.path);
    this.#server.close();
    this.#server = undefined;
  }

  async #make(): Promise<void> {
    const fd = addon().bindUnix(this.path, this.mode);
    const file = identity(this.path);
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ fd }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('connection', this.events.connection).on('error', this.events.failed);
    this.#server?.close();
    this.#server = server;
    this.#file = file;
  }

  #look(): void {
    const now = identity(this.path);
    if (now === this.#file) this.#told = undefined;
    else if (now !== undefined) this.#tell({ kind: 'replaced' });
    else {
      this.#make().then(
        () => this.events.news({ kind: 'made-again' }),
        (error: Error) => this.#tell({ kind: 'lost', why: error.message }),
      );
    }
  }

  #tell(news: SocketNews): void {
    if (this.#told === news.kind) return;
    this.#told = news.kind;
    this.events.news(news);
  }
}

/** Which file it is; undefined when there is none. */
function identity(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // A number of an inode is used again at once; the moment of its making is not.
  return stat && `${stat.dev} ${stat.ino} ${stat.birthtimeNs}`;
}

/**
 * Makes room for a socket file: takes away one that a server left behind when it was killed.
 * @throws Error when somebody answers on it, or when it is not a socket
 */
async function clearStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat && !existsSync(dirname(path))) {
    throw new Error(`cannot listen on unix://${path}: the directory ${dirname(path)} does not exist`);
  }
  if (!stat) return;
  if (!stat.isSocket())
    throw new Error(`cannot listen on unix://${path}: it is there already and is not a socket`);
  const answer = await knock(path);
  if (answer === 'answered') {
    throw new Error(`cannot listen on unix://${path}: another server answers there`);
  }
  if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') {
    throw new Error(
      `cannot listen on unix://${path}: cannot tell whether a server answers there (${answer})`,
    );
  }
  if (answer === 'ECONNREFUSED') unlinkSync(path);
}

function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve('answered');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
