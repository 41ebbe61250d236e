import { sha256 } from '../../io/journal/digest.ts';
import { MACHINES } from '../../machines/index.ts';
import { Fold, type LiveActor } from '../../machines/log/fold.ts';
import { parseRecord } from '../../machines/log/parse.ts';
import { type Head, NO_RECORD, verifyLink } from '../../machines/log/record.ts';

/**
 * What a log comes to, brought up to date now and then: each record is folded once, however often it is asked. What a
 * server that starts would find in the same log is the same, or the fold is no fold.
 */
export class FoldedLog {
  #fold = new Fold(MACHINES, sha256);
  #head: Head = NO_RECORD;
  #wrong: string | undefined;

  /** Folds what is new. @returns what is wrong with the log */
  advance(lines: readonly string[]): string | undefined {
    const first = lines.length === 0 ? undefined : parseRecord(lines[0]!);
    if (first === undefined) return this.#wrong;
    if (typeof first === 'string') return first;
    if (first.seq > this.#head.seq + 1) this.#begin(); // what stood before was dropped: a checkpoint says it all
    for (const line of lines.slice(this.#head.seq === 0 ? 0 : this.#head.seq + 1 - first.seq)) {
      if (this.#wrong !== undefined) break;
      this.#wrong = this.#apply(line);
    }
    return this.#wrong;
  }

  get head(): Head {
    return this.#head;
  }

  live(): ReadonlyMap<string, LiveActor> {
    return this.#fold.live();
  }

  #begin(): void {
    this.#fold = new Fold(MACHINES, sha256);
    this.#head = NO_RECORD;
  }

  #apply(line: string): string | undefined {
    const record = parseRecord(line);
    if (typeof record === 'string') return record;
    const before = this.#head === NO_RECORD ? undefined : this.#head;
    const broken = verifyLink({ record, line }, before, sha256);
    if (broken !== undefined) return broken;
    const { seq, hash } = record;
    this.#head = { seq, hash };
    const mismatch = this.#fold.apply(record);
    return mismatch === undefined ? undefined : JSON.stringify(mismatch);
  }
}
