/** One connection to the server under test, from either end: what was sent, what came, and how it ended. */
import type { Link } from '../../../io/ports.ts';
import { type Answer, parseAnswerLine } from '../../../machines/protocol/answers.ts';
import { decodeLine } from '../../../machines/protocol/tokens.ts';
import type { Endurance } from './endurance.ts';
import { Nonconformity } from './nonconformity.ts';

/** The whole answer to one line. */
export interface WholeAnswer {
  /** Data lines as they came. */
  readonly data: readonly string[];
  readonly last: string;
  readonly parsed: Exclude<Answer, { readonly kind: 'data' }>;
}

export type Ended = 'open' | 'end' | 'gone';

const LF = 0x0a;
/** Of a long talk the end is told. */
const MOST_TOLD = 60;
/** Longest line and longest record that are waited for; a server that sends more is wrong. */
const MOST_HELD = 64 << 20;

export class Talk {
  /** `> line sent`, `< line received`, oldest first; secrets are left out. */
  readonly story: string[] = [];
  #held: Buffer = Buffer.alloc(0);
  #ended: Ended = 'open';
  #error: Error | undefined;
  #ours: 'open' | 'ended' | 'destroyed' = 'open';
  #wake: () => void = () => {};

  /** @param endurance how long an answer may take before the server counts as silent */
  constructor(
    readonly link: Link,
    private readonly endurance: Endurance,
    readonly name = 'client',
  ) {
    link.attach({
      data: (chunk) => this.#take(chunk),
      drain: () => {},
      end: () => this.#finish('end'),
      closed: (error) => {
        this.#error ??= error;
        this.#finish('gone');
      },
    });
  }

  /** How the other end's direction stands. */
  get ended(): Ended {
    return this.#ended;
  }

  /** Bytes that came and were not read yet. */
  get held(): number {
    return this.#held.length;
  }

  // ── Out ──

  /** Says a line. `shown` takes its place in the story where it holds a secret. */
  say(line: string, shown = line): void {
    this.#note(`> ${shown}`);
    this.#write(Buffer.from(`${line}\n`, 'utf8'));
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array | string, shown: string): void {
    this.#note(`> ${shown}`);
    this.#write(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
  }

  /** Ends our direction; theirs stays open. */
  end(): void {
    if (this.#ours !== 'open') return;
    this.#ours = 'ended';
    this.#note('> (end of stream)');
    this.link.end();
  }

  /** Drops the connection at once. */
  cut(): void {
    if (this.#ours === 'destroyed') return;
    this.#ours = 'destroyed';
    this.#note('> (connection dropped)');
    this.link.destroy();
  }

  /** Resets the connection where the link can, else drops it. */
  reset(): void {
    const { reset } = this.link as { reset?: () => void };
    if (reset === undefined) return this.cut();
    this.#ours = 'destroyed';
    this.#note('> (connection reset)');
    reset.call(this.link);
  }

  // ── In ──

  /** The next line without its LF. @throws Nonconformity when none comes */
  async line(what = 'a line'): Promise<string> {
    const end = await this.#until(() => {
      const at = this.#held.indexOf(LF);
      return at < 0 ? undefined : at;
    }, what);
    const bytes = this.#consume(end + 1).subarray(0, end);
    const text = decodeLine(bytes);
    if (!text.ok) throw new Nonconformity(`${what} in UTF-8`, bytes.toString('hex'));
    this.#note(`< ${text.value}`);
    return text.value;
  }

  /** One whole answer: data lines and its last line. EVENT and CAPTURED lines are left out when `watched`. */
  async answer(what = 'an answer', watched = false): Promise<WholeAnswer> {
    const data: string[] = [];
    for (;;) {
      const last = await this.line(what);
      const parsed = parseAnswerLine(last);
      if (watched && parsed.kind === 'data' && (parsed.word === 'EVENT' || parsed.word === 'CAPTURED'))
        continue;
      if (parsed.malformed) throw new Nonconformity(`${what} in the form of section 2`, JSON.stringify(last));
      if (parsed.kind !== 'data') return { data, last, parsed };
      data.push(last);
    }
  }

  /** Says a line and waits for its answer. */
  async ask(line: string, shown = line): Promise<WholeAnswer> {
    this.say(line, shown);
    return this.answer(`an answer to ${shown}`);
  }

  /** When that has to be here at the latest, in milliseconds as `performance.now()` has them. */
  deadline(what: string): number {
    return performance.now() + this.endurance.for(what);
  }

  /** Exactly so many bytes. */
  async bytes(count: number, what: string, by = this.deadline(what)): Promise<Buffer> {
    await this.#until(() => (this.#held.length >= count ? true : undefined), what, by);
    return this.#consume(count);
  }

  /** Waits until the server has ended its direction. @throws Nonconformity when it says anything more, or goes on */
  async over(what = 'the end of the connection'): Promise<void> {
    await this.#wait(() => this.#ended !== 'open' || this.#held.length > 0, what);
    if (this.#held.length > 0) {
      throw new Nonconformity(what, JSON.stringify(this.#held.subarray(0, 200).toString('latin1')));
    }
    this.#note(`< (${this.#ended === 'end' ? 'end of stream' : 'connection closed'})`);
  }

  /** Waits until something came, or the stream ended. */
  async anything(what: string): Promise<void> {
    await this.#wait(() => this.#ended !== 'open' || this.#held.length > 0, what);
  }

  /** Adds a remark to the story. */
  note(text: string): void {
    this.#note(text);
  }

  /** Forgets what was said so far. */
  forget(): void {
    this.story.length = 0;
  }

  #note(text: string): void {
    if (this.story.length >= MOST_TOLD) this.story.shift();
    this.story.push(text.length > 300 ? `${text.slice(0, 300)}…` : text);
  }

  #write(bytes: Uint8Array): void {
    if (this.#ours === 'open') this.link.write(bytes);
  }

  #take(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > MOST_HELD) this.cut();
    this.#wake();
  }

  #consume(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  #finish(how: 'end' | 'gone'): void {
    if (this.#ended !== 'gone') this.#ended = how;
    this.#wake();
  }

  async #until<T>(look: () => T | undefined, what: string, by = this.deadline(what)): Promise<T> {
    let found: T | undefined;
    await this.#wait(
      () => {
        found = look();
        return found !== undefined || this.#ended !== 'open';
      },
      what,
      by,
    );
    if (found !== undefined) return found;
    const rest = this.#held.length === 0 ? '' : ` after ${JSON.stringify(this.#held.toString('latin1'))}`;
    this.#note(`< (${this.#ended === 'end' ? 'end of stream' : 'connection closed'})`);
    throw new Nonconformity(what, `the end of the connection${rest}${this.#cause()}`);
  }

  #cause(): string {
    return this.#error === undefined ? '' : ` (${this.#error.message})`;
  }

  #wait(done: () => boolean, what: string, by = this.deadline(what)): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = () => {};
        this.#note('< (silence)');
        reject(this.endurance.expired(what, `nothing in ${this.endurance.for(what) / 1000} s`));
      }, by - performance.now());
      this.#wake = () => {
        if (!done()) return;
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
