/**
 * What waits for a slow wire, each flow in a line of its own (after RFC 8290, without its dropping by time): they take
 * turns by bytes, and one that has had nothing waiting goes before those that have. So a ping and a keystroke do not wait
 * for an upload beside them, and of two uploads each has half, whatever the interface in front of the wire does.
 *
 * Bounded by `limit` bytes, which is a time at the rate of the wire. Past it a flow that has its share of that waiting, and a
 * frame at least, loses what comes; who has less still finds room, up to twice the limit. Flows are told apart by BUCKETS
 * numbers: who floods with spoofed flows fills places, and gets no more than the bound.
 */

const BUCKETS = 256;
/** What a flow may send before it is another's turn: a full frame with its headers. */
const QUANTUM = 1_536;

class Line {
  readonly records: Buffer[] = [];
  bytes = 0;
  credit = 0;
  /** Among those that have a turn. */
  waits = false;
}

export class FairQueue {
  /** Bytes that wait. */
  bytes = 0;
  /** In bytes. */
  limit = 0;
  readonly #lines: (Line | undefined)[] = new Array(BUCKETS);
  /** Lines that something came for while they were empty, and those that have had a turn since. */
  readonly #fresh: Line[] = [];
  readonly #others: Line[] = [];

  /** Whether there is room for so many bytes of that flow (`flowOf`). */
  admits(flow: number, bytes: number): boolean {
    const all = this.bytes + bytes;
    if (all <= this.limit) return true;
    if (all > 2 * this.limit) return false;
    const line = this.#lines[flow % BUCKETS];
    const waiting = line?.bytes ?? 0;
    const flows = this.#fresh.length + this.#others.length + (line?.waits ? 0 : 1);
    return waiting + bytes <= Math.max(this.limit / flows, QUANTUM);
  }

  /** Copies a record of that flow. Whether there is room was asked before. */
  push(flow: number, record: Uint8Array): void {
    const number = flow % BUCKETS;
    let line = this.#lines[number];
    if (line === undefined) {
      line = new Line();
      this.#lines[number] = line;
    }
    line.records.push(Buffer.from(record));
    line.bytes += record.length;
    this.bytes += record.length;
    if (line.waits) return;
    line.waits = true;
    line.credit = QUANTUM;
    this.#fresh.push(line);
  }

  /** The record whose turn it is; undefined when none waits. It stays until `shift`. */
  get first(): Buffer | undefined {
    return this.#turn()?.records[0];
  }

  /** Takes that record out. */
  shift(): void {
    const line = this.#turn();
    const record = line?.records.shift();
    if (line === undefined || record === undefined) return;
    line.credit -= record.length;
    line.bytes -= record.length;
    this.bytes -= record.length;
  }

  /** All records, those of each flow in their order. */
  all(): Buffer[] {
    return [...this.#fresh, ...this.#others].flatMap(({ records }) => records);
  }

  clear(): void {
    this.#lines.fill(undefined);
    this.#fresh.length = this.#others.length = 0;
    this.bytes = 0;
  }

  /** The line whose turn it is, as the two lists and the credits say. */
  #turn(): Line | undefined {
    for (;;) {
      const list = this.#fresh.length > 0 ? this.#fresh : this.#others;
      const line = list[0];
      if (line === undefined) return undefined;
      if (line.records.length === 0) {
        list.shift();
        // One that is just empty has a turn among the others first: else it would be fresh again and again.
        if (list === this.#fresh && this.#others.length > 0) this.#others.push(line);
        else line.waits = false;
      } else if (line.credit <= 0) {
        line.credit += QUANTUM;
        list.shift();
        this.#others.push(line);
      } else {
        return line;
      }
    }
  }
}
