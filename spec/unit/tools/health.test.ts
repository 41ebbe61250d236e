/** What CHECK? tells of the machine around a server, where that is not well. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { healthChecks } from '../../../tools/vnet/serve/health.ts';

const test = suite('the health of a server');

test('a directory of the log that is gone is told of, and all the rest too', () => {
  const log = mkdtempSync(join(tmpdir(), 'vnet-health-'));
  const checks = healthChecks({ log, certificate: () => undefined, diagnosticsDropped: () => 3 });
  const before = checks();
  assert.match(before.find(({ subject }) => subject === 'disk')?.text ?? '', /MiB left where the log is/);
  rmSync(log, { recursive: true });
  const after = checks();
  assert.equal(
    after.map(({ subject }) => subject),
    before.map(({ subject }) => subject),
  );
  const disk = after.find(({ subject }) => subject === 'disk');
  assert.is(disk?.verdict, 'fail');
  assert.match(disk?.text ?? '', log);
  assert.is(after.at(-1)?.subject, 'diagnostics');
});

test('a certificate is warned of before its end, and fails behind it', () => {
  const verdict = (daysLeft: number) =>
    healthChecks({
      log: tmpdir(),
      certificate: () => ({ daysLeft, validTo: '2026-01-31T12:00:00.000Z' }),
      diagnosticsDropped: () => 0,
    })().find(({ subject }) => subject === 'certificate')?.verdict;
  assert.equal([-1, 3, 300].map(verdict), ['fail', 'warn', 'ok']);
});

test.run();
