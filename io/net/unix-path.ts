import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';

/** Mode of a unix socket when nothing else is asked for: its owner alone. */
export const UNIX_MODE = 0o600;

/**
 * Makes room for a socket file: takes away one that a server left behind when it was killed.
 * @throws Error when somebody answers on it, or when it is not a socket
 */
export async function clearStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // libuv reports a missing directory as "permission denied".
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

/** Binds with the mode from the first moment on: there is no instant at which others could connect. */
export function listenWithMode(server: Server, path: string, mode: number): void {
  const before = process.umask(0o777 & ~mode);
  try {
    server.listen({ path });
  } finally {
    process.umask(before);
  }
  server.once('listening', () => chmodSync(path, mode));
}
