import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from '../net/socket-link.ts';
import type { Clock, Link, LinkSink, PeerCertificate } from '../ports.ts';
import { POISON } from './batch.ts';
import { type Side, Wire, type WireEnd } from './wire.ts';

/** Bytes that the "kernels" of both ends hold for one direction. */
const WINDOW_BYTES = 256 * 1024;
const MOST_PER_READ = 64 * 1024;

export interface LinkFacts {
  readonly scheme: Link['scheme'];
  readonly peer: string;
  readonly address: string;
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
}

interface Pending {
  readonly bytes: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** What every link reads into: the bytes of one read are gone with the next. */
const readBuffer = Buffer.alloc(MOST_PER_READ);

/**
 * One end of a connection. It does what SocketLink does over a TCP socket of the kernel, on virtual time; the sink
 * is never called from within a call of the link's own methods.
 */
export class MemoryLink implements Link, WireEnd {
  readonly scheme: Link['scheme'];
  readonly peer: string;
  readonly address: string;
  readonly loopback: boolean;
  readonly certificate?: PeerCertificate;
  /** How many bytes the next read may give at most, 1..65536: for tests of every way to cut a stream. */
  readSize: () => number = () => MOST_PER_READ;

  #sink: LinkSink | undefined;
  #paused = false;
  #turnDue = false;
  /** Given to `write`, not yet taken by the kernel; `#taken` bytes of the first one are. */
  readonly #queue: Pending[] = [];
  #taken = 0;
  #unsent = 0;
  #window = WINDOW_BYTES;
  #behind = false;
  /** Callbacks of what was taken, or will never be. */
  readonly #done: (() => void)[] = [];
  #ourEnd: 'open' | 'asked' | 'sent' = 'open';
  /** Come and not read yet. */
  readonly #come: Buffer[] = [];
  #theirEnd: 'open' | 'come' | 'told' = 'open';
  #state: 'open' | 'destroyed' | 'broken' | 'closed' = 'open';
  #error: Error | undefined;

  constructor(
    private readonly clock: Clock,
    readonly wire: Wire,
    private readonly side: Side,
    facts: LinkFacts,
  ) {
    this.scheme = facts.scheme;
    this.peer = facts.peer;
    this.address = facts.address;
    this.loopback = facts.loopback;
    if (facts.certificate !== undefined) this.certificate = facts.certificate;
    wire.join(side, this);
  }

  get unsent(): number {
    return this.#unsent;
  }

  attach(sink: LinkSink): void {
    this.#sink = sink;
    this.#soon();
  }

  write(chunk: Uint8Array, done?: () => void): boolean {
    return this.writeAll([chunk], done);
  }

  writeAll(chunks: readonly Uint8Array[], done?: () => void): boolean {
    this.#soon();
    if (this.#state !== 'open' || this.#ourEnd !== 'open' || chunks.length === 0) {
      if (done !== undefined) this.#done.push(done);
      return true;
    }
    for (const [i, bytes] of chunks.entries()) {
      this.#queue.push({ bytes, done: i === chunks.length - 1 ? done : undefined });
      this.#unsent += bytes.length;
    }
    if (this.#unsent > HIGH_WATER_BYTES) this.#behind = true;
    return !this.#behind;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#soon();
  }

  end(): void {
    if (this.#ourEnd !== 'open') return;
    this.#ourEnd = 'asked';
    this.#soon();
  }

  destroy(): void {
    if (this.#state !== 'open') return;
    const unread = this.#come.length > 0;
    this.#give('destroyed');
    this.wire.send(this.side, (end) => (unread ? end.resetCame() : end.endCame()));
  }

  /** The machine at this end is switched off: nobody is told, here or there. What comes later is answered by a reset. */
  vanish(): void {
    if (this.#state !== 'open') return;
    this.#give('closed');
    this.#done.length = 0;
  }

  bytesCame(bytes: Buffer): void {
    if (this.#state === 'open') {
      this.#come.push(bytes);
      this.#soon();
    } else {
      this.wire.send(this.side, (end) => end.resetCame());
    }
  }

  endCame(): void {
    if (this.#state !== 'open' || this.#theirEnd !== 'open') return;
    this.#theirEnd = 'come';
    this.#soon();
  }

  resetCame(): void {
    if (this.#state !== 'open') return;
    this.#error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    this.#give('broken');
  }

  windowCame(bytes: number): void {
    this.#window += bytes;
    this.#soon();
  }

  /** Gives both directions up. What was taken for sending still goes out. */
  #give(state: 'destroyed' | 'broken' | 'closed'): void {
    this.#state = state;
    for (const { done } of this.#queue) if (done !== undefined) this.#done.push(done);
    this.#queue.length = 0;
    this.#unsent = 0;
    this.#come.length = 0;
    this.#soon();
  }

  #soon(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.clock.after(0, () => {
      this.#turnDue = false;
      this.#turn();
    });
  }

  /** One turn of the event loop: sends, then tells the sink of one thing; what else there is takes more turns. */
  #turn(): void {
    this.#send();
    for (const done of this.#done.splice(0)) done();
    if (this.#sink !== undefined && this.#state !== 'closed') this.#tell(this.#sink);
  }

  #tell(sink: LinkSink): void {
    const gone = this.#state !== 'open';
    if (gone || (!this.#paused && this.#theirEnd === 'told' && this.#ourEnd === 'sent')) {
      this.#state = 'closed';
      sink.closed(this.#error);
    } else if (this.#behind && this.#unsent < LOW_WATER_BYTES) {
      this.#behind = false;
      this.#soon();
      sink.drain();
    } else if (!this.#paused && this.#come.length > 0) {
      this.#read(sink);
    } else if (!this.#paused && this.#theirEnd === 'come') {
      this.#theirEnd = 'told';
      this.#soon();
      sink.end();
    }
  }

  #send(): void {
    while (this.#window > 0 && this.#queue.length > 0) {
      const { bytes, done } = this.#queue[0]!;
      const size = Math.min(bytes.length - this.#taken, this.#window, MOST_PER_READ);
      const piece = Buffer.from(bytes.subarray(this.#taken, this.#taken + size));
      this.#taken += size;
      this.#window -= size;
      this.#unsent -= size;
      if (size > 0) this.wire.send(this.side, (end) => end.bytesCame(piece), size);
      if (this.#taken < bytes.length) continue;
      this.#queue.shift();
      this.#taken = 0;
      if (done !== undefined) this.#done.push(done);
    }
    if (this.#state !== 'open' || this.#ourEnd !== 'asked' || this.#queue.length > 0) return;
    this.#ourEnd = 'sent';
    this.wire.send(this.side, (end) => end.endCame());
    this.#soon();
  }

  #read(sink: LinkSink): void {
    const most = Math.max(1, Math.min(MOST_PER_READ, Math.floor(this.readSize())));
    let filled = 0;
    while (filled < most && this.#come.length > 0) {
      const bytes = this.#come[0]!;
      const size = Math.min(bytes.length, most - filled);
      bytes.copy(readBuffer, filled, 0, size);
      filled += size;
      if (size === bytes.length) this.#come.shift();
      else this.#come[0] = bytes.subarray(size);
    }
    this.wire.send(this.side, (end) => end.windowCame(filled));
    this.#soon();
    try {
      sink.data(readBuffer.subarray(0, filled));
    } finally {
      readBuffer.fill(POISON, 0, filled);
    }
  }
}

/** Two ends of a new wire without a network around it. */
export function memoryLinkPair(
  clock: Clock,
  facts: Partial<LinkFacts> = {},
): { readonly a: MemoryLink; readonly b: MemoryLink; readonly wire: Wire } {
  const whole: LinkFacts = { scheme: 'memory', peer: 'memory', address: 'memory', loopback: true, ...facts };
  const wire = new Wire(clock);
  return { a: new MemoryLink(clock, wire, 'a', whole), b: new MemoryLink(clock, wire, 'b', whole), wire };
}
