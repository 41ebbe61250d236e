/**
 * Parts of a batch: runs of records that lie next to each other. Filled again for each batch.
 */
export class Pieces {
  /** `start, end` of each piece in the buffer, flat, in order. */
  readonly offsets: number[] = [];
  /** Number of each piece's first record in the batch, and how many it has, flat, in order. */
  readonly records: number[] = [];
  frames = 0;
  /** Bytes of Ethernet frames. */
  bytes = 0;

  clear(): void {
    this.offsets.length = 0;
    this.records.length = 0;
    this.frames = 0;
    this.bytes = 0;
  }

  /** Adds a run of `count` records in `[start, end)`, of which the first is number `first`. */
  add(start: number, end: number, first: number, count: number): void {
    this.offsets.push(start, end);
    this.records.push(first, count);
    this.frames += count;
  }
}
