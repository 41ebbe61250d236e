/**
 * Who dials when: a server takes at most eight sessions of an address that are not authenticated yet (PROTOCOL.md
 * section 4), so that a thousand Handlers that dial it at once would be turned away by the hundred, and wait the longer
 * the more often. Here they stand in line instead.
 */

/**
 * Dials to one server that are under way at a time, from the first packet to the answer to HELLO: two less than it
 * takes, for the clients and the other servers that share our address.
 */
const AT_ONCE = 6;

interface Line {
  /** Those that dial. */
  under: number;
  /** Those whom somebody waits for, then those that dial again; each in the order they came. */
  readonly asked: (() => void)[];
  readonly again: (() => void)[];
}

/** Bounded by the Handlers: each dials for a wire once at a time, and leaves the line when it gives the dial up. */
export class DialQueue {
  /** By the URL of the server; there is one while somebody dials it. */
  readonly #lines = new Map<string, Line>();

  /**
   * @param dial is called when it is the caller's turn: at once where there is a place
   * @param asked somebody waits for this one (a HANDLE): it goes before those that dial again
   * @returns gives the place, or the place in line, to others; to be called once the dial ended, further calls do nothing
   */
  enter(url: string, dial: () => void, asked: boolean): () => void {
    const line = this.#lines.get(url) ?? { under: 0, asked: [], again: [] };
    const waiting = asked ? line.asked : line.again;
    this.#lines.set(url, line);
    let began = false;
    const begin = () => {
      began = true;
      line.under++;
      dial();
    };
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      if (began) line.under--;
      else waiting.splice(waiting.indexOf(begin), 1);
      this.#next(url, line);
    };
    waiting.push(begin);
    this.#next(url, line);
    return leave;
  }

  #next(url: string, line: Line): void {
    while (line.under < AT_ONCE) {
      const begin = line.asked.shift() ?? line.again.shift();
      if (begin === undefined) break;
      begin();
    }
    if (line.under === 0 && this.#lines.get(url) === line) this.#lines.delete(url);
  }
}
