import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judge } from './run-file.ts';

const test = suite('the runner judges a file');
const closing = (total: number, passed: number, skipped: number) =>
  `\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n\n`;

test('by the counts that uvu prints', () => {
  assert.equal(judge(closing(3, 3, 1), 0), { passed: 3, failed: 0, skipped: 1 });
  assert.equal(judge(closing(3, 1, 0), 1), { passed: 1, failed: 2, skipped: 0 });
});

test('by the last of them, colours or not', () => {
  const coloured = '\x1b[32m  Passed:    2\x1b[0m\n';
  assert.equal(judge(`${closing(9, 9, 9)}  Total:     2\n${coloured}  Skipped:   0\n`, 0).passed, 2);
});

test('as failed when no test ran', () => {
  for (const output of ['', 'hello\n', closing(0, 0, 0)]) {
    const verdict = judge(output, 0);
    assert.is(verdict.failed, 1);
    assert.match(verdict.complaint ?? '', 'no test at all');
  }
});

test('as failed when it crashed before, during or after its tests, or was too late', () => {
  assert.is(judge('SyntaxError: …', 1).failed, 1);
  assert.is(judge(closing(2, 2, 0), 7).failed, 1);
  assert.is(judge(closing(2, 2, 0), 'SIGSEGV').failed, 1);
  assert.match(judge('', 'took more than 60 s').complaint ?? '', '60 s');
});

test('as good when everything in it was skipped', () => {
  assert.equal(judge(closing(0, 0, 4), 0), { passed: 0, failed: 0, skipped: 4 });
});

test.run();
