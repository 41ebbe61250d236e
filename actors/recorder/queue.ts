/** Records that are not written yet, in order. Bounded only while the log cannot be written. */
import type { RecordFields } from '../../machines/log/record.ts';

export interface Pending {
  readonly fields: RecordFields;
  /** Canonical JSON of the event. */
  readonly event: string;
}

/** Records past the bound. */
export interface Lost {
  readonly count: number;
  /** Their first and last `time`. */
  readonly since: string;
  readonly until: string;
}

/** What a record takes besides its event, roughly. */
const OVERHEAD = 500;

export class PendingRecords {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #items: Pending[] = [];
  #bytes = 0;
  #lost: Lost | undefined;

  constructor(maxRecords: number, maxBytes: number) {
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#items.length;
  }

  get lost(): Lost | undefined {
    return this.#lost;
  }

  /** @param bounded whether it may be lost; once one is lost, all after it are, until `forgetLost` */
  push(item: Pending, bounded: boolean): void {
    const full = this.#items.length >= this.#maxRecords || this.#bytes >= this.#maxBytes;
    if (bounded && (full || this.#lost !== undefined)) {
      const { time } = item.fields;
      this.#lost = { count: (this.#lost?.count ?? 0) + 1, since: this.#lost?.since ?? time, until: time };
      return;
    }
    this.#items.push(item);
    this.#bytes += item.event.length + OVERHEAD;
  }

  /** The first records, at least one if there is one. */
  peek(maxRecords: number, maxBytes: number): readonly Pending[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(maxRecords, this.#items.length) && bytes < maxBytes; count++) {
      bytes += this.#items[count]!.event.length + OVERHEAD;
    }
    return count === this.#items.length ? this.#items : this.#items.slice(0, count);
  }

  /** Takes the first records away. */
  shift(count: number): void {
    if (count === this.#items.length) {
      this.#items = [];
      this.#bytes = 0;
      return;
    }
    for (const { event } of this.#items.splice(0, count)) this.#bytes -= event.length + OVERHEAD;
  }

  /** Takes the last record away. */
  pop(): void {
    const item = this.#items.pop();
    if (item !== undefined) this.#bytes -= item.event.length + OVERHEAD;
  }

  forgetLost(): void {
    this.#lost = undefined;
  }
}
