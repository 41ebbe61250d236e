/** The in-memory twin of the log on files: same promises, and faults on demand. */
import type { JournalStore } from '../ports.ts';

export class MemoryJournal implements JournalStore {
  readonly #now: () => number;
  /** Segments by rising number, each with its lines. The last is written to. */
  readonly segments: { number: number; lines: string[]; bytes: number; openedAt: number }[];
  /** How many lines of the whole log were synced. */
  synced = 0;
  /** How often `append` and `rotate` wrote something. */
  writes = 0;
  /** When set, `append` and `rotate` throw it and keep nothing. */
  appendFault: Error | undefined;
  /** When set, `sync` refuses with it. */
  syncFault: Error | undefined;
  /** When set, `look` and `sync` find it out. */
  spoiltBy: string | undefined;
  spoilt: string | undefined;
  problems: readonly string[] = [];
  /** Most segments that `retain` keeps. */
  keep = Number.POSITIVE_INFINITY;

  constructor(now: () => number = () => 0) {
    this.#now = now;
    this.segments = [{ number: 1, lines: [], bytes: 0, openedAt: now() }];
  }

  /** All lines that are kept. */
  get lines(): string[] {
    return this.segments.flatMap(({ lines }) => lines);
  }

  get segment(): { number: number; bytes: number; openedAt: number } {
    const { number, bytes, openedAt } = this.segments.at(-1)!;
    return { number, bytes, openedAt };
  }

  append(lines: readonly string[]): void {
    if (this.appendFault !== undefined) throw this.appendFault;
    const open = this.segments.at(-1)!;
    this.writes++;
    for (const line of lines) {
      open.lines.push(line);
      open.bytes += Buffer.byteLength(line) + 1;
    }
  }

  async sync(): Promise<void> {
    const count = this.lines.length;
    await Promise.resolve();
    if (this.syncFault !== undefined) throw this.syncFault;
    this.synced = Math.max(this.synced, count);
    this.look();
  }

  look(): void {
    this.spoilt = this.spoiltBy;
  }

  rotate(firstLine: string): void {
    if (this.appendFault !== undefined) throw this.appendFault;
    this.segments.push({ number: this.segment.number + 1, lines: [], bytes: 0, openedAt: this.#now() });
    this.append([firstLine]);
    this.spoilt = undefined;
    this.spoiltBy = undefined;
  }

  retain(): readonly number[] {
    return this.segments.splice(0, Math.max(0, this.segments.length - this.keep)).map(({ number }) => number);
  }

  async close(): Promise<void> {}
}
