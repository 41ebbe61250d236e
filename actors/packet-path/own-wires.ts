/**
 * The connections of a server that are wires, of all its Handlers: frames of theirs never cross one, since each that did
 * would make the wire send more of them, for ever.
 */
import type { Clock, Link } from '../../io/ports.ts';
import { type Connection, ConnectionTable } from '../../machines/frames/connections.ts';

/** How long the kernel may go on sending what a closed connection left it, in nanoseconds. */
const AFTERLIFE_NANOS = 120e9;

export class OwnWires {
  readonly #table = new ConnectionTable();
  /** Those that are over, by when. */
  readonly #over: { readonly connection: Connection; readonly at: number }[] = [];

  constructor(private readonly clock: Clock) {}

  /** It is one from now on. @returns what is to be called, once, when it is over */
  add({ connection }: Link): () => void {
    this.#forget();
    if (connection === undefined) return () => undefined;
    this.#table.add(connection);
    return () => void this.#over.push({ connection, at: this.clock.mono() });
  }

  /** Whether the frame in `[frame, end)` is one of theirs. */
  has(buffer: Buffer, frame: number, end: number): boolean {
    return this.#table.has(buffer, frame, end);
  }

  #forget(): void {
    const before = this.clock.mono() - AFTERLIFE_NANOS;
    while (this.#over[0] !== undefined && this.#over[0].at < before) {
      this.#table.delete(this.#over.shift()!.connection);
    }
  }
}
