/**
 * The page that `vnet replay --format html` makes, looked at in headless Chromium: a small log of two servers, and one
 * of 100,000 records. Without Chromium these tests are skipped.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replay } from '../../../tools/vnet/commands/replay.ts';
import { HtmlDocument } from '../../../tools/vnet/replay/html.ts';
import { openSource } from '../../../tools/vnet/replay/merged-steps.ts';
import { HANDLER, scratch, twoServers } from '../../unit/tools/history.ts';
import { Terminal } from '../../unit/tools/terminal.ts';
import { Browser, findBrowser } from './browser.ts';

const page = suite('replay page');
const program = findBrowser();
if (program === undefined) {
  process.stderr.write(
    'skipped: there is no chromium here (apt-get install chromium, or CHROMIUM=/path/to/it)\n',
  );
}
const look = program === undefined ? page.skip : page;

const place = scratch();
page.after(() => place.remove());

/** Writes the page of these logs. @returns its file */
async function make(name: string, dirs: readonly string[]): Promise<string> {
  const terminal = new Terminal();
  assert.is(await replay([...dirs, '--format', 'html'], terminal), 0);
  const file = path.join(place.dir, name);
  fs.writeFileSync(file, terminal.stdout);
  return file;
}

async function inBrowser(file: string, work: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await Browser.open(program!, file);
  try {
    await browser.until('document.body && document.body.dataset.ready');
    await work(browser);
    assert.equal(browser.requested, [], 'nothing is fetched');
    assert.equal(browser.complaints, []);
  } finally {
    await browser.close();
  }
}

page('needs nothing from the network', async () => {
  const { near, far } = twoServers();
  const file = await make('two.html', [
    near.write(path.join(place.dir, 'near')),
    far.write(path.join(place.dir, 'far')),
  ]);
  const text = fs.readFileSync(file, 'utf8');
  assert.not.match(text, /(?<![.\w])(?:src|href)=|@import|url\((?!#)/);
  assert.match(text, /default-src 'none'/);
  assert.match(text, /<title>[^{}<]+<\/title>/);
});

look('a small story: each transition can be clicked', () =>
  inBrowser(path.join(place.dir, 'two.html'), async (browser) => {
    const rows = Number(await browser.evaluate('document.body.dataset.ready'));
    assert.ok(rows > 30);
    assert.match(await browser.text(`document.querySelector('#verdict').textContent`), /OK.*\n.*OK/);
    assert.is(await browser.evaluate(`document.querySelector('#verdict').className`), 'good');
    assert.match(
      await browser.text(`document.querySelector('#machines').textContent`),
      /initiator.*binary 2/s,
    );
    await browser.evaluate(
      `(() => { const find = document.querySelector('#find'); find.value = 'near handler:${HANDLER}'; find.dispatchEvent(new Event('input')); })()`,
    );
    // The list is drawn anew a frame after the input: a click before that meets a row that goes away under it.
    await browser.until(`document.querySelector('.row:nth-child(2)')?.textContent.includes('device-open')`);
    await browser.clickUntil('.row:nth-child(2)', `document.querySelector('#detail h2')`);
    const detail = await browser.text(`document.querySelector('#detail').textContent`);
    assert.match(detail, new RegExp(`handler:${HANDLER}`));
    assert.match(detail, /device-open.*dial.*phase"?device→ dialling/s);
    await browser.press('ArrowDown');
    await browser.until(`document.querySelector('#detail').textContent.includes('sayHello')`);
  }),
);

look('an arrow of a machine shows its transitions alone', () =>
  inBrowser(path.join(place.dir, 'two.html'), async (browser) => {
    await browser.evaluate(
      `[...document.querySelectorAll('.edge')].find((edge) => edge.textContent.includes('handling → binary')).dispatchEvent(new MouseEvent('click'))`,
    );
    assert.match(await browser.text(`document.querySelector('#count').textContent`), /^2 of /);
  }),
);

const MANY = 100_000;

/** The page of a long log: the same short one again and again, each time later and with other actors. */
function makeLong(file: string): void {
  const { near } = twoServers();
  const dir = near.write(path.join(place.dir, 'again'));
  const steps = [...openSource(dir).steps({})];
  const document = new HtmlDocument();
  for (let count = 0; count < MANY; count++) {
    const step = steps[count % steps.length]!;
    const { record } = step;
    const time = new Date(near.base + count).toISOString().replace('Z', '000Z');
    const actor = `${record.actor}${Math.floor(count / steps.length)}`;
    document.add({ ...step, record: { ...record, seq: count + 1, time, actor } });
  }
  fs.writeFileSync(file, [...document.pieces('a long log', [])].join(''));
}

look('100,000 records: the list holds the rows in sight only, and ends where the log ends', async () => {
  const file = path.join(place.dir, 'long.html');
  makeLong(file);
  assert.ok(fs.statSync(file).size < 10_000_000);
  await inBrowser(file, async (browser) => {
    assert.is(await browser.text('document.body.dataset.ready'), String(MANY));
    assert.ok(Number(await browser.evaluate(`document.querySelectorAll('.row').length`)) < 200);
    await browser.evaluate(`document.querySelector('#list').focus()`);
    await browser.press('End');
    await browser.until(`document.querySelector('.row.now')?.dataset.seq === '${MANY}'`);
    await browser.until(`document.querySelector('#detail h2')?.textContent.startsWith('#${MANY}')`);
    await browser.press('Home');
    await browser.until(`document.querySelector('.row.now')?.dataset.seq === '1'`);
    assert.ok(Number(await browser.evaluate(`document.querySelectorAll('.row').length`)) < 200);
  });
});

page.run();
