import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuBetween, cpuTime, memory } from '../../../tools/bench/processes.ts';
import { waitUntil } from '../../../tools/lab/wait.ts';

const test = suite('processes of the benchmark');

test('CPU time of a process and its children is its own, not that of others', async () => {
  const before = cpuTime([process.pid]);
  const work = 'for (const end = process.cpuUsage(); process.cpuUsage(end).user < 60000; );';
  const child = spawn(process.execPath, ['-e', `${work} process.stdin.resume()`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  try {
    const seconds = () => cpuTime([child.pid!]).own;
    await waitUntil(() => seconds() >= 0.05, { what: 'CPU time of a child' });
    assert.ok(cpuBetween(before, cpuTime([process.pid])).own >= 0.04);
    assert.not(cpuTime([process.pid]).foreign.has(child.pid!));
    // The child still grows between two looks, so that the lesser figure is looked at first.
    const resident = memory([child.pid!], 'VmRSS');
    assert.ok(memory([child.pid!], 'VmHWM') >= resident);
    assert.ok(resident > 1_000_000, `${resident} bytes`);
  } finally {
    child.stdin?.end();
    await once(child, 'close');
  }
});

test('a process that is gone has neither', () => {
  assert.is(cpuTime([4_194_305]).own, 0);
  assert.is(memory([4_194_305], 'VmRSS'), 0);
});

test.run();
