import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Gathering, MUCH_BYTES } from '../gathering.ts';
import type { Link, LinkSink, PeerCertificate, TcpConnection, TcpFacts } from '../ports.ts';
import { MOST_WAITING_BYTES, UnsentBound } from './unsent-bound.ts';

/** More than this many unsent bytes, fewer on a slow line (unsent-bound.ts): `write` returns false. */
export const HIGH_WATER_BYTES = MOST_WAITING_BYTES;
/** Fewer than half as many unsent bytes after that: `drain`. */
export const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2;

/** A line that stood still looks endlessly slow, and goes on all of a sudden. */
const LONGEST_HOLD_BACK_MS = 20;

export interface LinkFacts {
  readonly scheme: 'tcp' | 'tls' | 'unix';
  readonly peer: string;
  readonly address: string;
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
  readonly connection?: TcpConnection | undefined;
}

/** What Node has no means for, of one socket. */
export interface KernelSocket {
  /** Undefined where it is no TCP socket. */
  facts(): TcpFacts | undefined;
  /** Bytes that the kernel was given and has not sent yet. */
  unsent(): number;
  /** Chooses its congestion control for a way of so many microseconds. */
  suit(lengthMicros: number): void;
  /** Gives bytes to the kernel without waiting. `more`: others follow at once. @returns how many it took */
  sendNow(bytes: Uint8Array, more: boolean): number;
  /** Has it readable from so many bytes on. */
  wakeFor(bytes: number): void;
  /** Lets no more than about so many bytes wait in the kernel unsent. */
  limitUnsent(bytes: number): void;
}

/**
 * A Link over a connected socket of node:net or node:tls that was made half-open. Whoever makes it passes what
 * the socket reads to `receive`; it takes care of everything else. It is made paused: nothing is read before
 * there is a sink.
 *
 * What TLS had deciphered already when `pause` was called, or came before there was a sink, is copied and held
 * (one read at most); `closed` with an error does not wait for a paused sink, an orderly `end` and `closed` do.
 */
export class SocketLink implements Link {
  readonly scheme: LinkFacts['scheme'];
  readonly peer: string;
  readonly address: string;
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
  readonly connection: TcpConnection | undefined;

  readonly #socket: Socket;
  #sink: LinkSink | undefined;
  /** What was read and not taken yet, in order. */
  readonly #held: Buffer[] = [];
  #paused = false;
  #end: 'open' | 'seen' | 'told' = 'open';
  #close: 'open' | 'seen' | 'told' = 'open';
  #destroyed = false;
  #error: Error | undefined;
  /** `write` returned false and `drain` has not followed yet. */
  #behind = false;
  /** Writes that Node has not called back for; while there are any, all others go behind them. */
  #queued = 0;
  readonly #sendNow: KernelSocket['sendNow'] | undefined;
  readonly #kernel: KernelSocket | undefined;
  readonly #gathering = new Gathering(() => performance.now(), {
    hold: () => this.#wakeFor(MUCH_BYTES),
    release: () => this.#wakeFor(1),
  });
  readonly #unsentBound: UnsentBound | undefined;
  /** Runs while more waits in the kernel than may on a slow line. */
  #holdBack: NodeJS.Timeout | undefined;
  /** What the kernel knew when the socket was about to be closed: its descriptor means another one after that. */
  #lastFacts: TcpFacts | undefined;

  /** @param kernel makes writes go straight to the kernel as long as it takes them whole, TLS aside */
  constructor(socket: Socket, facts: LinkFacts, kernel?: KernelSocket | undefined) {
    this.#socket = socket;
    this.#kernel = kernel;
    if (kernel) {
      if (facts.scheme !== 'tls') this.#sendNow = kernel.sendNow;
      this.#unsentBound = new UnsentBound(() => performance.now(), kernel.limitUnsent);
    }
    this.scheme = facts.scheme;
    this.peer = facts.peer;
    this.address = facts.address;
    this.loopback = facts.loopback;
    this.connection = facts.connection;
    if (facts.certificate) this.certificate = facts.certificate;
    beforeDestroyed(socket, () => {
      this.#lastFacts = kernel?.facts();
    });
    socket.pause();
    socket.on('end', () => {
      this.#end = 'seen';
      this.#deliver();
    });
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => {
      this.#close = 'seen';
      this.#deliver();
    });
  }

  tcpFacts(): TcpFacts | undefined {
    return this.#socket.destroyed ? this.#lastFacts : this.#kernel?.facts();
  }

  suit(lengthMicros: number): void {
    if (this.#socket.destroyed || this.#kernel === undefined) return;
    this.#gathering.lengthMicros = lengthMicros;
    this.#kernel.suit(lengthMicros);
  }

  get bytesPerMs(): number | undefined {
    return this.#unsentBound?.bytesPerMs;
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that the socket has read; valid during the call only. */
  receive(chunk: Buffer): void {
    if (this.#destroyed) return;
    if (this.#sink && !this.#paused && this.#held.length === 0) this.#sink.data(chunk);
    else this.#held.push(Buffer.from(chunk));
    this.#gathering.read(chunk.length);
  }

  attach(sink: LinkSink): void {
    this.#sink = sink;
    this.#flow();
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#flow();
  }

  write(chunk: Uint8Array, done?: () => void): boolean {
    if (!this.#socket.writable) return refused(done);
    this.#unsentBound?.count(chunk.length);
    const sent = this.#send(chunk, false);
    if (sent === chunk.length) done?.();
    else this.#queue(sent === 0 ? chunk : chunk.subarray(sent), done);
    return this.#keepsUp();
  }

  writeAll(chunks: readonly Uint8Array[], done?: () => void): boolean {
    const last = chunks.length - 1;
    if (last < 0 || !this.#socket.writable) return refused(done);
    for (let i = 0; i <= last; i++) {
      const chunk = chunks[i] as Uint8Array;
      this.#unsentBound?.count(chunk.length);
      const sent = this.#send(chunk, i < last);
      if (sent < chunk.length) {
        this.#queueAll(sent === 0 ? chunk : chunk.subarray(sent), chunks, i + 1, done);
        return this.#keepsUp();
      }
    }
    done?.();
    return this.#keepsUp();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#held.length = 0;
    this.#socket.destroy();
  }

  #mostWaiting(): number {
    return this.#unsentBound?.mostWaiting ?? HIGH_WATER_BYTES;
  }

  #countWait(): void {
    this.#unsentBound?.waits(this.#queued > 0 || this.#holdBack !== undefined);
  }

  /** On a slow line: whether too much waits in the kernel, and if so when to look again. Nobody tells of that. */
  #lookIntoKernel(): void {
    const most = this.#unsentBound?.tight;
    const rate = this.#unsentBound?.bytesPerMs;
    if (most === undefined || rate === undefined || this.#kernel === undefined) return;
    if (this.#holdBack !== undefined || this.#socket.destroyed) return;
    const unsent = this.#kernel.unsent();
    if (unsent < most) return;
    this.#behind = true;
    this.#holdBack = setTimeout(this.#lookAgain, Math.min((unsent - most / 2) / rate, LONGEST_HOLD_BACK_MS));
    this.#countWait();
  }

  readonly #lookAgain = (): void => {
    this.#holdBack = undefined;
    // Too late: it could have sent more.
    if (!this.#socket.destroyed && this.#kernel?.unsent() === 0) this.#unsentBound?.ranDry();
    this.#lookIntoKernel();
    this.#countWait();
    this.#relieve();
  };

  #keepsUp(): boolean {
    this.#lookIntoKernel();
    if (this.unsent > this.#mostWaiting()) this.#behind = true;
    return !this.#behind;
  }

  /** @returns how many bytes the kernel took at once; 0 when something waits before them */
  #send(chunk: Uint8Array, more: boolean): number {
    if (this.#sendNow === undefined || this.#queued > 0) return 0;
    return this.#sendNow(chunk, more);
  }

  #queue(chunk: Uint8Array, done: (() => void) | undefined): void {
    this.#queued++;
    this.#countWait();
    this.#socket.write(chunk, () => this.#written(done));
  }

  /** Queues `first` and the chunks from number `next` on. */
  #queueAll(
    first: Uint8Array,
    chunks: readonly Uint8Array[],
    next: number,
    done: (() => void) | undefined,
  ): void {
    if (next === chunks.length) {
      this.#queue(first, done);
      return;
    }
    this.#socket.cork();
    this.#socket.write(first);
    for (let i = next; i < chunks.length - 1; i++) this.#socket.write(chunks[i] as Uint8Array);
    this.#queue(chunks.at(-1) as Uint8Array, done);
    this.#socket.uncork();
  }

  #written(done: (() => void) | undefined): void {
    this.#queued--;
    this.#countWait();
    done?.();
    this.#relieve();
  }

  #relieve(): void {
    if (!this.#behind || !this.#sink || this.#socket.destroyed || this.#holdBack !== undefined) return;
    if (this.unsent > this.#mostWaiting() / 2) return;
    this.#behind = false;
    this.#sink.drain();
  }

  /** Never calls the sink before it has returned: its caller may be in the middle of something. */
  #flow(): void {
    if (!this.#sink || this.#paused) return;
    if (this.#held.length === 0 && this.#end !== 'seen' && this.#close !== 'seen' && !this.#behind) {
      this.#socket.resume();
    } else {
      process.nextTick(() => this.#deliver());
    }
  }

  /** Tells the sink what is due, in order. Each call may pause, destroy, or hand the link to another sink. */
  #deliver(): void {
    while (this.#takes() && this.#held.length > 0) this.#sink?.data(this.#held.shift() as Buffer);
    if (this.#takes() && this.#end === 'seen') {
      this.#end = 'told';
      this.#sink?.end();
    }
    this.#relieve();
    if (this.#close === 'seen' && this.#sink && this.#mayTellClosed()) {
      this.#close = 'told';
      this.#held.length = 0;
      this.#sink.closed(this.#error);
    } else if (this.#takes()) {
      this.#socket.resume();
    }
  }

  #wakeFor(bytes: number): void {
    if (!this.#socket.destroyed) this.#kernel?.wakeFor(bytes);
  }

  #takes(): boolean {
    return this.#sink !== undefined && !this.#paused && !this.#destroyed && this.#close !== 'told';
  }

  #mayTellClosed(): boolean {
    if (this.#destroyed || this.#error) return true;
    return this.#held.length === 0 && this.#end !== 'seen';
  }
}

/** A stream is told by `_destroy` that its end has come; the descriptor is closed in there. */
function beforeDestroyed(socket: Socket, look: () => void): void {
  const destroy = socket._destroy;
  socket._destroy = (error, callback) => {
    look();
    destroy.call(socket, error, callback);
  };
}

function refused(done: (() => void) | undefined): true {
  if (done) process.nextTick(done);
  return true;
}
