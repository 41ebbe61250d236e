/**
 * The program of the page that `--format html` makes, in the JavaScript of browsers since 2023. It has no framework
 * and fetches nothing. The list holds only the rows that can be seen.
 */
export const PAGE_SCRIPT = String.raw`
(async () => {
'use strict';
const ROW = 22;
const $ = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const unpack = async (id) => {
  const bytes = Uint8Array.from(atob($(id).textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
};
const data = await unpack('index');
const { seq, time, actor, event, from, to, machine } = data.columns;
for (let i = 1; i < time.length; i++) time[i] += time[i - 1];
const total = seq.length;
const moment = (micros) => {
  const all = data.begun + micros;
  const date = new Date(Math.floor(all / 1000));
  return date.toISOString().slice(0, 19).replace('T', ' ') + '.' + String(all % 1000000).padStart(6, '0');
};
$('title').textContent = data.title;
$('verdict').textContent = data.verdict.trim();
$('verdict').className = data.good ? 'good' : 'bad';

// ── Which rows ──
let shown = Array.from({ length: total }, (_, i) => i);
let edge = null;
const options = data.actors.slice(0, 5000);
for (const [number, name] of options.entries()) {
  const option = make('option', '', name);
  option.value = String(number);
  $('actor').append(option);
}
function filter() {
  const find = $('find').value.trim().toLowerCase();
  const chosen = $('actor').value;
  const moved = $('moved').checked;
  const has = (names) => names.map((name) => name.toLowerCase().includes(find));
  const inActor = has(data.actors), inEvent = has(data.events), inState = has(data.states);
  const wanted = (i) =>
    (chosen === '' || actor[i] === Number(chosen)) &&
    (!moved || from[i] !== to[i]) &&
    (edge === null || (machine[i] === edge.machine && from[i] === edge.from && to[i] === edge.to)) &&
    (find === '' || inActor[actor[i]] || inEvent[event[i]] || inState[to[i]] || String(seq[i]) === find);
  shown = [];
  for (let i = 0; i < total; i++) if (wanted(i)) shown.push(i);
  $('count').textContent = shown.length.toLocaleString('en') + ' of ' + total.toLocaleString('en') + ' transitions' +
    (edge === null ? '' : ' (one arrow only; click it again for all)');
  $('height').style.height = shown.length * ROW + 'px';
  $('list').scrollTop = Math.max(0, position(selected) * ROW - $('list').clientHeight / 2);
  drawRows();
}
/** Where in what is shown a record stands, or would stand. */
function position(record) {
  let low = 0, high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle] < record) low = middle + 1; else high = middle;
  }
  return low;
}

// ── The list ──
let selected = -1;
function drawRows() {
  const list = $('list');
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / ROW) + 10);
  const rows = [];
  for (let n = first; n < last; n++) rows.push(row(shown[n]));
  $('rows').style.top = first * ROW + 'px';
  $('rows').replaceChildren(...rows);
}
function row(i) {
  const element = make('div', i === selected ? 'row now' : 'row');
  element.dataset.index = i;
  element.dataset.seq = seq[i];
  element.setAttribute('role', 'option');
  element.setAttribute('aria-selected', String(i === selected));
  const states = make('span', 'states');
  const [before, after] = [data.states[from[i]], data.states[to[i]]];
  if (before !== after) states.append(before + (before ? ' → ' : '→ '), make('b', '', after));
  else states.textContent = after;
  element.append(make('span', 'seq', seq[i]), make('span', 'time', moment(time[i])),
    make('span', 'actor', data.actors[actor[i]]), states, make('span', 'event', data.events[event[i]]));
  return element;
}
$('list').addEventListener('scroll', drawRows, { passive: true });
new ResizeObserver(() => { drawRows(); drawTimeline(); }).observe($('list'));
$('rows').addEventListener('click', (click) => {
  const element = click.target.closest('.row');
  if (element) select(Number(element.dataset.index));
});
$('list').addEventListener('keydown', (key) => {
  const page = Math.max(1, Math.floor($('list').clientHeight / ROW) - 1);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[key.key];
  if (step === undefined || shown.length === 0) return;
  key.preventDefault();
  const now = selected < 0 ? -1 : position(selected);
  const target = Math.min(shown.length - 1, Math.max(0, now + step));
  select(shown[target]);
});

// ── One transition ──
const blocks = new Map();
function details(i) {
  const number = Math.floor(i / data.block);
  if (!blocks.has(number)) {
    if (blocks.size > 40) blocks.delete(blocks.keys().next().value);
    blocks.set(number, unpack('block' + number));
  }
  return blocks.get(number).then((block) => block[i % data.block]);
}
async function select(i) {
  selected = i;
  const list = $('list');
  const top = position(i) * ROW;
  if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 2;
  }
  drawRows();
  drawTimeline();
  markEdge(i);
  const [happened, effects, changed] = await details(i);
  if (selected !== i) return;
  const { type, ...rest } = happened;
  const lines = (items) => make('pre', '', items.length ? items.join('\n') : '(none)');
  const table = make('table');
  for (const [path, before, after] of changed) {
    const line = make('tr');
    line.append(make('th', '', path), make('td', '', text(before)), make('td', '', '→ ' + text(after)));
    table.append(line);
  }
  $('detail').replaceChildren(
    make('h2', '', '#' + seq[i] + '  ' + data.actors[actor[i]]),
    make('div', '', moment(time[i]) + (data.machines[machine[i]] ? '   machine ' + data.machines[machine[i]] : '')),
    make('h3', '', 'State'), make('pre', '', (data.states[from[i]] || '(new)') + ' → ' + data.states[to[i]]),
    make('h3', '', 'Event'), make('pre', '', type + (Object.keys(rest).length ? '\n' + JSON.stringify(rest, null, 2) : '')),
    make('h3', '', 'Effects'), lines(effects),
    make('h3', '', 'Context, what changed'), changed.length ? table : lines([]));
}
const text = (value) => (value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value));

// ── The time line: a lane for each actor that lives long, one for the sessions together ──
const COLOURS = { unauthenticated: '#9e9e9e', authenticated: '#42a5f5', handling: '#ffa726', binary: '#43a047', closed: '#6d4c41', running: '#43a047', stopped: '#6d4c41', open: '#43a047', opening: '#ffa726' };
const colour = (state) => COLOURS[state] || 'hsl(' + ([...state].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) % 360) + ' 55% 50%)';
const LANE = 14;
const isSession = data.actors.map((name) => /(^| )session:/.test(name));
const lanes = new Map();
for (let i = 0; i < total; i++) {
  if (isSession[actor[i]]) continue;
  if (!lanes.has(actor[i])) { if (lanes.size >= 40) continue; lanes.set(actor[i], []); }
  const steps = lanes.get(actor[i]);
  if (steps.length === 0 || from[i] !== to[i]) steps.push(i);
}
const span = Math.max(1, total ? time[total - 1] : 1);
let picture = null;
function drawTimeline() {
  const canvas = $('timeline');
  const width = canvas.clientWidth, height = Math.min(300, (lanes.size + 2) * LANE + 18);
  canvas.style.height = height + 'px';
  const scale = window.devicePixelRatio || 1;
  const pen = canvas.getContext('2d');
  if (!picture || picture.width !== width * scale) picture = paint(width, height, scale);
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0);
  if (selected >= 0) {
    pen.fillStyle = '#2563eb';
    pen.fillRect((LEFT + (time[selected] / span) * (width - LEFT - 4)) * scale - 1, 0, 2 * scale, canvas.height);
  }
}
const LEFT = 180;
function paint(width, height, scale) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  const ink = getComputedStyle(document.body).color;
  const x = (micros) => LEFT + (micros / span) * (width - LEFT - 4);
  let y = 2;
  const name = (label) => { pen.fillStyle = ink; pen.fillText(label.length > 28 ? label.slice(0, 27) + '…' : label, 2, y + LANE / 2, LEFT - 8); };
  name('all transitions');
  const counts = new Float64Array(Math.max(1, Math.floor(width - LEFT - 4)));
  for (let i = 0; i < total; i++) counts[Math.min(counts.length - 1, Math.floor((time[i] / span) * counts.length))]++;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  pen.fillStyle = '#7e57c2';
  counts.forEach((count, at) => { if (count) { const high = 2 + (LANE - 4) * Math.log1p(count) / Math.log1p(most); pen.fillRect(LEFT + at, y + LANE - 1 - high, 1, high); } });
  y += LANE;
  for (const [number, steps] of lanes) {
    if (y > height - LANE - 14) break;
    name(data.actors[number]);
    steps.forEach((i, n) => {
      const end = data.states[to[i]] === 'closed' ? time[i] : n + 1 < steps.length ? time[steps[n + 1]] : span;
      pen.fillStyle = colour(data.states[to[i]]);
      pen.fillRect(x(time[i]), y + 2, Math.max(1.5, x(end) - x(time[i])), LANE - 4);
    });
    y += LANE;
  }
  pen.fillStyle = ink;
  pen.textBaseline = 'bottom';
  if (total) {
    pen.fillText(moment(0).slice(0, 23), LEFT, height);
    pen.textAlign = 'right';
    pen.fillText(moment(span).slice(0, 23), width - 4, height);
  }
  return canvas;
}
$('timeline').addEventListener('click', (click) => {
  if (shown.length === 0) return;
  const wanted = ((click.offsetX - LEFT) / ($('timeline').clientWidth - LEFT - 4)) * span;
  let low = 0, high = shown.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (time[shown[middle]] < wanted) low = middle + 1; else high = middle; }
  if (low > 0 && wanted - time[shown[low - 1]] < time[shown[low]] - wanted) low--;
  select(shown[low]);
  $('list').focus({ preventScroll: true });
});

// ── The machines: their states and how often each arrow was gone ──
const SVG = 'http://www.w3.org/2000/svg';
const draw = (tag, attributes, content) => {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (content !== undefined) element.textContent = content;
  return element;
};
const edges = new Map();
function drawMachines() {
  const ORDER = ['unauthenticated', 'authenticated', 'handling', 'binary', 'closed'];
  const machines = new Map();
  for (let i = 0; i < total; i++) {
    if (data.machines[machine[i]] === '' || from[i] === to[i]) continue;
    if (!machines.has(machine[i])) machines.set(machine[i], new Map());
    const counts = machines.get(machine[i]);
    const key = from[i] + ' ' + to[i];
    counts.set(key, (counts.get(key) || 0) + 1);
  }
  for (const [number, counts] of machines) {
    const visits = new Map();
    for (const [key, count] of counts) { const [a, b] = key.split(' ').map(Number); visits.set(b, (visits.get(b) || 0) + count); if (data.states[a] !== '') visits.set(a, visits.get(a) || 0); }
    const rank = (state) => { const at = ORDER.indexOf(data.states[state]); return at < 0 ? 99 : at; };
    const states = [...visits.keys()].sort((a, b) => rank(a) - rank(b) || a - b);
    const place = new Map(states.map((state, at) => [state, 78 + at * 150]));
    const svg = draw('svg', { width: states.length * 150 + 10, height: 150, role: 'img' });
    const head = draw('marker', { id: 'head' + number, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto-start-reverse' });
    head.append(draw('path', { d: 'M0 0 L8 4 L0 8 Z' }));
    svg.append(head);
    for (const [key, count] of counts) {
      const [a, b] = key.split(' ').map(Number);
      const group = draw('g', { class: 'edge' });
      const x2 = place.get(b), x1 = place.has(a) ? place.get(a) : x2;
      const back = x2 < x1;
      const far = Math.abs(x2 - x1) / 150;
      const bow = back ? 88 + 12 + far * 9 : 62 - 12 - far * 9;
      const start = back ? 88 : 62;
      const path = place.has(a) ? 'M' + x1 + ' ' + start + ' Q' + (x1 + x2) / 2 + ' ' + (2 * bow - start) + ' ' + (x2 + (back ? 8 : -8)) + ' ' + start
        : 'M' + (x2 - 74) + ' 75 L' + (x2 - 62) + ' 75';
      group.append(draw('path', { d: path, 'marker-end': 'url(#head' + number + ')' }), draw('title', {}, (data.states[a] || 'new') + ' → ' + data.states[b] + ': ' + count));
      if (place.has(a)) group.append(draw('text', { x: (x1 + x2) / 2, y: back ? bow + 12 : bow - 3 }, count.toLocaleString('en')));
      group.addEventListener('click', () => {
        edge = edge && edge.machine === number && edge.from === a && edge.to === b ? null : { machine: number, from: a, to: b };
        filter();
      });
      edges.set(number + ' ' + key, group);
      svg.append(group);
    }
    for (const state of states) {
      const x = place.get(state);
      svg.append(draw('rect', { x: x - 60, y: 62, width: 120, height: 26, rx: 6, style: 'stroke:' + colour(data.states[state]) }),
        draw('text', { x, y: 79 }, data.states[state] + ' ' + visits.get(state).toLocaleString('en')));
    }
    const figure = make('figure');
    figure.append(make('figcaption', '', data.machines[number]), svg);
    $('machines').append(figure);
  }
}
function markEdge(i) {
  for (const group of edges.values()) group.classList.remove('now');
  const group = edges.get(machine[i] + ' ' + from[i] + ' ' + to[i]);
  if (group) group.classList.add('now');
}

drawMachines();
for (const id of ['find', 'actor', 'moved']) $(id).addEventListener('input', filter);
filter();
drawTimeline();
document.body.dataset.ready = String(total);
})().catch((error) => {
  document.getElementById('verdict').textContent = 'This page could not be shown: ' + error;
});
`;
