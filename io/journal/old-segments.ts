/** The segments before the open one: which of them are to be dropped, and whether they are there. */
import * as fs from 'node:fs';
import { segmentName } from './damage.ts';
import { listSegments, type SegmentFile } from './reader.ts';

/** Between two looks at the length of each. */
const MEASURE_MS = 60_000;

export class OldSegments {
  readonly #dir: string;
  readonly #now: () => number;
  /** By rising number. */
  #segments: SegmentFile[];
  #problems: readonly string[] = [];
  /** When the directory was changed last, as of the last look. */
  #changedAt = Number.NaN;
  #measuredAt: number;

  constructor(dir: string, segments: readonly SegmentFile[], now: () => number) {
    this.#dir = dir;
    this.#segments = [...segments];
    this.#now = now;
    this.#measuredAt = now();
  }

  get oldest(): SegmentFile | undefined {
    return this.#segments[0];
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What is wrong with them, as `00000002.ndjson is missing`, as of the last look. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  push(segment: SegmentFile): void {
    this.#segments.push(segment);
  }

  /** Forgets the oldest. */
  shift(): void {
    this.#segments.shift();
  }

  /** Cheap when nothing was made, removed or renamed in the directory since the last time. @throws Error */
  look(): void {
    const changedAt = fs.statSync(this.#dir).mtimeMs;
    const passed = this.#now() - this.#measuredAt;
    // A clock that was set back says nothing of how long it was.
    const measure = passed >= MEASURE_MS || passed < 0;
    if (changedAt === this.#changedAt && !measure) return;
    this.#changedAt = changedAt;
    if (measure) this.#measuredAt = this.#now();
    const there = new Map(listSegments(this.#dir).map((each) => [each.number, each]));
    // Whoever removed the oldest ones did what we do ourselves: a log may begin anywhere.
    while (this.oldest !== undefined && !there.has(this.oldest.number)) this.shift();
    this.#problems = this.#segments.flatMap(({ number, bytes }) => {
      const found = there.get(number);
      if (found === undefined) return [`${segmentName(number)} is missing`];
      if (found.bytes === bytes) return [];
      return [`${segmentName(number)} is ${found.bytes} bytes long, not ${bytes}`];
    });
  }
}
