/** Names of metrics, and that docs/METRICS.md is made of them. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFile } from '../../../io/project.ts';
import { EXPLAINED, metricsDocument } from '../../../tools/vnet/serve/metrics/document.ts';
import { FAMILIES } from '../../../tools/vnet/serve/metrics/families.ts';
import { processFigures } from '../../../tools/vnet/serve/metrics/process.ts';

const test = suite('names of metrics');

test('docs/METRICS.md is what the code says; `npm run metrics` writes it', () => {
  assert.is(readFileSync(projectFile('docs/METRICS.md'), 'utf8'), metricsDocument());
});

test('begin with vnet_, are there once, and end in _total when they are counters', () => {
  const names = FAMILIES.map(({ name }) => name);
  assert.equal(names, [...new Set(names)]);
  for (const { name, type } of FAMILIES) {
    assert.match(name, /^vnet_[a-z]+(?:_[a-z]+)*$/);
    assert.is(name.endsWith('_total'), type === 'counter', name);
  }
});

test('every label is explained, and no explanation is left over', () => {
  const used = [...new Set(FAMILIES.flatMap(({ labels }) => labels))].sort();
  assert.equal([...EXPLAINED].sort(), used);
});

test('the figures of a process are what it is', async () => {
  const figures = await processFigures();
  assert.ok(Math.abs(figures.started - (Date.now() / 1000 - process.uptime())) < 2);
  assert.ok(figures.resident > figures.heap && figures.heap > 1_000_000);
  assert.ok(figures.descriptors > 2 && figures.descriptors < 1000, String(figures.descriptors));
  assert.ok(figures.cpuUser > 0 && figures.loopDelay >= 0 && figures.loopDelay < 5);
  const again = await processFigures();
  assert.ok(again.loopActive >= figures.loopActive && again.loopIdle >= figures.loopIdle);
});

test.run();
