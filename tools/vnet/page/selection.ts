/** Which records are shown, and which one of them is looked at. */
import { byId, grouped } from './dom.ts';
import type { PageRecords } from './records.ts';

/** One arrow of a machine, by the numbers that the columns have. */
export interface Arrow {
  readonly machine: number;
  readonly from: number;
  readonly to: number;
}

const sameArrow = (one: Arrow | undefined, other: Arrow): boolean =>
  one?.machine === other.machine && one.from === other.from && one.to === other.to;

/** More actors than this make a list that no one goes through. */
const MOST_ACTORS = 5000;

/** The controls at the head of the page, and what comes of them. */
export class Selection {
  /** Rising numbers of records. */
  shown: readonly number[];
  /** The record that is looked at. */
  selected: number | undefined;
  #arrow: Arrow | undefined;
  readonly #find = byId('find', HTMLInputElement);
  readonly #actor = byId('actor', HTMLSelectElement);
  readonly #moved = byId('moved', HTMLInputElement);
  readonly #onFilter: (() => void)[] = [];
  readonly #onSelect: ((record: number) => void)[] = [];

  constructor(private readonly records: PageRecords) {
    this.shown = Array.from({ length: records.total }, (_, i) => i);
    for (const [number, name] of records.index.actors.slice(0, MOST_ACTORS).entries()) {
      this.#actor.append(new Option(name, String(number)));
    }
    for (const control of [this.#find, this.#actor, this.#moved]) {
      control.addEventListener('input', () => this.filter());
    }
  }

  onFilter(work: () => void): void {
    this.#onFilter.push(work);
  }

  onSelect(work: (record: number) => void): void {
    this.#onSelect.push(work);
  }

  select(record: number): void {
    this.selected = record;
    for (const work of this.#onSelect) work(record);
  }

  /** Shows the records of this arrow alone; the second time all again. */
  toggle(arrow: Arrow): void {
    this.#arrow = sameArrow(this.#arrow, arrow) ? undefined : arrow;
    this.filter();
  }

  /** Chooses anew what is shown. */
  filter(): void {
    const wanted = this.#wanted();
    const shown: number[] = [];
    for (let i = 0; i < this.records.total; i++) if (wanted(i)) shown.push(i);
    this.shown = shown;
    const alone = this.#arrow === undefined ? '' : ' (one arrow only; click it again for all)';
    const count = `${grouped(shown.length)} of ${grouped(this.records.total)} transitions${alone}`;
    byId('count', HTMLElement).textContent = count;
    for (const work of this.#onFilter) work();
  }

  #wanted(): (i: number) => boolean {
    const { columns, index } = this.records;
    const find = this.#find.value.trim().toLowerCase();
    const chosen = this.#actor.value === '' ? undefined : Number(this.#actor.value);
    const moved = this.#moved.checked;
    const arrow = this.#arrow;
    const matches = (names: readonly string[]) => names.map((name) => name.toLowerCase().includes(find));
    const [inActor, inEvent, inState] = [
      matches(index.actors),
      matches(index.events),
      matches(index.states),
    ] as const;
    const found = (i: number) =>
      inActor[columns.actor[i]!] ||
      inEvent[columns.event[i]!] ||
      inState[columns.to[i]!] ||
      String(columns.seq[i]) === find;
    const ofArrow = (i: number) =>
      arrow === undefined ||
      (columns.machine[i] === arrow.machine && columns.from[i] === arrow.from && columns.to[i] === arrow.to);
    return (i) =>
      (chosen === undefined || columns.actor[i] === chosen) &&
      (!moved || this.records.moved(i)) &&
      ofArrow(i) &&
      (find === '' || found(i) === true);
  }

  /** Where in what is shown a record stands, or would stand. */
  position(record: number): number {
    return lowest(this.shown.length, (place) => this.shown[place]! >= record);
  }

  /** The shown record that is nearest to a time. @param micros since the first record */
  nearest(micros: number): number | undefined {
    const { shown, records } = this;
    const time = (place: number) => records.micros(shown[place]!);
    const after = Math.min(
      shown.length - 1,
      lowest(shown.length, (place) => time(place) >= micros),
    );
    const before = after > 0 && micros - time(after - 1) < time(after) - micros;
    return shown[before ? after - 1 : after];
  }
}

/** The lowest number below `end` that fits, when all behind one that fits do too; `end` when none does. */
function lowest(end: number, fits: (number: number) => boolean): number {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
