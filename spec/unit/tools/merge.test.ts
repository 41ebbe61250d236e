import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replay } from '../../../tools/vnet/commands/replay.ts';
import type { Arrival, Attempt } from '../../../tools/vnet/replay/causality.ts';
import { mergeLogs } from '../../../tools/vnet/replay/merge.ts';
import { pair } from '../../../tools/vnet/replay/pairing.ts';
import { History, scratch, twoServers } from './history.ts';
import { Terminal } from './terminal.ts';

const merging = suite('two logs as one row of steps');

const place = scratch();
merging.after(() => place.remove());

let count = 0;
/** Merges the two logs of `twoServers`; the steps as `near handler hello-taken`. */
function merged(ahead: number, swapped = false) {
  const { near, far } = twoServers(ahead);
  const dir = path.join(place.dir, String(count++));
  const places = [near.write(path.join(dir, 'x')), far.write(path.join(dir, 'y'))] as const;
  const { labels, causality, steps: merged } = mergeLogs(swapped ? [places[1], places[0]] : places, {});
  const steps = [...merged].map(
    ({ label, record }) => `${label} ${record.actor.split(':')[0]} ${record.event.type}`,
  );
  return { labels, causality, steps, places };
}

/** Demands that these come in this order, the n-th of each kind being meant where it stands n times. */
function inOrder(steps: readonly string[], wanted: readonly string[]): void {
  let from = 0;
  for (const step of wanted) {
    const at = steps.indexOf(step, from);
    assert.ok(at >= 0, `${step} does not follow upon what is before it:\n${steps.join('\n')}`);
    from = at + 1;
  }
}

const WIRE = [
  'far session @created',
  'near handler dialled',
  'far session HELLO',
  'far session verified',
  'near handler hello-taken',
  'far session BEGIN',
  'far session handler-up',
  'near handler begin-taken',
];
/** Whether `first-record` or `wire-lost` and `close` at the other end came first nothing can tell. */
const STORY = [...WIRE, ...WIRE, 'near handler close', 'far handler bye'];

for (const ahead of [0, 90_000, -90_000]) {
  merging(
    `a clock that is ${ahead} ms ahead changes nothing in the order of what passed over the wire`,
    () => {
      const { steps, causality, labels } = merged(ahead);
      assert.equal(labels, ['near', 'far']);
      inOrder(steps, ['near session HANDLE', ...STORY]);
      inOrder(steps, ['near handler begin-taken', 'far handler first-record', 'far handler wire-lost']);
      assert.ok(Math.abs(causality.offset - ahead) < 10, `offset ${causality.offset}`);
      assert.is(causality.links.length, 13);
    },
  );
}

merging('which one is named first does not matter', () => {
  const { steps, labels } = merged(60_000, true);
  assert.equal(labels, ['far', 'near']);
  inOrder(steps, STORY);
});

merging('every record of both is there once, in the order of its own log', () => {
  const { near, far } = twoServers();
  const { steps } = merged(5000);
  assert.is(steps.length, near.lines.length + far.lines.length);
});

merging('vnet replay A B names the log of each line, and gives both verdicts', async () => {
  const { places } = merged(0);
  const run = async (...args: string[]) => {
    const terminal = new Terminal();
    return Object.assign(terminal, { code: await replay([...places, ...args], terminal) });
  };
  const text = await run();
  assert.is(text.code, 0);
  assert.match(text.stdout, /^near {2}2026.*\n/);
  assert.match(text.stdout, /\nnear: OK: .*\nfar: OK: .*\n$/);
  assert.match(text.stderr, /^Handlers in common: 1; .*: 13;/);
  const mermaid = await run('--format', 'mermaid');
  assert.match(mermaid.stdout, /s0->>s1: BEGIN\n/);
  assert.match(mermaid.stdout, /s1-->>s0: OK handler=3f2a91bc3f2a91bc offload=on mtu=1500\n/);
  assert.match(mermaid.stdout, /s0->>s1: BYE closed\n/);
  assert.is((await run('--until', '3')).code, 2);
  const json = (await run('--format', 'json')).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { log: string });
  assert.equal([...new Set(json.map(({ log }) => log))].sort(), ['far', 'near']);
});

merging('logs that have nothing to do with each other', async () => {
  const one = new History('one').write(path.join(place.dir, 'one'));
  const two = new History('one').write(path.join(place.dir, 'two'));
  const terminal = new Terminal();
  assert.is(await replay([one, two], terminal), 0);
  assert.match(terminal.stderr, /no Handler in common/);
  assert.match(terminal.stdout, /^one\(1\) {2}/);
});

const attempt = (time: number, more: Partial<Attempt> = {}): Attempt => ({
  time,
  dialled: time,
  helloTaken: time,
  ...more,
});
const arrival = (time: number, more: Partial<Arrival> = {}): Arrival => ({ time, begin: time, ...more });
const times = (pairs: ReturnType<typeof pair>) => pairs.map(([left, right]) => [left.time, right.time]);

merging('a BEGIN that never arrived is nobody’s', () => {
  const attempts = [attempt(1, { beginTaken: 2 }), attempt(10), attempt(20, { beginTaken: 21 })];
  const arrivals = [arrival(1, { up: 1, firstRecord: 2 }), arrival(20, { up: 20, firstRecord: 22 })];
  assert.equal(times(pair(attempts, arrivals)), [
    [1, 1],
    [20, 20],
  ]);
});

merging('an OK that never came back still has its attempt', () => {
  const attempts = [attempt(1), attempt(10, { beginTaken: 11 })];
  const arrivals = [arrival(1, { up: 1 }), arrival(10, { up: 10, firstRecord: 12 })];
  assert.equal(times(pair(attempts, arrivals)), [
    [1, 1],
    [10, 10],
  ]);
});

merging('what contradicts each other is no pair', () => {
  assert.equal(pair([attempt(1, { beginTaken: 2 })], [arrival(1, { refused: 2 })]), []);
  assert.equal(pair([attempt(1)], [arrival(1, { up: 1, firstRecord: 2 })]), []);
  assert.equal(pair([attempt(1, { refused: 2 })], [arrival(1, { up: 2 })]), []);
});

merging('where the order leaves it open the clocks decide', () => {
  const attempts = [attempt(0), attempt(60_000), attempt(120_000)];
  assert.equal(times(pair(attempts, [arrival(60_100, { up: 1 })])), [[60_000, 60_100]]);
});

merging.run();
