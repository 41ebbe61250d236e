/**
 * `--format html`: one file that needs nothing but a browser. The columns of the list are held in one compressed
 * block; events, effects and context changes in blocks of a few hundred records, unpacked when one of them is looked
 * at. So it stays quick with hundreds of thousands of records.
 */
import { gzipSync } from 'node:zlib';
import { changes } from './diff.ts';
import { effectText } from './line.ts';
import { PAGE_MARKUP, PAGE_STYLE } from './page.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import type { LogVerdict, StoryStep } from './story.ts';
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

/** The details of one record: its event, the effects in words, and what changed: path, before, after. */
type Detail = readonly [object, readonly string[], readonly (readonly [string, unknown, unknown])[]];

export class HtmlDocument {
  readonly #names = {
    actors: new Names(),
    events: new Names(),
    states: new Names(),
    machines: new Names(),
    labels: new Names(),
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
    label: [] as number[],
  };
  readonly #blocks: string[] = [];
  #details: Detail[] = [];
  #begun = 0;

  add(step: StoryStep): void {
    const { record, definition, before, after, label } = step;
    const micros = microsOf(record.time);
    if (this.#columns.seq.length === 0) this.#begun = micros;
    const { actors, events, states, machines, labels } = this.#names;
    const columns = this.#columns;
    columns.seq.push(record.seq);
    columns.time.push(micros - this.#begun);
    columns.actor.push(actors.number(label === undefined ? record.actor : `${label} ${record.actor}`));
    columns.event.push(events.number(record.event.type));
    columns.from.push(states.number(record.from));
    columns.to.push(states.number(record.to));
    columns.machine.push(machines.number(definition === undefined ? '' : definition.name));
    columns.label.push(labels.number(label ?? ''));
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

  /** The whole file in pieces. @param title what it was made of */
  *pieces(title: string, verdicts: readonly LogVerdict[]): Generator<string, void, undefined> {
    if (this.#details.length > 0) this.#seal();
    const { actors, events, states, machines, labels } = this.#names;
    const index = {
      title,
      block: BLOCK,
      begun: this.#begun,
      good: verdicts.every(({ verdict }) => verdict.kind === 'ok'),
      verdict: verdicts.map(({ place, verdict }) => `${place}: ${verdictText(verdict)}`).join(''),
      actors: actors.all,
      events: events.all,
      states: states.all,
      machines: machines.all,
      labels: labels.all,
      columns: { ...this.#columns, time: differences(this.#columns.time) },
    };
    yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n`;
    // Nothing may be fetched, so nothing is: the browser itself sees to it.
    yield `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">\n`;
    yield `<meta name="viewport" content="width=device-width">\n<title>${escapeHtml(title)}</title>\n`;
    yield `<style>${PAGE_STYLE}</style>\n</head>\n<body>\n${PAGE_MARKUP}\n`;
    yield `<script type="text/plain" id="index">${packed(index)}</script>\n`;
    for (const [number, block] of this.#blocks.entries()) {
      yield `<script type="text/plain" id="block${number}">${block}</script>\n`;
    }
    yield `<script>${PAGE_SCRIPT}</script>\n</body>\n</html>\n`;
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
