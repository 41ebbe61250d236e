/**
 * The program of the page that `vnet replay --format html` makes: no framework, and it fetches nothing. It is bundled
 * with the machines it draws (tools/build.mjs) and runs in browsers since 2023.
 */
import { showDetails } from './detail.ts';
import { drawMachines } from './diagrams.ts';
import { byId } from './dom.ts';
import { List } from './list.ts';
import { Selection } from './selection.ts';
import { Story } from './story.ts';
import { Timeline } from './timeline.ts';

async function show(): Promise<void> {
  const story = await Story.open();
  const verdict = byId('verdict', HTMLElement);
  verdict.textContent = story.index.verdict.trim();
  verdict.className = story.index.good ? 'good' : 'bad';
  const selection = new Selection(story);
  const list = new List(story, selection);
  const timeline = new Timeline(story, selection, () => list.focus());
  drawMachines(story, selection);
  showDetails(story, selection, complain);
  selection.filter();
  timeline.draw();
  document.body.dataset.ready = String(story.total);
}

function complain(error: unknown): void {
  byId('verdict', HTMLElement).textContent = `This page could not be shown: ${error}`;
}

show().catch(complain);
