/** The results as an SVG picture: one panel of horizontal bars for each figure. */

import type { Result } from './report.ts';
import type { Figure } from './round.ts';
import { escaped, picture, settingNote } from './svg.ts';

interface Bar {
  readonly label: string;
  readonly value: number;
  /** Written behind the bar. */
  readonly text: string;
  readonly shade: 'first' | 'second';
}

interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const LABELS = 170;
const WIDTH = 760;
const BAR = 13;
const GAP = 4;
const TITLE = 30;
/** Room for the text behind the longest bar. */
const TEXT = 90;

/** What each panel shows: a figure there, and the one that belongs to it, in lighter bars. */
const PANELS: readonly {
  readonly title: string;
  readonly figures: readonly [Figure] | readonly [Figure, Figure];
  readonly of: 'median' | 'ratio';
  readonly scale: number;
  readonly digits: number;
  readonly unit: string;
  /** Whether direct veth has this figure. */
  readonly direct: boolean;
}[] = [
  {
    title: 'TCP throughput as a share of direct veth (dark: →, light: ←)',
    figures: ['tcpThere', 'tcpBack'],
    of: 'ratio',
    scale: 1,
    digits: 2,
    unit: '',
    direct: false,
  },
  {
    title: '64-byte UDP out of the far device, thousand a second',
    figures: ['udpOut'],
    of: 'median',
    scale: 1e3,
    digits: 0,
    unit: 'k/s',
    direct: true,
  },
  {
    title: 'Round trip, nothing else on the way, median, µs',
    figures: ['pingMedian'],
    of: 'median',
    scale: 1,
    digits: 0,
    unit: 'µs',
    direct: true,
  },
  {
    title: 'Round trip under a TCP stream, median, ms',
    figures: ['loadedMedian'],
    of: 'median',
    scale: 1e3,
    digits: 2,
    unit: 'ms',
    direct: true,
  },
  {
    title: 'CPU seconds of both servers for each GB (dark: →, light: ←)',
    figures: ['cpuThere', 'cpuBack'],
    of: 'median',
    scale: 1,
    digits: 2,
    unit: 's',
    direct: false,
  },
];

function panels({ variants }: Result): Panel[] {
  return PANELS.map(({ title, figures, of, scale, digits, unit, direct }) => ({
    title,
    bars: variants
      .filter(({ name }) => direct || name !== 'direct')
      .flatMap(({ title: label, summary }) =>
        figures.flatMap((figure, at) => {
          const value = summary[of][figure];
          if (value === undefined) return [];
          const scaled = value / scale;
          const text = `${scaled.toFixed(digits)} ${unit}`.trim();
          return [
            { label: at === 0 ? label : '', value: scaled, text, shade: at === 0 ? 'first' : 'second' },
          ] as Bar[];
        }),
      ),
  })).filter(({ bars }) => bars.length > 0);
}

function drawBar({ label, value, text, shade }: Bar, longest: number, y: number): string {
  const width = longest > 0 ? ((WIDTH - LABELS - TEXT) * value) / longest : 0;
  const middle = y + BAR - 3;
  return [
    label && `<text x="${LABELS - 8}" y="${middle}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${shade}" x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>`,
    `<text x="${(LABELS + width + 6).toFixed(1)}" y="${middle}">${escaped(text)}</text>`,
  ].join('');
}

function drawPanel({ title, bars }: Panel, top: number): { svg: string; bottom: number } {
  const longest = Math.max(...bars.map(({ value }) => value));
  let y = top + TITLE;
  const parts = [`<text class="title" x="12" y="${top + 20}">${escaped(title)}</text>`];
  for (const bar of bars) {
    if (bar.shade === 'second') y -= GAP - 1;
    parts.push(drawBar(bar, longest, y));
    y += BAR + GAP;
  }
  return { svg: parts.join('\n'), bottom: y };
}

export function plot(result: Result): string {
  const parts: string[] = [];
  let bottom = 8;
  for (const panel of panels(result)) {
    const drawn = drawPanel(panel, bottom);
    parts.push(drawn.svg);
    bottom = drawn.bottom + 8;
  }
  parts.push(settingNote(result.setting, bottom + 12));
  return picture({ width: WIDTH, height: bottom + 24, label: 'Measured performance of VNET' }, parts);
}
