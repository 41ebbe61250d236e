/**
 * The wires of one Handler as its outbound side has them: which of them a record goes over. With one wire it costs
 * nothing; only with several is it looked at what flow a record belongs to.
 */
import type { Clock } from '../../io/ports.ts';
import { flowOf } from '../../machines/frames/flows.ts';
import { frameOffset, recordEnd } from '../../machines/frames/records.ts';
import { FlowTable } from './flow-table.ts';
import type { Outbox } from './outbox.ts';
import { RecordRuns } from './record-runs.ts';

/** A wire that takes frames. */
export interface OpenWire {
  readonly number: number;
  readonly outbox: Outbox;
  /** Until when everything that was sent over it has arrived, in nanoseconds of the clock. */
  readonly arrivedUntil: number;
  /** How long its way is, in microseconds; 0 as long as nobody knows. */
  readonly wayMicros: number;
  /** Asks whether what was sent has arrived. */
  ping(): void;
}

/** The parts of a batch that go over one wire. */
export interface Part {
  readonly outbox: Outbox;
  readonly runs: RecordRuns;
}

const NANOS_PER_MS = 1e6;
const NO_PARTS: readonly Part[] = [];

export class Spread {
  #open: readonly OpenWire[] = [];
  #only: Outbox | undefined;
  /** What goes over the only wire: the same object for each batch. */
  #whole: { readonly outbox: Outbox; runs: RecordRuns }[] = [];
  #flows: FlowTable | undefined;
  readonly #runs = new Map<number, RecordRuns>();

  /** @param clock needed only with several wires */
  constructor(private readonly clock: Clock | undefined) {}

  /** These take frames from now on. */
  set open(wires: readonly OpenWire[]) {
    const [before] = this.#only === undefined ? [] : this.#open;
    this.#open = wires;
    this.#only = wires.length === 1 ? wires[0]?.outbox : undefined;
    this.#whole = this.#only === undefined ? [] : [{ outbox: this.#only, runs: new RecordRuns() }];
    for (const { outbox } of wires) outbox.several = wires.length > 1;
    if (wires.length < 2) return;
    this.#flows ??= new FlowTable();
    if (before !== undefined) this.#flows.allWentOver(before.number, this.#now());
    this.#flows.stand(
      wires.map((wire) => ({
        number: wire.number,
        arrivedUntil: () => wire.arrivedUntil / NANOS_PER_MS,
      })),
    );
  }

  /** Whether there is any wire. */
  get any(): boolean {
    return this.#open.length > 0;
  }

  /** The length of the shortest way, in microseconds. 0 as long as nobody knows, or without a wire. */
  get wayMicros(): number {
    return this.#open.length === 0 ? 0 : Math.min(...this.#open.map(({ wayMicros }) => wayMicros));
  }

  /** Whether what comes now would have to wait: every wire that a living flow goes over is behind. */
  get behind(): boolean {
    if (this.#only !== undefined) return this.#only.behind;
    const used = this.#open.filter(({ number }) => this.#flows?.lives(number));
    return used.length > 0 && used.every(({ outbox }) => outbox.behind);
  }

  /**
   * Whether any wire would take so many bytes of the flow of that record now; which one it goes over is not looked at.
   */
  takes(buffer: Buffer, at: number, next: number, bytes: number): boolean {
    return this.#open.some(({ outbox }) => outbox.takes(buffer, at, next, bytes));
  }

  /** Where one record goes; undefined without a wire. */
  outboxFor(buffer: Buffer, at: number, next: number): Outbox | undefined {
    if (this.#only !== undefined || this.#open.length === 0) return this.#only;
    const now = this.#tick();
    return this.#outboxOf(this.#place(buffer, at, next, now));
  }

  /** Shares out the runs of a batch; what it returns is valid until the next call. */
  split(buffer: Buffer, runs: RecordRuns): readonly Part[] {
    const [whole] = this.#whole;
    if (this.#only !== undefined && whole !== undefined) {
      whole.runs = runs;
      return this.#whole;
    }
    if (this.#open.length === 0) return NO_PARTS;
    const now = this.#tick();
    for (const part of this.#runs.values()) part.clear();
    for (let piece = 0; piece < runs.count; piece++) {
      const end = runs.endOf(piece);
      let record = runs.firstOf(piece);
      let start = runs.startOf(piece);
      let wire = -1;
      // Of that wire, once there is one.
      let part = runs;
      let count = 0;
      for (let at = start; at < end; record++) {
        const next = recordEnd(buffer, at);
        const placed = this.#place(buffer, at, next, now);
        if (placed !== wire) {
          if (count > 0) part.add(start, at, record - count, count);
          wire = placed;
          part = this.#runsOf(wire);
          start = at;
          count = 0;
        }
        part.bytes += next - frameOffset(buffer, at);
        count++;
        at = next;
      }
      if (count > 0) part.add(start, end, record - count, count);
    }
    return this.#open
      .map(({ number, outbox }) => ({ outbox, runs: this.#runsOf(number) }))
      .filter((part) => part.runs.frames > 0);
  }

  /** Hands on what was appended. */
  flush(): void {
    for (const { outbox } of this.#open) outbox.flush();
  }

  /** @returns the moment of the frames that are placed next: behind the PINGs that this sends */
  #tick(): number {
    const now = this.#now();
    if (!this.#flows?.tick(now)) return now;
    for (const wire of this.#open) if (this.#flows.lives(wire.number)) wire.ping();
    return this.#now();
  }

  #now(): number {
    return (this.clock?.mono() ?? 0) / NANOS_PER_MS;
  }

  #place(buffer: Buffer, at: number, next: number, now: number): number {
    return this.#flows?.place(flowOf(buffer, frameOffset(buffer, at), next), next - at, now) ?? 0;
  }

  #runsOf(wire: number): RecordRuns {
    let runs = this.#runs.get(wire);
    if (runs === undefined) {
      runs = new RecordRuns();
      this.#runs.set(wire, runs);
    }
    return runs;
  }

  #outboxOf(wire: number): Outbox | undefined {
    return this.#open.find(({ number }) => number === wire)?.outbox;
  }
}
