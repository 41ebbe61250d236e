/** The time line: how many transitions there were when, and a lane for each actor that lives long. */
import { MACHINES, sessionDefinition } from '../../../machines/index.ts';
import { colour } from './colours.ts';
import { byId } from './dom.ts';
import type { PageRecords } from './records.ts';
import type { Selection } from './selection.ts';

/** Sizes in CSS pixels: height of a lane, width of the names, of the edge at the right, height of the times below. */
const LANE = 14;
const LEFT = 180;
const RIGHT = 4;
const FOOT = 14;
const MOST_LANES = 40;
const TALLEST = 300;
/** Characters of a name. */
const LONGEST_NAME = 28;

/** An actor of its number, and the records at which its state changed. */
type Lanes = ReadonlyMap<number, readonly number[]>;

/** Sessions are many and short: they have no lanes. */
function lanesOf(records: PageRecords): Lanes {
  const { actor } = records.columns;
  const lanes = new Map<number, number[]>();
  for (let i = 0; i < records.total; i++) {
    if (isSession(records.machine(i))) continue;
    const number = actor[i]!;
    const steps = lanes.get(number);
    if (steps !== undefined) {
      if (records.moved(i)) steps.push(i);
    } else if (lanes.size < MOST_LANES) {
      lanes.set(number, [i]);
    }
  }
  return lanes;
}

function isSession(machine: string): boolean {
  return MACHINES.get(machine)?.name === sessionDefinition.name;
}

export class Timeline {
  readonly #canvas = byId('timeline', HTMLCanvasElement);
  readonly #lanes: Lanes;
  /** All of it but the mark; painting 100,000 records at every step would be felt. */
  #picture: HTMLCanvasElement | undefined;

  /** @param clicked after a record was selected here */
  constructor(
    private readonly records: PageRecords,
    private readonly selection: Selection,
    clicked: () => void,
  ) {
    this.#lanes = lanesOf(records);
    new ResizeObserver(() => this.draw()).observe(this.#canvas);
    selection.onSelect(() => this.draw());
    this.#canvas.addEventListener('click', ({ offsetX }) => {
      const wanted = ((offsetX - LEFT) / (this.#canvas.clientWidth - LEFT - RIGHT)) * records.span;
      const record = selection.nearest(wanted);
      if (record === undefined) return;
      selection.select(record);
      clicked();
    });
  }

  draw(): void {
    const canvas = this.#canvas;
    const width = canvas.clientWidth;
    const height = Math.min(TALLEST, (this.#lanes.size + 2) * LANE + 18);
    canvas.style.height = `${height}px`;
    const scale = window.devicePixelRatio || 1;
    const [wide, high] = [pixels(width, scale), pixels(height, scale)];
    let picture = this.#picture;
    if (picture?.width !== wide || picture.height !== high) {
      picture = this.#paint(width, height, scale);
      this.#picture = picture;
    }
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    }
    const pen = penOf(canvas);
    pen.clearRect(0, 0, wide, high);
    pen.drawImage(picture, 0, 0);
    const { selected } = this.selection;
    if (selected === undefined) return;
    pen.fillStyle = '#2563eb';
    pen.fillRect(this.#x(this.records.micros(selected), width) * scale - 1, 0, 2 * scale, high);
  }

  #x(micros: number, width: number): number {
    return LEFT + (micros / this.records.span) * (width - LEFT - RIGHT);
  }

  #paint(width: number, height: number, scale: number): HTMLCanvasElement {
    const canvas = document.createElement('canvas');
    canvas.width = pixels(width, scale);
    canvas.height = pixels(height, scale);
    const pen = penOf(canvas);
    pen.scale(scale, scale);
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    const ink = getComputedStyle(document.body).color;
    let y = 2;
    const name = (text: string) => {
      pen.fillStyle = ink;
      pen.fillText(shortened(text), 2, y + LANE / 2, LEFT - 8);
    };
    name('all transitions');
    this.#paintCounts(pen, width, y);
    y += LANE;
    for (const [number, steps] of this.#lanes) {
      if (y > height - LANE - FOOT) break;
      name(this.records.index.actors[number]!);
      this.#paintLane(pen, width, y, steps);
      y += LANE;
    }
    pen.fillStyle = ink;
    this.#paintTimes(pen, width, height);
    return canvas;
  }

  /** How many there were in each pixel, by their logarithm: one is seen beside thousands. */
  #paintCounts(pen: CanvasRenderingContext2D, width: number, y: number): void {
    const { records } = this;
    const counts = new Float64Array(Math.max(1, Math.floor(width - LEFT - RIGHT)));
    for (let i = 0; i < records.total; i++) {
      const place = Math.floor((records.micros(i) / records.span) * counts.length);
      counts[Math.min(counts.length - 1, place)]! += 1;
    }
    const most = counts.reduce((one, other) => Math.max(one, other), 1);
    pen.fillStyle = '#7e57c2';
    for (const [place, count] of counts.entries()) {
      if (count === 0) continue;
      const high = 2 + ((LANE - 4) * Math.log1p(count)) / Math.log1p(most);
      pen.fillRect(LEFT + place, y + LANE - 1 - high, 1, high);
    }
  }

  #paintLane(pen: CanvasRenderingContext2D, width: number, y: number, steps: readonly number[]): void {
    const { records } = this;
    for (const [n, i] of steps.entries()) {
      const next = steps[n + 1];
      const lasts = next === undefined ? records.span : records.micros(next);
      const start = this.#x(records.micros(i), width);
      const end = this.#x(records.ended(i) ? records.micros(i) : lasts, width);
      pen.fillStyle = colour(records.to(i));
      pen.fillRect(start, y + 2, Math.max(1.5, end - start), LANE - 4);
    }
  }

  #paintTimes(pen: CanvasRenderingContext2D, width: number, height: number): void {
    if (this.records.total === 0) return;
    // To the millisecond.
    const time = (micros: number) => this.records.moment(micros).slice(0, 23);
    pen.textBaseline = 'bottom';
    pen.fillText(time(0), LEFT, height);
    pen.textAlign = 'right';
    pen.fillText(time(this.records.span), width - RIGHT, height);
  }
}

function pixels(length: number, scale: number): number {
  return Math.max(1, Math.floor(length * scale));
}

function penOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const pen = canvas.getContext('2d');
  if (pen === null) throw new Error('this browser draws no pictures');
  return pen;
}

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}
