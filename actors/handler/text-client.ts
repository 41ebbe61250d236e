/**
 * The text phase as the dialling server leads it: lines out, one answer line each in. It touches no machine; what
 * comes of it goes to its owner as a value.
 */
import type { Link } from '../../io/ports.ts';
import { LineSplitter } from '../../machines/protocol/splitter.ts';
import { decodeLine } from '../../machines/protocol/tokens.ts';

/** What came instead of a line, or the line. */
export type Received =
  | { readonly kind: 'line'; readonly line: string }
  /** The other end sent what is no line of the protocol. */
  | { readonly kind: 'garbage'; readonly why: string }
  | { readonly kind: 'ended'; readonly why: string };

export class TextClient {
  readonly #splitter = new LineSplitter();
  readonly #encoder = new TextEncoder();
  #listener: ((heard: Received) => void) | undefined;
  #ended: string | undefined;
  #paused = false;

  constructor(readonly link: Link) {
    link.attach({
      data: (chunk) => {
        this.#splitter.push(chunk);
        this.#deliver();
        this.#throttle();
      },
      drain: () => undefined,
      end: () => this.#end('it ended the connection'),
      closed: (error) => this.#end(error?.message ?? 'the connection was closed'),
    });
  }

  say(line: string): void {
    this.link.write(this.#encoder.encode(`${line}\n`));
  }

  /** Calls once, with the next line. */
  listen(listener: (heard: Received) => void): void {
    this.#listener = listener;
    this.#deliver();
    this.#throttle();
  }

  /** Hands the link on; what stands behind the last line is binary. */
  release(): Uint8Array {
    this.#listener = undefined;
    const rest = this.#splitter.rest();
    this.#throttle();
    return rest;
  }

  abort(): void {
    this.#listener = undefined;
    this.link.destroy();
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#deliver();
  }

  /** What is sent unasked waits in the kernel: no more than one read of it is ever held here. */
  #throttle(): void {
    const pause = this.#listener === undefined && this.#splitter.held > 0;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.link.pause();
    else this.link.resume();
  }

  #deliver(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    const raw = this.#splitter.next();
    if (raw === undefined && this.#ended === undefined) return;
    this.#listener = undefined;
    if (raw === undefined) return listener({ kind: 'ended', why: this.#ended ?? '' });
    if (raw.kind === 'too-long') return listener({ kind: 'garbage', why: 'a line of more than 8,192 bytes' });
    const line = decodeLine(raw.bytes);
    listener(line.ok ? { kind: 'line', line: line.value } : { kind: 'garbage', why: line.refusal.text });
  }
}
