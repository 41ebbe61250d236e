/** The machines: their states, and how often each arrow was gone. */
import { MACHINES } from '../../../machines/index.ts';
import { colour } from './colours.ts';
import { byId, draw, grouped, make } from './dom.ts';
import type { PageRecords } from './records.ts';
import type { Arrow, Selection } from './selection.ts';

/** Sizes in units of the drawing: from state to state, and the box of a state. */
const STEP = 150;
const BOX = { top: 62, bottom: 88, width: 120 };
const HEIGHT = 150;

interface CountedArrow extends Arrow {
  count: number;
}

const arrowKey = ({ machine, from, to }: Arrow): string => `${machine} ${from} ${to}`;

/** Draws each machine of the log; a click on an arrow shows its records alone. */
export function drawMachines(records: PageRecords, selection: Selection): void {
  const groups = new Map<string, SVGGElement>();
  const place = byId('machines', HTMLElement);
  for (const [machine, arrows] of arrowsOf(records)) {
    const figure = make('figure');
    figure.append(make('figcaption', '', records.index.machines[machine]));
    figure.append(new Diagram(records, machine, arrows).picture(selection, groups));
    place.append(figure);
  }
  selection.onSelect((record) => {
    const { machine, from, to } = records.columns;
    for (const group of groups.values()) group.classList.remove('now');
    const key = arrowKey({ machine: machine[record]!, from: from[record]!, to: to[record]! });
    groups.get(key)?.classList.add('now');
  });
}

/** The arrows that were gone, by the number of their machine. */
function arrowsOf(records: PageRecords): Map<number, CountedArrow[]> {
  const { columns } = records;
  const machines = new Map<number, CountedArrow[]>();
  const known = new Map<string, CountedArrow>();
  for (let i = 0; i < records.total; i++) {
    if (records.machine(i) === '' || !records.moved(i)) continue;
    const arrow = { machine: columns.machine[i]!, from: columns.from[i]!, to: columns.to[i]!, count: 1 };
    const before = known.get(arrowKey(arrow));
    if (before !== undefined) {
      before.count++;
      continue;
    }
    known.set(arrowKey(arrow), arrow);
    machines.set(arrow.machine, [...(machines.get(arrow.machine) ?? []), arrow]);
  }
  return machines;
}

class Diagram {
  /** By state: how often it was entered, and where it stands. */
  readonly #visits = new Map<number, number>();
  readonly #places: ReadonlyMap<number, number>;

  constructor(
    private readonly records: PageRecords,
    private readonly machine: number,
    private readonly arrows: readonly CountedArrow[],
  ) {
    for (const { from, to, count } of arrows) {
      this.#visits.set(to, (this.#visits.get(to) ?? 0) + count);
      if (this.#name(from) !== '') this.#visits.set(from, this.#visits.get(from) ?? 0);
    }
    const order = MACHINES.get(records.index.machines[machine]!)?.states.map(({ name }) => name) ?? [];
    const rank = (state: number) => order.indexOf(this.#name(state));
    const states = [...this.#visits.keys()].sort((one, other) => rank(one) - rank(other));
    this.#places = new Map(states.map((state, at) => [state, 78 + at * STEP]));
  }

  #name(state: number): string {
    return this.records.index.states[state]!;
  }

  picture(selection: Selection, groups: Map<string, SVGGElement>): SVGSVGElement {
    const svg = draw('svg', { width: this.#places.size * STEP + 10, height: HEIGHT, role: 'img' });
    svg.append(arrowHead(this.#headId));
    for (const arrow of this.arrows) {
      const group = this.#arrow(arrow);
      group.addEventListener('click', () => selection.toggle(arrow));
      groups.set(arrowKey(arrow), group);
      svg.append(group);
    }
    for (const [state, x] of this.#places) svg.append(...this.#state(state, x));
    return svg;
  }

  get #headId(): string {
    return `head${this.machine}`;
  }

  #arrow({ from, to, count }: CountedArrow): SVGGElement {
    const group = draw('g', { class: 'edge' });
    const [start, end] = [this.#places.get(from), this.#places.get(to)!];
    const { path, label } = start === undefined ? entry(end) : bow(start, end);
    group.append(
      draw('path', { d: path, 'marker-end': `url(#${this.#headId})` }),
      draw('title', {}, `${this.#name(from) || 'new'} → ${this.#name(to)}: ${count}`),
    );
    if (label !== undefined) group.append(draw('text', label, grouped(count)));
    return group;
  }

  #state(state: number, x: number): SVGElement[] {
    const { top, bottom, width } = BOX;
    const name = this.#name(state);
    const box = { x: x - width / 2, y: top, width, height: bottom - top, rx: 6 };
    return [
      draw('rect', { ...box, style: `stroke:${colour(name)}` }),
      draw('text', { x, y: 79 }, `${name} ${grouped(this.#visits.get(state) ?? 0)}`),
    ];
  }
}

interface Way {
  readonly path: string;
  /** Where the count stands. */
  readonly label?: { readonly x: number; readonly y: number };
}

/** Into the state that an actor begins in. */
function entry(x: number): Way {
  return { path: `M${x - 74} 75 L${x - 62} 75` };
}

/** Forwards above the boxes, back below them, the farther the higher. */
function bow(start: number, end: number): Way {
  const back = end < start;
  const far = (Math.abs(end - start) / STEP) * 9 + 12;
  const edge = back ? BOX.bottom : BOX.top;
  const height = back ? edge + far : edge - far;
  const middle = (start + end) / 2;
  return {
    path: `M${start} ${edge} Q${middle} ${2 * height - edge} ${end + (back ? 8 : -8)} ${edge}`,
    label: { x: middle, y: back ? height + 12 : height - 3 },
  };
}

function arrowHead(id: string): SVGMarkerElement {
  const size = { viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7 };
  const marker = draw('marker', { id, ...size, orient: 'auto-start-reverse' });
  marker.append(draw('path', { d: 'M0 0 L8 4 L0 8 Z' }));
  return marker;
}
