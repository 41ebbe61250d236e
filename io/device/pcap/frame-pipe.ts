/**
 * The child's end of the frames' pipe. All of it is synchronous, because the library reads frames in a loop that
 * may hold the event loop for as long as frames come: in there a frame must still get out, one to inject must get
 * in, and the end of the parent must be seen.
 */
import { readSync, writeSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { readTurns, TURN_BYTES } from '../../read-turns.ts';
import {
  HEADER_BYTES,
  LONGEST_RECORD,
  payloadLength,
  putHeader,
  TYPE_FRAME,
  TYPE_OFFLOAD,
} from './records.ts';

const OUT_BYTES = 256 * 1024;
const IN_BYTES = 256 * 1024;
/** Longest sleep, in ms, between two looks at a pipe that is full. */
const LONGEST_SLEEP = 4;

export interface FramePipeSink {
  /** One frame to inject, valid during the call. */
  inject(frame: Buffer): void;
  /** The pipe is full and the process sleeps a little: housekeeping that cannot wait for the event loop. */
  waiting(): void;
  /** The parent is no more, or writes what is no record. */
  ended(): void;
}

export class FramePipe {
  readonly #out = Buffer.allocUnsafeSlow(OUT_BYTES);
  #outEnd = 0;
  /** What was read and not injected yet; after each read that is less than a record, so there is always room. */
  readonly #in = Buffer.allocUnsafeSlow(IN_BYTES);
  #inEnd = 0;
  /** Where the event loop reads to. */
  readonly #read = Buffer.allocUnsafeSlow(TURN_BYTES);
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));

  constructor(
    private readonly fd: number,
    private readonly sink: FramePipeSink,
  ) {
    const turns = readTurns(() => socket);
    const callback = (bytes: number): boolean => {
      // Node asks for the place of a read when the one before is done; `poll` moves the end meanwhile. So it is copied.
      this.#read.copy(this.#in, this.#inEnd, 0, bytes);
      this.#took(bytes);
      return turns(bytes);
    };
    const options = { fd, readable: true, writable: false, onread: { buffer: this.#read, callback } };
    const socket: Socket = new Socket(options as SocketConstructorOpts);
    socket.on('end', () => this.sink.ended());
    socket.on('error', () => this.sink.ended());
    socket.on('close', () => this.sink.ended());
  }

  /** Whether nothing waits to be flushed. */
  get empty(): boolean {
    return this.#outEnd === 0;
  }

  /** Puts a frame, with its virtio header if it has one, behind those that wait; flushes first when it has no room. */
  push(source: Buffer, length: number, header?: Buffer): void {
    const payload = (header?.length ?? 0) + length;
    if (OUT_BYTES - this.#outEnd < HEADER_BYTES + payload) {
      this.flush();
      this.poll();
    }
    putHeader(this.#out, this.#outEnd, header === undefined ? TYPE_FRAME : TYPE_OFFLOAD, payload);
    this.#outEnd += HEADER_BYTES;
    if (header !== undefined) this.#outEnd += header.copy(this.#out, this.#outEnd);
    this.#outEnd += source.copy(this.#out, this.#outEnd, 0, length);
  }

  /** Writes all that waits, and sleeps while the parent does not read: the kernel's ring fills and drops then. */
  flush(): void {
    let start = 0;
    let sleep = 0.125;
    while (start < this.#outEnd) {
      const written = this.#write(start);
      if (written > 0) {
        start += written;
        sleep = 0.125;
      } else {
        this.poll();
        this.sink.waiting();
        Atomics.wait(this.#sleeper, 0, 0, sleep);
        sleep = Math.min(sleep * 2, LONGEST_SLEEP);
      }
    }
    this.#outEnd = 0;
  }

  /** Injects what the parent has written meanwhile. */
  poll(): void {
    try {
      const bytes = readSync(this.fd, this.#in, this.#inEnd, IN_BYTES - this.#inEnd, null);
      if (bytes === 0) this.sink.ended();
      this.#took(bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.sink.ended();
    }
  }

  #write(start: number): number {
    try {
      return writeSync(this.fd, this.#out, start, this.#outEnd - start);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.sink.ended(); // EPIPE
      return 0;
    }
  }

  #took(bytes: number): void {
    this.#inEnd += bytes;
    let offset = 0;
    while (this.#inEnd - offset >= HEADER_BYTES) {
      const length = payloadLength(this.#in, offset);
      if (HEADER_BYTES + length > LONGEST_RECORD) this.sink.ended();
      const next = offset + HEADER_BYTES + length;
      if (next > this.#inEnd) break;
      this.sink.inject(this.#in.subarray(offset + HEADER_BYTES, next));
      offset = next;
    }
    if (offset > 0) this.#in.copyWithin(0, offset, this.#inEnd);
    this.#inEnd -= offset;
  }
}
