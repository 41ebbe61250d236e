/** One end of a connection in a test's own hands: a client, or what plays another server. */

import type { Link } from '../../io/ports.ts';
import { BYE, encodeBye, FRAME, HEADER_BYTES, PING, payloadLength } from '../../machines/frames/records.ts';
import type { ByeReason } from '../../machines/handler/events.ts';

/** Who lets time pass for a talker that waits. */
export interface TalkerWorld {
  /** Lets time pass until that is so, `ms` at most. @throws Error that says what was waited for */
  until(condition: () => boolean, ms: number, what: () => string): Promise<void>;
}

export interface HeardRecord {
  readonly type: number;
  readonly payload: Buffer;
}

export class Talker {
  /** The other end ended its direction. */
  ended = false;
  /** The connection is gone; `broken` when that was no orderly end. */
  closed = false;
  broken = false;
  /** Told of each line as it comes: for what plays a server. Without it lines wait to be taken. */
  heardLine: ((line: string) => void) | undefined;
  #held: Buffer = Buffer.alloc(0);

  constructor(
    private readonly world: TalkerWorld,
    readonly link: Link,
  ) {
    link.attach({
      data: (chunk) => {
        this.#held = Buffer.concat([this.#held, chunk]);
        while (this.heardLine !== undefined) {
          const line = this.#line();
          if (line === undefined) break;
          this.heardLine(line);
        }
      },
      drain: () => undefined,
      end: () => {
        this.ended = true;
      },
      closed: (error) => {
        this.closed = true;
        this.broken = error !== undefined;
      },
    });
  }

  send(bytes: string | Uint8Array): void {
    this.link.write(Buffer.from(bytes));
  }

  /** Whole lines, in one write. */
  say(...lines: string[]): void {
    this.send(lines.map((line) => `${line}\n`).join(''));
  }

  /** Ends our direction, as `nc -N` does. */
  end(): void {
    this.link.end();
  }

  /** Takes all whole lines that came. */
  lines(): string[] {
    const end = this.#held.lastIndexOf(0x0a);
    if (end < 0) return [];
    const text = this.#held.toString('utf8', 0, end);
    this.#held = this.#held.subarray(end + 1);
    return text.split('\n');
  }

  /** What came and was not taken. */
  get held(): Buffer {
    return this.#held;
  }

  /**
   * One whole answer, its last line last. @param ms how long it may take
   * @throws Error with what came instead
   */
  async answer(ms = 0): Promise<string[]> {
    const taken: string[] = [];
    const take = () => {
      while (!isLast(taken.at(-1))) {
        const line = this.#line();
        if (line === undefined) return false;
        taken.push(line);
      }
      return true;
    };
    await this.world.until(take, ms, () => `an answer, not only ${JSON.stringify(taken)}`);
    return taken;
  }

  /** Says a line and gives its answer's last line. */
  async ask(line: string, ms = 0): Promise<string> {
    this.say(line);
    return (await this.answer(ms)).at(-1) ?? '';
  }

  /** Says a line and gives the data lines of its answer. */
  async list(line: string): Promise<string[]> {
    this.say(line);
    return (await this.answer()).slice(0, -1);
  }

  /** Takes the records that came whole. */
  records(): HeardRecord[] {
    const records: HeardRecord[] = [];
    for (;;) {
      if (this.#held.length < HEADER_BYTES) return records;
      const end = HEADER_BYTES + payloadLength(this.#held, 0);
      if (this.#held.length < end) return records;
      records.push({
        type: this.#held[0] ?? 0,
        payload: Buffer.from(this.#held.subarray(HEADER_BYTES, end)),
      });
      this.#held = this.#held.subarray(end);
    }
  }

  /** Reason of a BYE that came, if one did; all records are taken. */
  bye(): string | undefined {
    return this.records()
      .find(({ type }) => type === BYE)
      ?.payload.toString();
  }

  record(type: number, payload: Uint8Array): void {
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt32BE(type * 0x1000000 + payload.length);
    this.send(Buffer.concat([head, payload]));
  }

  ping(payload = Buffer.from('8 bytes!')): void {
    this.record(PING, payload);
  }

  frame(payload: Uint8Array): void {
    this.record(FRAME, payload);
  }

  sayBye(reason: ByeReason): void {
    this.send(encodeBye(reason));
  }

  #line(): string | undefined {
    const end = this.#held.indexOf(0x0a);
    if (end < 0) return undefined;
    const line = this.#held.toString('utf8', 0, end);
    this.#held = this.#held.subarray(end + 1);
    return line;
  }
}

function isLast(line: string | undefined): boolean {
  return line !== undefined && /^(OK|ERR)( |$)/.test(line);
}
