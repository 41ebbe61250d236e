/** Tables of plain text: columns parted by two blanks, numbers to the right. */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Columns that a text takes: its characters, combining ones aside. Enough for names and numbers. */
export function width(text: string): number {
  return [...text.replace(/\p{M}/gu, '')].length;
}

function pad(text: string, to: number, align: Column['align']): string {
  const blanks = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** The widths that the columns need. */
function widths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(width(title), ...rows.map((row) => width(row[index] ?? ''))),
  );
}

/** Lines with LF, the titles first. No line ends in a blank. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const all = widths(columns, rows);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => pad(cell, all[index] ?? 0, columns[index]?.align))
      .join('  ')
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map((cells) => `${line(cells)}\n`).join('');
}

/** How wide `table` would be. */
export function tableWidth(columns: readonly Column[], rows: readonly (readonly string[])[]): number {
  return widths(columns, rows).reduce((sum, each) => sum + each + 2, -2);
}

/** Names and values below each other, the values in one column. */
export function pairs(rows: readonly (readonly [string, string])[], indent = ''): string {
  const longest = Math.max(0, ...rows.map(([name]) => width(name)));
  return rows
    .map(([name, value]) => `${`${indent}${pad(name, longest, 'left')}  ${value}`.trimEnd()}\n`)
    .join('');
}
