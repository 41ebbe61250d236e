/** Markup and style of the page that `--format html` makes. */

export const PAGE_MARKUP = `
<header>
  <h1 id="title"></h1>
  <p id="verdict" role="status"></p>
  <div class="controls">
    <label>Find <input id="find" type="search" placeholder="actor, event or state" autocomplete="off"></label>
    <label>Actor <select id="actor"><option value="">all</option></select></label>
    <label><input id="moved" type="checkbox"> changes of state only</label>
    <span id="count"></span>
  </div>
</header>
<section aria-label="Time line">
  <canvas id="timeline" tabindex="0" aria-label="Time line of all actors; a click goes to that time"></canvas>
</section>
<section id="machines" aria-label="Machines"></section>
<main>
  <div id="list" tabindex="0" role="listbox" aria-label="Transitions"><div id="height"><div id="rows"></div></div></div>
  <article id="detail" aria-live="polite"><p class="hint">Click a transition, or go through them with ↑ and ↓.</p></article>
</main>
<noscript>This page needs JavaScript; everything it shows is in this one file.</noscript>`;

export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2563eb; --bad: #c62828; --good: #2e7d32; }
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 13px/1.4 system-ui, sans-serif; background: Canvas; color: CanvasText; }
header, section { padding: 6px 12px; border-bottom: 1px solid var(--line); }
h1 { font-size: 16px; margin: 0; }
#verdict { margin: 2px 0; white-space: pre-wrap; color: var(--bad); }
#verdict.good { color: var(--good); }
.controls { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; }
.controls select { max-width: 24em; }
#timeline { width: 100%; height: 120px; display: block; cursor: crosshair; }
#machines { display: flex; gap: 24px; overflow-x: auto; }
#machines figure { margin: 0; flex: none; }
#machines figcaption { font-weight: 600; }
#machines svg { display: block; font: 11px system-ui, sans-serif; }
#machines rect { fill: Canvas; stroke: currentColor; stroke-width: 1.5; }
#machines marker path { fill: #888; stroke: none; }
#machines text { fill: currentColor; text-anchor: middle; }
#machines path { fill: none; stroke: #888; stroke-width: 1.2; }
#machines .edge { cursor: pointer; }
#machines .edge text { fill: #888; }
#machines .edge:hover path, #machines .edge.now path { stroke: var(--accent); stroke-width: 2.5; }
#machines .edge:hover text, #machines .edge.now text { fill: var(--accent); font-weight: 700; }
main { flex: 1; min-height: 160px; display: flex; }
#list, #detail { min-width: 0; }
#list { flex: 5; overflow: auto; position: relative; outline-offset: -2px; }
#height { position: relative; }
#rows { position: absolute; left: 0; right: 0; top: 0; }
.row { display: flex; gap: 12px; height: 22px; padding: 2px 12px; white-space: nowrap; cursor: default; font-family: ui-monospace, monospace; font-size: 12px; }
.row > * { overflow: hidden; text-overflow: ellipsis; }
.row:hover { background: var(--soft); }
.row.now { background: var(--accent); color: white; }
.seq { width: 5em; text-align: right; flex: none; opacity: .7; }
.time { width: 16em; flex: none; }
.actor { width: 19em; flex: 0 1 auto; }
.states { width: 20em; flex: 0 1 auto; }
.states b { font-weight: 600; }
.event { flex: 1 0 10em; }
#detail { flex: 3; overflow: auto; padding: 8px 12px; border-left: 1px solid var(--line); overflow-wrap: anywhere; }
#detail h2 { font-size: 14px; margin: 0 0 4px; }
#detail h3 { font-size: 12px; margin: 10px 0 2px; text-transform: uppercase; opacity: .7; }
#detail pre { margin: 0; white-space: pre-wrap; font: 12px ui-monospace, monospace; }
#detail table { border-collapse: collapse; font: 12px ui-monospace, monospace; }
#detail td, #detail th { text-align: left; vertical-align: top; padding: 1px 10px 1px 0; }
.hint { opacity: .7; }
@media (max-width: 900px) { main { flex-direction: column; } #detail { border-left: 0; border-top: 1px solid var(--line); } .time { width: 9em; } }
`;
