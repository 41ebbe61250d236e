/** The list of transitions; it holds only the rows that can be seen. */
import { byId, make } from './dom.ts';
import type { PageRecords } from './records.ts';
import type { Selection } from './selection.ts';

/** Height of a row in CSS pixels, as page.css has it. */
const ROW = 22;
/** Rows drawn above and below what is in sight. */
const MARGIN = 5;

export class List {
  readonly #list = byId('list', HTMLElement);
  readonly #height = byId('height', HTMLElement);
  readonly #rows = byId('rows', HTMLElement);

  constructor(
    private readonly records: PageRecords,
    private readonly selection: Selection,
  ) {
    this.#list.addEventListener('scroll', () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#draw()).observe(this.#list);
    this.#rows.addEventListener('click', ({ target }) => {
      const row = target instanceof Element ? target.closest<HTMLElement>('.row') : null;
      if (row !== null) selection.select(Number(row.dataset.index));
    });
    this.#list.addEventListener('keydown', (key) => this.#key(key));
    selection.onFilter(() => this.#filtered());
    selection.onSelect((record) => this.#reveal(record));
  }

  focus(): void {
    this.#list.focus({ preventScroll: true });
  }

  #filtered(): void {
    const { shown, selected } = this.selection;
    this.#height.style.height = `${shown.length * ROW}px`;
    const place = selected === undefined ? 0 : this.selection.position(selected);
    this.#list.scrollTop = Math.max(0, place * ROW - this.#list.clientHeight / 2);
    this.#draw();
  }

  #reveal(record: number): void {
    const top = this.selection.position(record) * ROW;
    const { scrollTop, clientHeight } = this.#list;
    if (top < scrollTop || top + ROW > scrollTop + clientHeight)
      this.#list.scrollTop = top - clientHeight / 2;
    this.#draw();
  }

  #draw(): void {
    const { shown } = this.selection;
    const first = Math.max(0, Math.floor(this.#list.scrollTop / ROW) - MARGIN);
    const last = Math.min(shown.length, first + Math.ceil(this.#list.clientHeight / ROW) + 2 * MARGIN);
    this.#rows.style.top = `${first * ROW}px`;
    this.#rows.replaceChildren(...shown.slice(first, last).map((record) => this.#row(record)));
  }

  #row(i: number): HTMLElement {
    const { records } = this;
    const selected = i === this.selection.selected;
    const row = make('div', selected ? 'row now' : 'row');
    row.dataset.index = String(i);
    row.dataset.seq = String(records.seq(i));
    row.setAttribute('role', 'option');
    row.setAttribute('aria-selected', String(selected));
    row.append(
      make('span', 'seq', String(records.seq(i))),
      make('span', 'time', records.moment(records.micros(i))),
      make('span', 'actor', records.actor(i)),
      this.#states(i),
      make('span', 'event', records.event(i)),
    );
    return row;
  }

  #states(i: number): HTMLElement {
    const [from, to] = [this.records.from(i), this.records.to(i)];
    if (!this.records.moved(i)) return make('span', 'states', to);
    const states = make('span', 'states', from === '' ? '→ ' : `${from} → `);
    states.append(make('b', '', to));
    return states;
  }

  #key(key: KeyboardEvent): void {
    const { shown, selected } = this.selection;
    const step = this.#step(key.key);
    if (step === undefined || shown.length === 0) return;
    key.preventDefault();
    const now = selected === undefined ? -1 : this.selection.position(selected);
    this.selection.select(shown[Math.min(shown.length - 1, Math.max(0, now + step))]!);
  }

  /** By how many rows a key goes on. */
  #step(key: string): number | undefined {
    const page = Math.max(1, Math.floor(this.#list.clientHeight / ROW) - 1);
    switch (key) {
      case 'ArrowDown':
        return 1;
      case 'ArrowUp':
        return -1;
      case 'PageDown':
        return page;
      case 'PageUp':
        return -page;
      case 'Home':
        return -Infinity;
      case 'End':
        return Infinity;
      default:
        return undefined;
    }
  }
}
