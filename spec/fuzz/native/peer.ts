/** The other end of a server's connection, in the hands of one who means no good: lines, then records, and no manners. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  BYE,
  encodePing,
  HEADER_BYTES,
  PING,
  PONG,
  payloadLength,
} from '../../../machines/frames/records.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

/** How long a server may take that runs with the sanitizers, on a machine that does other things. */
const PATIENCE = 20_000;

export class Peer {
  /** The server ended the connection, or broke it. */
  ended = false;
  /** The reason word of its BYE. */
  bye: string | undefined;
  #state: 'lines' | 'beginning' | 'records' = 'lines';
  #held: Buffer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  readonly #pongs = new Set<string>();
  #tokens = 0;

  constructor(scheme: 'tcp' | 'tls', port: number) {
    this.#socket =
      scheme === 'tls'
        ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
        : connectTcp({ host: '127.0.0.1', port });
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('error', () => undefined);
    for (const event of ['end', 'close']) {
      this.#socket.on(event, () => {
        this.ended = true;
      });
    }
  }

  /** Says a line. @returns the last line of the answer @throws DeadlineError */
  async ask(line: string): Promise<string> {
    return (await this.askAll(line)).last;
  }

  /** Says a line. @throws DeadlineError */
  async askAll(line: string): Promise<{ readonly data: readonly string[]; readonly last: string }> {
    this.#socket.write(`${line}\n`);
    const data: string[] = [];
    for (;;) {
      const next = await this.#nextLine(line);
      if (/^(OK|ERR)\b/.test(next)) return { data, last: next };
      data.push(next);
    }
  }

  /** The line that is said to who connects. @throws DeadlineError */
  greeting(): Promise<string> {
    return this.#nextLine('the connection');
  }

  #nextLine(to: string): Promise<string> {
    return waitUntil(
      () => {
        const line = this.#lines.shift();
        if (line === undefined && this.ended) throw new Error('the connection has ended');
        return line;
      },
      { what: `an answer to ${to}`, deadline: PATIENCE, every: 2 },
    );
  }

  /** Says BEGIN. Behind its OK come records. @returns the answer @throws DeadlineError */
  async begin(line: string): Promise<string> {
    this.#state = 'beginning';
    return this.ask(line);
  }

  /** Sends bytes in pieces of at most `most`. */
  send(bytes: Buffer, most: number): void {
    for (let at = 0; at < bytes.length; at += most) {
      if (!this.#socket.destroyed) this.#socket.write(bytes.subarray(at, at + most));
    }
  }

  /** Waits until all that was sent before has been looked at. @returns false when the connection ended meanwhile */
  async isRead(): Promise<boolean> {
    const token = Buffer.alloc(8);
    token.writeUInt32BE(++this.#tokens);
    const name = token.toString('hex');
    this.#socket.resume();
    this.send(encodePing(PING, token), 100);
    return waitUntil(() => (this.#pongs.has(name) ? 'yes' : this.ended ? 'no' : undefined), {
      what: 'the PONG behind all that was sent',
      deadline: PATIENCE,
      every: 2,
    }).then((answer) => answer === 'yes');
  }

  /** Reads nothing more until it asks whether it was heard. */
  stopReading(): void {
    this.#socket.pause();
  }

  end(): void {
    this.#socket.resume();
    this.#socket.end();
  }

  /** Goes away without a word. */
  reset(): void {
    this.#socket.destroy();
  }

  async over(what: string): Promise<void> {
    this.#socket.resume();
    await waitUntil(() => this.ended, { what, deadline: PATIENCE, every: 2 });
  }

  #take(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    let at = 0;
    for (let next = this.#next(at); next > at; next = this.#next(at)) at = next;
    this.#held = this.#held.subarray(at);
  }

  /** Takes the line or record that begins there. @returns where it ends; the same place when it is not whole */
  #next(at: number): number {
    if (this.#state === 'records') return this.#record(at);
    const end = this.#held.indexOf(0x0a, at);
    if (end < 0) return at;
    const line = this.#held.toString('utf8', at, end);
    this.#lines.push(line);
    if (this.#state === 'beginning') this.#state = line.startsWith('OK') ? 'records' : 'lines';
    return end + 1;
  }

  #record(at: number): number {
    if (this.#held.length - at < HEADER_BYTES) return at;
    const payload = at + HEADER_BYTES;
    const end = payload + payloadLength(this.#held, at);
    if (end > this.#held.length) return at;
    const type = this.#held[at];
    if (type === PONG) this.#pongs.add(this.#held.toString('hex', payload, end));
    if (type === BYE) this.bye = this.#held.toString('utf8', payload, end);
    return end;
  }
}
