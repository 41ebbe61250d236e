/**
 * The results as an SVG picture: a row for each line, a column for each kind of figure. Each field has a scale of its own, since lines
 * differ a thousandfold; rates go up to the line's own rate where it has one.
 */
import type { Figures } from '../summary.ts';
import { escaped, picture, settingNote } from '../svg.ts';
import type { WanLineResult, WanResult } from './result.ts';
import type { WanSample } from './round.ts';

interface Field {
  readonly title: string;
  /** A dark bar and a light one. */
  readonly figures: readonly [keyof WanSample, keyof WanSample];
  readonly scale: number;
  readonly digits: number;
  /** Whether it is a rate. */
  readonly rate: boolean;
  /** Whether the bare line has it. */
  readonly bare: boolean;
}

const FIELDS: readonly Field[] = [
  {
    title: 'one stream, Mbit/s (→, ←)',
    figures: ['oneThere', 'oneBack'],
    scale: 1,
    digits: 0,
    rate: true,
    bare: true,
  },
  {
    title: 'four streams, Mbit/s (→, ←)',
    figures: ['fourThere', 'fourBack'],
    scale: 1,
    digits: 0,
    rate: true,
    bare: true,
  },
  {
    title: 'ping median, ms (idle, beside)',
    figures: ['idleMedian', 'besideMedian'],
    scale: 1e3,
    digits: 1,
    rate: false,
    bare: true,
  },
  {
    title: 'ping 99 %, ms (idle, beside)',
    figures: ['idleP99', 'besideP99'],
    scale: 1e3,
    digits: 1,
    rate: false,
    bare: true,
  },
  {
    title: 'CPU s/GB (→, ←)',
    figures: ['cpuThere', 'cpuBack'],
    scale: 1,
    digits: 1,
    rate: false,
    bare: false,
  },
];

const LABELS = 100;
const COLUMN = 230;
/** Room for the number behind the longest bar, and between columns. */
const NUMBER = 52;
const BAR = 9;
/** Of one tunnel: its two bars and the gap below. */
const PAIR = 2 * BAR + 5;
const ROW_TITLE = 24;
const HEAD = 30;
const WIDTH = LABELS + COLUMN * FIELDS.length;

const left = (column: number): number => LABELS + column * COLUMN;

export function plotLines({ setting, lines }: WanResult): string {
  const parts = FIELDS.map(
    ({ title }, column) => `<text class="title" x="${left(column)}" y="20">${escaped(title)}</text>`,
  );
  let top = HEAD;
  for (const line of lines) {
    parts.push(...row(line, top));
    top += ROW_TITLE + line.tunnels.length * PAIR + 8;
  }
  parts.push(settingNote(setting, top + 12));
  return picture({ width: WIDTH, height: top + 24, label: 'VNET on lines with a length' }, parts);
}

function row(line: WanLineResult, top: number): string[] {
  const { title, tunnels } = line;
  const labels = tunnels.map(
    (tunnel, at) =>
      `<text x="${LABELS - 8}" y="${place(top, at) + BAR + 4}" text-anchor="end">${escaped(tunnel.title)}</text>`,
  );
  const fields = FIELDS.map((field, column) => bars(line, field, left(column), top));
  return [
    `<path d="M12 ${top + 2}H${WIDTH - 12}" stroke="#d0d7de"/>`,
    `<text class="title" x="12" y="${top + 17}">${escaped(title)}</text>`,
    ...labels,
    ...fields,
  ];
}

const place = (top: number, tunnel: number): number => top + ROW_TITLE + tunnel * PAIR;

function bars({ tunnels, conditions }: WanLineResult, field: Field, x: number, top: number): string {
  const { figures, scale, digits, rate } = field;
  const shown = tunnels.map(({ wires, summary }) => (field.bare || wires.length > 0 ? summary.median : {}));
  const valueIn = (median: Figures<WanSample>, figure: keyof WanSample) => (median[figure] ?? 0) / scale;
  const longest = Math.max(
    rate ? (conditions?.rate ?? 0) : 0,
    ...shown.flatMap((median) => figures.map((figure) => valueIn(median, figure))),
  );
  const parts = shown.flatMap((median, at) =>
    figures.map((figure, second) => {
      if (median[figure] === undefined) return '';
      const value = valueIn(median, figure);
      const width = longest > 0 ? ((COLUMN - NUMBER) * value) / longest : 0;
      const y = place(top, at) + second * BAR;
      return (
        `<rect class="${second === 0 ? 'first' : 'second'}" x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>` +
        `<text x="${(x + width + 4).toFixed(1)}" y="${y + BAR - 1}" style="font-size:9px">${value.toFixed(digits)}</text>`
      );
    }),
  );
  return parts.join('');
}
