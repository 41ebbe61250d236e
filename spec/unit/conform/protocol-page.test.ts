/** spec/PROTOCOL.md against the code: what can be compared, is. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BYE_REASONS } from '../../../machines/frames/records.ts';
import { COMMANDS } from '../../../machines/protocol/commands.ts';
import { ERROR_CODES } from '../../../machines/protocol/errors.ts';
import { VERBS } from '../../../machines/protocol/types.ts';
import { withDiagrams } from '../../../tools/vnet/conform/diagrams.ts';
import { casesFor } from '../../../tools/vnet/conform/suite.ts';
import type { Target } from '../../../tools/vnet/conform/target.ts';

const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');
const test = suite('spec/PROTOCOL.md');

test('the diagrams are those of the machines', () => {
  assert.is(withDiagrams(text), text, 'stale: node --import tsx spec/conformance/draw.ts');
});

test('every reason stands beside its code', () => {
  for (const [reason, code] of Object.entries(ERROR_CODES)) {
    const row = text.split('\n').find((line) => line.startsWith(`| ${code} |`)) ?? '';
    assert.ok(row.includes(`\`${reason}\``), `${code} ${reason}`);
  }
});

test('every verb and every reason of BYE is told of', () => {
  for (const verb of VERBS)
    assert.match(text, new RegExp(`^\\|.*\`${verb.replace('?', '\\?')}[ \`]`, 'm'), verb);
  for (const reason of BYE_REASONS) assert.ok(text.includes(`| \`${reason}\` |`), reason);
});

test('every option of HANDLE and BEGIN is told of', () => {
  const options = `${COMMANDS.HANDLE.syntax} ${COMMANDS.BEGIN.syntax}`.match(/[a-z][a-z0-9-]*(?==)/g) ?? [];
  for (const option of new Set(options)) assert.match(text, new RegExp(`\\| \`${option}=`), option);
});

test('every section that a case names is there', () => {
  const target = {
    url: 'tcp://127.0.0.1:1',
    scheme: 'tcp',
    login: { method: 'password', identity: 'default', secret: 'x' },
    device: 'tap:vnconf0',
    patience: 1,
    control: {},
  } as unknown as Target;
  const headings = new Set([...text.matchAll(/^##+ (\d+(?:\.\d+)?)/gm)].map(([, number]) => number));
  const cases = casesFor(target, ['password']);
  assert.equal(
    [...new Set(cases.map(({ section }) => section))].filter((section) => !headings.has(section)),
    [],
  );
  assert.is(new Set(cases.map(({ id }) => id)).size, cases.length, 'ids are unique');
});

test('the byte pictures decode to what they say', () => {
  const bytes = (start: string) => {
    const line = text.split('\n').find((each) => each.trim().startsWith(start)) ?? '';
    return Buffer.from(line.replaceAll(/\s/g, ''), 'hex');
  };
  for (const start of ['02 00 00 08  00', '04 00 00 06  63', '00 00 00 0e']) {
    const record = bytes(start);
    assert.is(record.length, 4 + record.readUIntBE(1, 3), start);
  }
  assert.is(bytes('04 00 00 06  63').toString('utf8', 4), 'closed');
});

test.run();
