/**
 * Parts of a batch: runs of records that lie next to each other. Filled again for each batch.
 */
export class RecordRuns {
  /** How many there are. */
  count = 0;
  frames = 0;
  /** Bytes of Ethernet frames. */
  bytes = 0;
  /** Of each piece: where it begins and ends in the buffer, the number of its first record, and how many it has. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #firsts: number[] = [];
  readonly #counts: number[] = [];

  clear(): void {
    this.count = 0;
    this.frames = 0;
    this.bytes = 0;
  }

  /** Adds a run of `count` records in `[start, end)`, of which the first is number `first`. */
  add(start: number, end: number, first: number, count: number): void {
    const at = this.count++;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#firsts[at] = first;
    this.#counts[at] = count;
    this.frames += count;
  }

  startOf(piece: number): number {
    return this.#starts[piece]!;
  }

  endOf(piece: number): number {
    return this.#ends[piece]!;
  }

  /** Number, in the batch, of the piece's first record. */
  firstOf(piece: number): number {
    return this.#firsts[piece]!;
  }

  /** Records in the piece. */
  recordsOf(piece: number): number {
    return this.#counts[piece]!;
  }
}
