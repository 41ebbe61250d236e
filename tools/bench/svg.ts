/** What the pictures of the benchmark have in common: frame, colours, and the line that says where it was measured. */
import type { Place } from './report.ts';

const STYLE =
  'text{font:11px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:13px}' +
  '.note{fill:#57606a}.first{fill:#0a6ebd}.second{fill:#8cc4ea}';

/** Text as the content of an element. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Where, when and how it was measured, with its base line at `y`. */
export function settingNote(at: Place, y: number): string {
  const note =
    `${at.command}, ${at.date}: ${at.processor}, ${at.cores} cores, ` +
    `Linux ${at.kernel}, Node ${at.node}, ${at.congestionControl}`;
  return `<text class="note" x="12" y="${y}">${escaped(note)}</text>`;
}

/** A whole SVG document on white. Sizes in pixels; the label is what a screen reader says. */
export function picture(
  frame: { readonly width: number; readonly height: number; readonly label: string },
  parts: readonly string[],
): string {
  const { width, height, label } = frame;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">\n` +
    `<style>${STYLE}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`
  );
}
