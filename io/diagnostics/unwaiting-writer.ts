/**
 * Lines for somebody who may not read them, or on a disk that may be full. Nothing here throws or waits: what cannot be
 * written now is kept for a while, up to a bound, and then dropped and counted.
 */
import type { Take } from './descriptor.ts';

/** Bytes that may wait. */
const MOST_WAITING = 16 * 1024;
const RETRY_MS = 100;
/** How long the end of the process waits for a reader that is only slow, and how often it looks. */
const FAREWELL_MS = 250;
const FAREWELL_STEP_MS = 5;

export class UnwaitingWriter {
  readonly #take: Take;
  readonly #recovered: (dropped: number) => void;
  /** Lines in order; of the first one part may be gone already. */
  #waiting: Buffer[] = [];
  #bytes = 0;
  /** Part of a line was written whose rest is lost: the next one has to begin on a line of its own. */
  #torn = false;
  #begun = false;
  #dropped = 0;
  #told = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param recovered told when something was written again after lines were dropped: of all that were since the start */
  constructor(take: Take, recovered: (dropped: number) => void = () => undefined) {
    this.#take = take;
    this.#recovered = recovered;
  }

  /** Lines that nobody will see. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line with its LF */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#bytes > 0 && this.#bytes + bytes.length > MOST_WAITING) this.#flush();
    if (this.#bytes > 0 && this.#bytes + bytes.length > MOST_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    this.#flush();
  }

  /** For the end of the process: waits a moment for a reader that is slow, and for no other. */
  end(): void {
    clearTimeout(this.#timer);
    const rest = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; !this.#flush() && waited < FAREWELL_MS; waited += FAREWELL_STEP_MS)
      Atomics.wait(rest, 0, 0, FAREWELL_STEP_MS);
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
    this.#bytes = 0;
  }

  /** Writes what waits. @returns whether nothing does any more */
  #flush(): boolean {
    for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
      const rest = this.#write(line);
      if (rest === undefined) {
        this.#shift(line.length);
        continue;
      }
      this.#waiting[0] = rest;
      this.#bytes -= line.length - rest.length;
      this.#retryLater();
      return false;
    }
    return true;
  }

  #shift(bytes: number): void {
    this.#waiting.shift();
    this.#bytes -= bytes;
  }

  /** @returns what is left of the line and has to wait; undefined when it is written, or dropped */
  #write(line: Buffer): Buffer | undefined {
    let rest = line;
    try {
      if (this.#torn) {
        if (this.#take(LF) === 0) return rest;
        this.#torn = false;
      }
      while (rest.length > 0) {
        const taken = this.#take(rest);
        if (taken === 0) return rest;
        this.#begun = taken < rest.length;
        rest = rest.subarray(taken);
      }
    } catch {
      // A full disk, a reader that went away: there is nobody to tell but who asks for the count.
      this.#dropped++;
      this.#torn ||= this.#begun;
      this.#begun = false;
      return undefined;
    }
    this.#tellRecovered();
    return undefined;
  }

  #tellRecovered(): void {
    if (this.#told === this.#dropped) return;
    this.#told = this.#dropped;
    // Behind the lines that wait, and not from within the loop that writes them.
    queueMicrotask(() => this.#recovered(this.#told));
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, RETRY_MS).unref();
  }
}

const LF = Buffer.from('\n');
