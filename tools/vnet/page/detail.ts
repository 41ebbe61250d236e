/** All that is known of one transition. */
import { byId, make } from './dom.ts';
import type { PageDetail } from './format.ts';
import type { PageRecords } from './records.ts';
import type { Selection } from './selection.ts';

/** Shows the selected record. @param failed is told when its details cannot be unpacked */
export function showDetails(
  records: PageRecords,
  selection: Selection,
  failed: (error: unknown) => void,
): void {
  const place = byId('detail', HTMLElement);
  selection.onSelect((record) => {
    records.details(record).then((detail) => {
      // Meanwhile another one may have been selected.
      if (selection.selected === record) place.replaceChildren(...lines(records, record, detail));
    }, failed);
  });
}

function lines(records: PageRecords, i: number, [event, effects, changes]: PageDetail): Node[] {
  const { type, ...rest } = event;
  const machine = records.machine(i);
  const heading = `#${records.seq(i)}  ${records.actor(i)}`;
  const moment = records.moment(records.micros(i));
  const fields = Object.keys(rest).length > 0 ? `\n${JSON.stringify(rest, null, 2)}` : '';
  return [
    make('h2', '', heading),
    make('div', '', machine === '' ? moment : `${moment}   machine ${machine}`),
    make('h3', '', 'State'),
    make('pre', '', `${records.from(i) || '(new)'} → ${records.to(i)}`),
    make('h3', '', 'Event'),
    make('pre', '', `${type}${fields}`),
    make('h3', '', 'Effects'),
    make('pre', '', effects.join('\n') || NONE),
    make('h3', '', 'Context, what changed'),
    changes.length > 0 ? table(changes) : make('pre', '', NONE),
  ];
}

const NONE = '(none)';

function table(changes: PageDetail[2]): HTMLTableElement {
  const table = make('table');
  for (const [path, before, after] of changes) {
    const line = make('tr');
    line.append(make('th', '', path), make('td', '', shown(before)), make('td', '', `→ ${shown(after)}`));
    table.append(line);
  }
  return table;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
