/**
 * The program of the page that `vnet replay --format html` makes: no framework, and it fetches nothing. It is bundled
 * with the machines it draws (tools/build.mjs) and runs in browsers since 2023.
 */
import { showDetails } from './detail.ts';
import { drawMachines } from './diagrams.ts';
import { byId } from './dom.ts';
import { List } from './list.ts';
import { PageRecords } from './records.ts';
import { Selection } from './selection.ts';
import { Timeline } from './timeline.ts';

async function show(): Promise<void> {
  const records = await PageRecords.open();
  const verdict = byId('verdict', HTMLElement);
  verdict.textContent = records.index.verdict.trim();
  verdict.className = records.index.good ? 'good' : 'bad';
  const selection = new Selection(records);
  const list = new List(records, selection);
  const timeline = new Timeline(records, selection, () => list.focus());
  drawMachines(records, selection);
  showDetails(records, selection, complain);
  selection.filter();
  timeline.draw();
  document.body.dataset.ready = String(records.total);
}

function complain(error: unknown): void {
  byId('verdict', HTMLElement).textContent = `This page could not be shown: ${error}`;
}

show().catch(complain);
