import type { Socket } from 'node:net';

export interface HandshakeLimits {
  /** A handshake that takes longer is cut off, however busy it is. */
  readonly timeoutMs: number;
  /** At most so many at once; the oldest makes room. */
  readonly total: number;
  /** At most so many of one address; the newest is cut off. */
  readonly perAddress: number;
}

/** PROTOCOL.md gives a session 10 s to say HELLO; a handshake gets no more. */
export const HANDSHAKE_LIMITS: HandshakeLimits = { timeoutMs: 10_000, total: 256, perAddress: 16 };

interface Entry {
  readonly socket: Socket;
  readonly address: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * TLS handshakes under way on one listener. Nobody above knows these connections yet, so nothing above can limit
 * them: sockets that never say a word would pile up here.
 */
export class Handshakes {
  /** In order of arrival, by the other end's `address port`. */
  readonly #open = new Map<string, Entry>();
  readonly #perAddress = new Map<string, number>();

  constructor(readonly limits: HandshakeLimits = HANDSHAKE_LIMITS) {}

  get size(): number {
    return this.#open.size;
  }

  /** Counts a connection until `done` or its close. @returns false when it was cut off instead */
  begin(socket: Socket): boolean {
    const address = socket.remoteAddress;
    if (address === undefined || (this.#perAddress.get(address) ?? 0) >= this.limits.perAddress) {
      socket.destroy();
      return false;
    }
    if (this.#open.size >= this.limits.total) this.#dropOldest();
    const key = keyOf(socket);
    const timer = setTimeout(() => socket.destroy(), this.limits.timeoutMs);
    this.#open.set(key, { socket, address, timer });
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.#forget(key, socket));
    return true;
  }

  /** The handshake on this connection is finished. `socket` may be the TLS socket over it. */
  done(socket: Socket): void {
    this.#forget(keyOf(socket));
  }

  closeAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  #dropOldest(): void {
    const oldest = this.#open.entries().next().value;
    if (!oldest) return;
    this.#forget(oldest[0]);
    oldest[1].socket.destroy();
  }

  #forget(key: string, socket?: Socket): void {
    const entry = this.#open.get(key);
    if (!entry || (socket && entry.socket !== socket)) return;
    clearTimeout(entry.timer);
    this.#open.delete(key);
    const left = (this.#perAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(entry.address, left);
    else this.#perAddress.delete(entry.address);
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
