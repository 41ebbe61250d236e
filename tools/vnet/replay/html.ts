/**
 * `--format html`: one file that needs nothing but a browser. The columns of the list are held in one compressed
 * block; events, effects and context changes in blocks of a few hundred records, unpacked when one of them is looked
 * at. So it stays quick with hundreds of thousands of records.
 */
import { gzipSync } from 'node:zlib';
import { machineKey } from '../../../machines/log/registry.ts';
import { blockId, INDEX_ID, type PageDetail, type PageIndex } from '../page/format.ts';
import { changes } from './diff.ts';
import { effectText } from './line.ts';
import type { LogVerdict, MergedStep } from './merged-steps.ts';
import { pageTemplate } from './page-template.ts';
import { effectsOf } from './text.ts';
import { verdictText } from './verdict.ts';

/** Records whose details are packed together. */
export const BLOCK = 500;

/** Gives each text a number, by first appearance. */
class Names {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.all.length;
      this.all.push(name);
      this.#numbers.set(name, number);
    }
    return number;
  }
}

export class HtmlDocument {
  readonly #names = {
    actors: new Names(),
    events: new Names(),
    states: new Names(),
    machines: new Names(),
  };
  readonly #columns = {
    seq: [] as number[],
    /** Microseconds since the first record. */
    time: [] as number[],
    actor: [] as number[],
    event: [] as number[],
    from: [] as number[],
    to: [] as number[],
    machine: [] as number[],
  };
  readonly #blocks: string[] = [];
  #details: PageDetail[] = [];
  #begun = 0;

  add(step: MergedStep): void {
    const { record, definition, before, after, label } = step;
    const micros = microsOf(record.time);
    if (this.#columns.seq.length === 0) this.#begun = micros;
    const { actors, events, states, machines } = this.#names;
    const columns = this.#columns;
    const machine = definition === undefined ? '' : machineKey(definition.name, definition.version);
    columns.seq.push(record.seq);
    columns.time.push(micros - this.#begun);
    columns.actor.push(actors.number(label === undefined ? record.actor : `${label} ${record.actor}`));
    columns.event.push(events.number(record.event.type));
    columns.from.push(states.number(record.from));
    columns.to.push(states.number(record.to));
    columns.machine.push(machines.number(machine));
    const changed = definition === undefined ? [] : changes(before?.context ?? {}, after?.context);
    this.#details.push([
      record.event,
      effectsOf(step).map(effectText),
      changed.map((change) => [change.path, change.before, change.after] as const),
    ]);
    if (this.#details.length === BLOCK) this.#seal();
  }

  #seal(): void {
    this.#blocks.push(packed(this.#details));
    this.#details = [];
  }

  /** The whole file in pieces. @param title what it was made of @throws Error when the page is not built */
  *pieces(title: string, verdicts: readonly LogVerdict[]): Generator<string, void, undefined> {
    if (this.#details.length > 0) this.#seal();
    const { head, foot } = pageTemplate(escapeHtml(title));
    yield head;
    yield `<script type="text/plain" id="${INDEX_ID}">${packed(this.#index(verdicts))}</script>\n`;
    for (const [number, block] of this.#blocks.entries()) {
      yield `<script type="text/plain" id="${blockId(number)}">${block}</script>\n`;
    }
    yield foot;
  }

  #index(verdicts: readonly LogVerdict[]): PageIndex {
    const { actors, events, states, machines } = this.#names;
    return {
      block: BLOCK,
      begun: this.#begun,
      good: verdicts.every(({ verdict }) => verdict.kind === 'ok'),
      verdict: verdicts.map(({ place, verdict }) => `${place}: ${verdictText(verdict)}`).join(''),
      actors: actors.all,
      events: events.all,
      states: states.all,
      machines: machines.all,
      columns: { ...this.#columns, time: differences(this.#columns.time) },
    };
  }
}

/** Rising numbers as steps, which pack better. */
function differences(values: readonly number[]): number[] {
  return values.map((value, index) => value - (values[index - 1] ?? 0));
}

/** JSON, gzip, base64: nothing in it that could end a script element. */
function packed(value: unknown): string {
  return gzipSync(JSON.stringify(value), { level: 6 }).toString('base64');
}

/** Microseconds since 1970 of a record's time; exact in a double until the year 2255. */
export function microsOf(time: string): number {
  const fraction = /\.(\d{1,6})/.exec(time)?.[1] ?? '';
  return Math.floor(Date.parse(time) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
