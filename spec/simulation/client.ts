import type { Link, LinkSink } from '../../io/ports.ts';

export interface Answer {
  /** The whole line asked, without secrets. */
  readonly asked: string;
  readonly data: readonly string[];
  /** Begins `OK` or `ERR`. */
  readonly last: string;
}

interface Request {
  readonly asked: string;
  readonly hear: (answer: Answer) => void;
}

/** A client in the text phase, and what it must not see. */
export class Client implements LinkSink {
  /** The connection can still bring answers, and questions may be asked. */
  alive = true;
  /** The server's machine was switched off: nobody tells a client, which may wait for ever. */
  forsaken = false;
  identity: string | undefined;
  readonly #waiting: Request[] = [];
  #data: string[] = [];
  #text = '';
  #binary: ((bytes: Buffer) => void) | undefined;

  /**
   * @param complain told of what no server may send
   * @param note told of each line of the talk
   */
  constructor(
    readonly site: string,
    readonly link: Link,
    private readonly complain: (text: string) => void,
    private readonly note: (text: string) => void,
  ) {
    this.#waiting.push({ asked: '(greeting)', hear: () => undefined });
    link.attach(this);
  }

  /** Requests without an answer. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Says one line. @param shown the same without a secret */
  ask(line: string, hear: (answer: Answer) => void = () => undefined, shown = line): void {
    if (!this.alive) return;
    this.#waiting.push({ asked: shown, hear });
    this.note(`→ ${shown}`);
    this.link.write(Buffer.from(`${line}\n`));
  }

  /** Whole lines whose answers are not known beforehand to be one each. */
  say(text: string): void {
    this.note(`→ ${JSON.stringify(text.slice(0, 80))}`);
    this.link.write(Buffer.from(text));
  }

  /** What follows is no text any more. */
  becomeBinary(heard: (bytes: Buffer) => void): void {
    this.#binary = heard;
  }

  /** The client is not there any more. */
  leave(how: 'end' | 'destroy'): void {
    this.note(`leaves by ${how}`);
    this.alive = false;
    if (how === 'end') this.link.end();
    else this.link.destroy();
  }

  data(chunk: Buffer): void {
    if (this.#binary !== undefined) return this.#binary(chunk);
    this.#text += chunk.toString('latin1');
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      this.#line(line);
      if (this.#binary !== undefined) return;
    }
  }

  drain(): void {}

  end(): void {
    this.alive = false;
    this.link.end();
  }

  closed(): void {
    this.alive = false;
  }

  #line(line: string): void {
    this.note(`← ${line}`);
    if (line.startsWith('EVENT ')) return;
    if (!/^(OK|ERR)( |$)/.test(line)) {
      this.#data.push(line);
      return;
    }
    // Of its own accord a server speaks when it hangs up.
    if (this.#waiting.length === 0) {
      if (!/^ERR (408|413|429) /.test(line)) this.complain(`an answer that nobody asked for: ${line}`);
      return;
    }
    const { asked, hear } = this.#waiting.shift()!;
    const data = this.#data;
    this.#data = [];
    if (line.startsWith('ERR 500') && !line.includes('EMFILE'))
      this.complain(`${asked} was answered ${line}`);
    hear({ asked, data, last: line });
  }
}
