/**
 * The addon built with AddressSanitizer and UBSan: its tests once more, and for some seconds calls that nobody should
 * make and peers that mean no good. `npm run fuzz -- --native --minutes N` does the latter for longer.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensurePrivileges } from '../../../tools/lab/privilege.ts';
import { attackNative } from '../../fuzz/native/run.ts';
import {
  buildSanitized,
  missingSanitizers,
  reportIn,
  runAlone,
  sanitizedEnvironment,
} from '../../fuzz/native/sanitizers.ts';

const SECONDS = 8;
const SEED = 20261129;

const test = suite('the addon with sanitizers');
const missing = missingSanitizers();

if (missing !== undefined) {
  console.log(`SKIPPED: ${missing}: the addon was NOT tested with AddressSanitizer and UBSan`);
  test.skip('needs the libraries of AddressSanitizer and UBSan', () => undefined);
} else {
  await ensurePrivileges();
  test.before(buildSanitized);

  for (const file of ['unit/native/hardening.test.ts', 'unit/native/chain.test.ts']) {
    test(`${file} passes with them`, async () => {
      const { status, stdout, stderr } = await runAlone(file, [], sanitizedEnvironment(), 60);
      assert.is(reportIn(stderr), undefined);
      assert.is(status, 0, `${stdout}${stderr}`);
      assert.match(stdout, /Passed: +[1-9]/);
    });
  }

  test('calls that nobody should make, and peers that mean no good', async () => {
    for (const { what, counts, found } of await attackNative(SECONDS, SEED)) {
      assert.is(found, undefined, `${what}, seed ${SEED}: ${found}`);
      const told = JSON.stringify(counts);
      if (what === 'calls') assert.ok(counts['frames written']! > 0 && counts['frames read']! > 0, told);
      else assert.ok(counts.handlers! >= 12 && counts.records! > 0 && counts.put! > 0, told);
    }
  });
}

test.run();
