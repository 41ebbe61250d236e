/**
 * Cuts a stream of bytes into lines (PROTOCOL.md section 2).
 *
 *     … b y t e s … [CR] LF | … b y t e s … [CR] LF | not a whole line yet, or records after the switch
 *     └── taken by next() ──┘└── waiting ───────────┘└── rest()
 */
import type { Refusal } from './errors.ts';

/** Longest line in bytes, with its LF. */
export const MAX_LINE = 8192;

/** A buffer larger than this is given back as soon as it is empty. */
const KEEP = 65_536;
const LF = 0x0a;
const CR = 0x0d;
const NONE = new Uint8Array(0);

/** One line without its LF and without the one CR before it, or the news that it was longer than allowed. */
export type RawLine = { readonly kind: 'line'; readonly bytes: Uint8Array } | { readonly kind: 'too-long' };

/** What is to be answered to a line that is too long; the server then closes. */
export const LINE_TOO_LONG: Refusal = {
  reason: 'line-too-long',
  text: `a line has at most ${MAX_LINE} bytes with its line feed; closing`,
};

/**
 * Holds at most one unfinished line, and what was pushed in whole lines and not yet taken: who stops pushing while
 * lines wait (`held` > 0) bounds it by one read. After a line that is too long it is dead: it takes and gives nothing.
 */
export class LineSplitter {
  readonly #limit: number;
  #buffer: Uint8Array = NONE;
  #start = 0;
  #end = 0;
  /** Bytes before this index hold no LF. */
  #scanned = 0;
  #state: 'open' | 'too-long' | 'dead' = 'open';

  /** @param limit longest line in bytes with its LF; another than MAX_LINE is of use to clients only */
  constructor(limit: number = MAX_LINE) {
    this.#limit = limit;
  }

  /** Bytes that were pushed and not yet taken. */
  get held(): number {
    return this.#end - this.#start;
  }

  /** Takes a copy of the bytes. */
  push(chunk: Uint8Array): void {
    if (this.#state !== 'open' || chunk.length === 0) return;
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
    if (this.held >= this.#limit && this.#find() < 0) this.#overflow();
  }

  /** The next whole line, or undefined where there is none yet. The bytes are the caller's own. */
  next(): RawLine | undefined {
    if (this.#state === 'too-long') {
      this.#state = 'dead';
      return { kind: 'too-long' };
    }
    const lf = this.#find();
    if (lf < 0) {
      if (this.held < this.#limit) return undefined;
      this.#overflow();
      return this.next();
    }
    if (lf + 1 - this.#start > this.#limit) {
      this.#overflow();
      return this.next();
    }
    const end = lf > this.#start && this.#buffer[lf - 1] === CR ? lf - 1 : lf;
    const bytes = this.#buffer.slice(this.#start, end);
    this.#start = lf + 1;
    this.#scanned = this.#start;
    if (this.#start === this.#end) this.#clear();
    return { kind: 'line', bytes };
  }

  /** Takes out all that stands behind the last line taken; the splitter is empty afterwards. */
  rest(): Uint8Array {
    const bytes = this.#buffer.slice(this.#start, this.#end);
    this.#clear();
    return bytes;
  }

  #find(): number {
    const from = this.#scanned;
    const lf = this.#buffer.subarray(0, this.#end).indexOf(LF, from);
    this.#scanned = lf < 0 ? this.#end : lf;
    return lf;
  }

  #reserve(more: number): void {
    const held = this.held;
    if (this.#end + more <= this.#buffer.length) return;
    const fits = held + more <= this.#buffer.length;
    const target = fits ? this.#buffer : new Uint8Array(Math.max(512, 2 * held, held + more));
    target.set(this.#buffer.subarray(this.#start, this.#end), 0);
    this.#buffer = target;
    this.#scanned -= this.#start;
    this.#start = 0;
    this.#end = held;
  }

  #overflow(): void {
    this.#state = 'too-long';
    this.#buffer = NONE;
    this.#clear();
  }

  #clear(): void {
    if (this.#buffer.length > KEEP) this.#buffer = NONE;
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
  }
}
