/** The records that the page shows, unpacked as they are looked at. */
import { MACHINES } from '../../../machines/index.ts';
import { blockId, type Columns, INDEX_ID, type PageDetail, type PageIndex } from './format.ts';

/** Blocks of details kept unpacked. */
const MOST_BLOCKS = 40;

async function unpack<T>(id: string): Promise<T> {
  const text = document.getElementById(id)?.textContent ?? '';
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return (await new Response(stream).json()) as T;
}

export class PageRecords {
  readonly total: number;
  readonly columns: Columns;
  /** Microseconds since the first record. */
  readonly #time: Float64Array;
  readonly #blocks = new Map<number, Promise<readonly PageDetail[]>>();

  private constructor(readonly index: PageIndex) {
    this.columns = index.columns;
    this.total = this.columns.seq.length;
    this.#time = new Float64Array(this.total);
    let sum = 0;
    for (let i = 0; i < this.total; i++) {
      sum += this.columns.time[i]!;
      this.#time[i] = sum;
    }
  }

  static async open(): Promise<PageRecords> {
    return new PageRecords(await unpack<PageIndex>(INDEX_ID));
  }

  /** Microseconds from the first record to the last, at least 1. */
  get span(): number {
    return Math.max(1, this.#time[this.total - 1] ?? 1);
  }

  seq(i: number): number {
    return this.columns.seq[i]!;
  }

  micros(i: number): number {
    return this.#time[i]!;
  }

  actor(i: number): string {
    return this.index.actors[this.columns.actor[i]!]!;
  }

  event(i: number): string {
    return this.index.events[this.columns.event[i]!]!;
  }

  from(i: number): string {
    return this.index.states[this.columns.from[i]!]!;
  }

  to(i: number): string {
    return this.index.states[this.columns.to[i]!]!;
  }

  /** `name@version`, or nothing. */
  machine(i: number): string {
    return this.index.machines[this.columns.machine[i]!]!;
  }

  /** Whether the actor has ended with this record. */
  ended(i: number): boolean {
    const state = MACHINES.get(this.machine(i))?.states.find(({ name }) => name === this.to(i));
    return state?.final ?? false;
  }

  moved(i: number): boolean {
    return this.columns.from[i] !== this.columns.to[i];
  }

  /** `2026-01-31 12:00:00.000000` of so many microseconds after the first record. */
  moment(micros: number): string {
    const all = this.index.begun + micros;
    const date = new Date(Math.floor(all / 1000));
    return `${date.toISOString().slice(0, 19).replace('T', ' ')}.${String(all - Math.floor(all / 1_000_000) * 1_000_000).padStart(6, '0')}`;
  }

  async details(i: number): Promise<PageDetail> {
    const number = Math.floor(i / this.index.block);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      const [oldest] = this.#blocks.keys();
      if (this.#blocks.size >= MOST_BLOCKS) this.#blocks.delete(oldest!);
      block = unpack<readonly PageDetail[]>(blockId(number));
      this.#blocks.set(number, block);
    }
    return (await block)[i % this.index.block]!;
  }
}
