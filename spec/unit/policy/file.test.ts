import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadPolicyFile } from '../../../io/auth/policy-file.ts';

const test = suite('policy file');
const folder = mkdtempSync(join(tmpdir(), 'vnet-policy-'));
const file = join(folder, 'policy.json');
test.after(() => rmSync(folder, { recursive: true }));

function load(content: unknown) {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return loadPolicyFile(file);
}
const rule = (fields: object) => ({ rules: [{ name: 'a', identities: ['*'], ...fields }] });

test('gives the rules with names of the program', () => {
  const { rules } = load(
    rule({ 'most-rate': 5, 'remote-devices': ['vm0'], about: 'for people', l2cp: true }),
  );
  assert.equal(rules, [{ name: 'a', identities: ['*'], l2cp: true, remoteDevices: ['vm0'], mostRate: 5 }]);
});

test('says what is wrong and where', () => {
  const wrong = (content: unknown, text: string | RegExp) => assert.throws(() => load(content), text);
  wrong('', 'is not good JSON: line 1, column 1: it ends too early');
  wrong('{\n"rules": [\n', 'is not good JSON: line 3, column 1: it ends too early');
  wrong([], 'rules: is missing');
  wrong('3', 'as a whole: ');
  wrong({}, 'rules: is missing');
  wrong({ rules: {} }, 'rules: must be a list');
  wrong({ rules: [{ name: 'a' }] }, 'rules[0].identities: is missing');
  wrong(rule({ identities: [] }), 'must name an identity');
  wrong(rule({ mac: [] }), 'rules[0].mac: there is no such field');
  wrong(rule({ macs: 'x' }), 'rules[0].macs: must be a list');
  wrong(rule({ macs: [1] }), 'rules[0].macs[0]: must be a text');
  wrong(rule({ handlers: 'some' }), 'must be "own" or "all"');
  wrong(rule({ 'most-handlers': 0 }), 'must be 1 or more');
  wrong(rule({ 'most-rate': 1.5 }), 'must be a whole number');
  assert.throws(() => loadPolicyFile(join(folder, 'none.json')), 'cannot read the policy file');
});

test('never repeats what stands in it', () => {
  for (const secret of ['hunter2', '"hunter2', '{"rules": hunter2}', '{"rules": "hunter2"}', '["hunter2"]']) {
    try {
      load(secret);
      assert.unreachable();
    } catch (error) {
      assert.not.match((error as Error).message, 'hunter2');
    }
  }
});

test.run();
