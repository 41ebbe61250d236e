import type { Link } from '../../../io/ports.ts';
import { type Answer, parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { LineSplitter } from '../../../machines/protocol/splitter.ts';
import { Failure } from '../cli/failures.ts';

/** Longest line in bytes that is taken: an EVENT may hold a checkpoint of thousands of actors. */
const LONGEST = 64 << 20;
/** Lines that wait before reading is paused. */
const MANY = 1024;

export type DataAnswer = Extract<Answer, { readonly kind: 'data' }>;
export type OkAnswer = Extract<Answer, { readonly kind: 'ok' }>;

/** An answer that went well. */
export interface Reply {
  readonly data: readonly DataAnswer[];
  readonly last: OkAnswer;
}

/** The server said ERR. */
export class Refused extends Failure {
  constructor(
    readonly line: string,
    readonly reason: string,
    next?: string,
  ) {
    super(1, line, next);
  }
}

/** The text phase of a connection, from a client's side: lines out, lines in. */
export class Conversation {
  readonly #link: Link;
  readonly #splitter = new LineSplitter(LONGEST);
  readonly #lines: string[] = [];
  #paused = false;
  #over: string | undefined;
  #interrupted = false;
  #wake: () => void = () => {};

  /** @param server the URL, for messages */
  constructor(
    link: Link,
    readonly server: string,
  ) {
    this.#link = link;
    link.attach({
      data: (chunk) => this.#take(chunk),
      drain: () => {},
      end: () => this.#finish('closed the connection'),
      closed: (error) => this.#finish(error === undefined ? 'closed the connection' : error.message),
    });
  }

  #take(chunk: Buffer): void {
    this.#splitter.push(chunk);
    for (let raw = this.#splitter.next(); raw !== undefined; raw = this.#splitter.next()) {
      if (raw.kind === 'too-long') return this.#finish(`sent a line longer than ${LONGEST} bytes`);
      this.#lines.push(Buffer.from(raw.bytes).toString('utf8'));
    }
    if (this.#lines.length > MANY && !this.#paused) {
      this.#paused = true;
      this.#link.pause();
    }
    this.#wake();
  }

  #finish(why: string): void {
    this.#over ??= why;
    this.#wake();
  }

  /** Makes the `next` that waits, or the next one that would wait, come back with nothing. */
  interrupt(): void {
    this.#interrupted = true;
    this.#wake();
  }

  /**
   * The next line; undefined when the server has said its last.
   * @param milliseconds how long to wait; undefined: for ever
   * @throws Failure (3) when that time is over
   */
  async next(milliseconds?: number): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        this.#resume();
        return line;
      }
      if (this.#over !== undefined || this.#interrupted) {
        this.#interrupted = false;
        return undefined;
      }
      await this.#more(milliseconds);
    }
  }

  #resume(): void {
    if (!this.#paused || this.#lines.length > 0) return;
    this.#paused = false;
    this.#link.resume();
  }

  #more(milliseconds: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new Failure(3, `${this.server} did not answer within ${milliseconds! / 1000} s`));
      const timer = milliseconds === undefined ? undefined : setTimeout(late, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Says a line. It may hold a secret: it is kept nowhere. */
  say(line: string): void {
    this.#link.write(Buffer.from(`${line}\n`, 'utf8'));
  }

  /**
   * Says a line and waits for its whole answer.
   * @throws Refused for ERR, Failure (3) when none comes
   */
  async ask(line: string, milliseconds: number): Promise<Reply> {
    this.say(line);
    return this.answer(milliseconds);
  }

  async answer(milliseconds: number): Promise<Reply> {
    const data: DataAnswer[] = [];
    for (;;) {
      const line = await this.next(milliseconds);
      if (line === undefined) throw this.cutShort();
      const answer = parseAnswerLine(line);
      if (answer.kind === 'ok') return { data, last: answer };
      if (answer.kind === 'err') throw new Refused(line, answer.reason);
      data.push(answer);
    }
  }

  /** The error for a server that went away in the middle. */
  cutShort(): Failure {
    return new Failure(3, `${this.server} ${this.#over ?? 'fell silent'} before it had answered`);
  }

  /** Says DONE and closes, without waiting long for a server that does not answer. */
  async done(): Promise<void> {
    try {
      if (this.#over === undefined) await this.ask('DONE', 1000);
    } catch {
      // It owes us nothing any more.
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#link.destroy();
  }
}
