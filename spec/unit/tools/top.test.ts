/** `vnet top`: rates, order, keys and the page, without a terminal. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitUntil } from '../../../tools/lab/wait.ts';
import { width } from '../../../tools/vnet/cli/table.ts';
import { FIRST_VIEW, keysIn, press } from '../../../tools/vnet/top/keys.ts';
import {
  arrange,
  keyOf,
  ORDERS,
  type Order,
  type Row,
  rates,
  type Sample,
} from '../../../tools/vnet/top/model.ts';
import { type Page, render } from '../../../tools/vnet/top/screen.ts';
import { detailLines, Source } from '../../../tools/vnet/top/source.ts';
import { FakeServer } from './fake-server.ts';

const test = suite('vnet top');

const sample = (number: number, more: Partial<Sample> = {}): Sample => ({
  server: 'tcp://127.0.0.1:7411',
  id: number.toString(16).padStart(32, '0'),
  state: 'binary',
  peer: `tls://198.51.100.${number % 256}:7411`,
  device: `vm${number}`,
  rxBytes: 0,
  txBytes: 0,
  dropped: 0,
  rtt: 1_000 + number,
  ...more,
});
const rows = (count: number): Row[] =>
  rates(
    [],
    Array.from({ length: count }, (_, i) => sample(i)),
    1,
  );
const page = (all: readonly Row[], more: Partial<Page> = {}): Page => ({
  servers: ['tcp://127.0.0.1:7411'],
  rows: all,
  all: all.length,
  order: 'd',
  filter: '',
  typing: false,
  paused: false,
  selected: undefined,
  detail: [],
  transitions: [],
  problem: undefined,
  time: '12:00:00',
  ...more,
});

test('rates are what came between two samples; counters that begin anew are no rate', () => {
  const before = [sample(1, { rxBytes: 1_000, txBytes: 500, dropped: 4 }), sample(2, { rxBytes: 900 })];
  const now = [
    sample(1, { rxBytes: 3_000, txBytes: 500, dropped: 10 }),
    sample(2, { rxBytes: 100 }),
    sample(3, { rxBytes: 7 }),
  ];
  assert.equal(
    rates(before, now, 2).map(({ rxRate, txRate, dropRate }) => [rxRate, txRate, dropRate]),
    [
      [8_000, 0, 3],
      [0, 0, 0],
      [0, 0, 0],
    ],
  );
  const twice = [sample(1), sample(1, { server: 'tcp://other:7411' })];
  assert.is(new Set(twice.map(keyOf)).size, 2, 'two servers may have the same Handler');
});

test('each key sorts, and a filter leaves what has that part', () => {
  const before = [sample(2), sample(1), sample(3)];
  const now = [
    sample(2, { state: 'handling', peer: 'a', rtt: undefined, rxBytes: 3, txBytes: 1, dropped: 2 }),
    sample(1, { peer: 'b', rtt: 700, rxBytes: 1, txBytes: 2, dropped: 3 }),
    sample(3, { state: 'away', rtt: 900, rxBytes: 2, txBytes: 3, dropped: 1 }),
  ];
  const all = rates(before, now, 1);
  const sorted = (order: Order) => arrange(all, order, '').map(({ device }) => device.slice(2));
  const orders = Object.keys(ORDERS) as Order[];
  assert.equal(Object.fromEntries(orders.map((order) => [order, sorted(order).join(' ')])), {
    n: '1 2 3',
    s: '3 1 2',
    p: '2 1 3',
    r: '2 3 1',
    t: '3 1 2',
    d: '1 2 3',
    l: '3 1 2',
  });
  assert.equal(
    arrange(all, 'n', 'HANDL').map(({ device }) => device),
    ['vm2'],
  );
  assert.equal(
    arrange(all, 'n', '100.3').map(({ device }) => device),
    ['vm3'],
  );
});

test('keys do what the page says', () => {
  const typed = (...keys: readonly string[]) => keys.reduce(press, FIRST_VIEW);
  assert.is(typed('r').order, 'r');
  assert.ok(typed('q').quit && typed('\x03').quit);
  assert.ok(typed(' ').paused && !typed(' ', ' ').paused);
  assert.is(typed('j', '\x1b[B', '\x1b[6~', 'k').move, 11);
  assert.equal(
    [typed('/', 'v', 'm', '7').filter, typed('/', 'v').typing, typed('/', 'v', '\r').typing],
    ['vm7', true, false],
  );
  assert.is(typed('/', 'q', '\x7f', 'r').filter, 'r', 'letters are letters while one types');
  assert.is(typed('/', 'v', '\r', '\x1b').filter, '');
  assert.is(typed('x'), FIRST_VIEW);
  assert.equal(keysIn('/ab\r\x1b[A\x1b[6~q'), ['/', 'a', 'b', '\r', '\x1b[A', '\x1b[6~', 'q']);
});

test('the page fits the terminal, whatever its size, and the selected row is on it', () => {
  const all = rows(1_000);
  const selected = keyOf(all[700]!);
  for (const [columns, lines] of [
    [80, 24],
    [200, 60],
    [20, 5],
    [1, 1],
  ] as const) {
    const text = render(
      page(all, {
        selected,
        detail: ['drops: none', 'wire 0: …'],
        transitions: Array(9).fill('x'.repeat(300)),
      }),
      columns,
      lines,
    );
    assert.ok(text.length <= lines, `${text.length} lines on ${lines}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal does not show
    for (const line of text) assert.ok(width(line.replace(/\x1b\[\d*m/g, '')) <= columns, line);
    if (lines >= 24)
      assert.ok(text.some((line) => line.includes('\x1b[7m') && line.includes('vm700'.slice(0, columns))));
  }
  const odd = render(page(rates([], [sample(1, { peer: 'evil\x1b[2Jpeer' })], 1)), 200, 24).join('\n');
  assert.match(odd, 'evil·[2Jpeer');
  assert.match(
    render(page([], { problem: 'the server went away' }), 80, 24).join('\n'),
    'the server went away',
  );
});

test('a thousand Handlers are drawn in a small part of a second', () => {
  const all = rows(1_000);
  const start = performance.now();
  for (let i = 0; i < 10; i++) render(page(arrange(all, 'd', '')), 200, 60);
  assert.ok((performance.now() - start) / 10 < 250, 'one redraw a second must leave room');
});

test('the detail has drops by reason and the wires', () => {
  const stat = (name: string, value: string) => ({
    kind: 'data' as const,
    word: 'STAT',
    words: [name, value],
    fields: {},
  });
  assert.equal(
    detailLines([
      stat('tx_dropped_filtered', '7'),
      stat('tx_dropped_too-big', '1234'),
      stat('rx_dropped_rate', '0'),
      stat('wire0_rtt_us', '30125'),
      stat('wire0_retransmitted', '12'),
      stat('wire0_unsent', '0'),
      stat('wire0_delivery_rate', '138000000'),
      stat('wire0_congestion', 'bbr'),
    ]),
    [
      'drops: tx too-big 1,234',
      'wire 0: round trip 30.1 ms, 12 sent again, 0 bytes unsent, 138.0 Mbit/s, bbr',
    ],
  );
  assert.equal(detailLines([]), ['drops: none']);
});

test('a server that goes away has no rows, says why, and is dialled until it is back', async () => {
  const id = '7'.repeat(32);
  const answer = (line: string) =>
    line === 'HANDLERS?'
      ? `HANDLER ${id} state=binary rx_bytes=1 tx_bytes=2 dropped=0\nOK count=1`
      : undefined;
  const server = await FakeServer.start(answer);
  const source = await Source.open(
    {
      server: server.url,
      login: { method: 'password', identity: 'default', secret: 'x' },
      allowPlaintext: false,
    },
    () => undefined,
  );
  await source.refresh();
  assert.equal([source.rows.map((row) => row.id), source.problem], [[id], undefined]);
  await server.stop();
  await waitUntil(() => source.problem !== undefined, { what: 'the end to be seen', deadline: 5_000 });
  assert.equal([source.rows, source.problem?.includes(server.url)], [[], true]);
  await source.refresh();
  assert.is(source.rows.length, 0);
  const again = await FakeServer.start(answer, Number(new URL(server.url).port));
  await waitUntil(
    async () => {
      await source.refresh();
      return source.problem === undefined;
    },
    { what: 'the server to be taken up again', every: 50, deadline: 10_000 },
  );
  assert.equal(
    source.rows.map((row) => [row.id, row.rxRate]),
    [[id, 0]],
    'with no rate yet',
  );
  source.close();
  await again.stop();
});

test('what a server says no to is told, and is no reason to say a password again and again', async () => {
  let refuses = false;
  const server = await FakeServer.start((line) =>
    refuses && line.startsWith('HANDLERS?') ? 'ERR 403 forbidden "not yours"' : undefined,
  );
  const source = await Source.open(
    {
      server: server.url,
      login: { method: 'password', identity: 'default', secret: 'x' },
      allowPlaintext: false,
    },
    () => undefined,
  );
  refuses = true;
  await source.refresh();
  assert.match(source.problem ?? '', /ERR 403 forbidden/);
  for (let i = 0; i < 20; i++) await source.refresh();
  assert.is(server.heard.filter((line) => line.startsWith('HELLO')).length, 2);
  source.close();
  await server.stop();
});

test.run();
