/** `vnet conform` itself: what it prints, and how it ends. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PONG } from '../../machines/frames/records.ts';
import type { CommandIo } from '../../tools/vnet/cli/command-io.ts';
import { conform } from '../../tools/vnet/commands/conform.ts';
import { InProcess } from './in-process.ts';
import { mangled } from './mutants/mangle.ts';

const test = suite('vnet conform');

async function run(args: readonly string[], env: Record<string, string> = {}) {
  let out = '';
  let err = '';
  const around: CommandIo = {
    env,
    columns: undefined,
    attended: false,
    out: (text) => {
      out += text;
      return true;
    },
    err: (text) => {
      err += text;
    },
    drained: async () => {},
  };
  const status = await conform(args, around);
  return { status, out, err, lines: out.trimEnd().split('\n') };
}

const right = await InProcess.start({ scheme: 'unix' });
const wrong = await InProcess.start({
  scheme: 'unix',
  fault: mangled({ line: (line) => (line.startsWith('OK count=') ? [line, line] : undefined) }),
});
test.after(async () => {
  await right.close();
  await wrong.close();
});

test('passes a right server, in TAP', async () => {
  const { status, lines, err } = await run([right.url, '--only', 'text/']);
  assert.is(status, 0, err);
  assert.is(lines[0], 'TAP version 14');
  assert.match(lines[2]!, /^1\.\.\d+$/);
  const count = Number(lines[2]!.slice(3));
  assert.is(lines.filter((line) => /^ok \d+ - text\/\S+: .* \(section \d/.test(line)).length, count);
  assert.match(lines.join('\n'), new RegExp(`# ${count} passed, 0 failed, 0 skipped`));
  assert.match(lines.join('\n'), /# states: \d+ of \d+, \d+ %/);
});

test('fails a wrong one, with the section and the talk', async () => {
  const { status, out } = await run([wrong.url, '--only', 'text/pipelined', '--patience', '1500']);
  assert.is(status, 1);
  assert.match(out, /^not ok 1 - text\/pipelined/m);
  assert.match(out, /section: spec\/PROTOCOL\.md, 2/);
  assert.match(out, /talk: \|\n.*client:/);
});

test('ends at the first failure when asked to', async () => {
  const { status, out } = await run([wrong.url, '--only', 'text/', '--bail', '--patience', '1500']);
  assert.is(status, 1);
  assert.is(out.match(/^not ok/gm)?.length, 1);
});

test('JSON lines', async () => {
  const { lines } = await run([right.url, '--only', 'text/cr', '--json']);
  const [begin, one, end] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal([begin?.type, one?.type, end?.type], ['begin', 'case', 'end']);
  assert.equal([one?.id, one?.verdict, one?.section], ['text/cr', 'pass', '2']);
});

test('passes the same server again', async () => {
  for (const time of ['first', 'second']) {
    const { status, out } = await run([right.url, '--only', 'responder/binary/']);
    assert.is(status, 0, `${time} time\n${out}`);
  }
});

test('lists cases with their sections', async () => {
  const { status, lines } = await run([right.url, '--list']);
  assert.is(status, 0);
  assert.ok(lines.length > 300);
  assert.ok(lines.every((line) => /^\d(\.\d)? +\S+\/\S/.test(line)));
});

test('no line of what it prints holds a secret', async () => {
  const tcp = await InProcess.start({
    scheme: 'tcp',
    fault: mangled({ line: (line) => (line.startsWith('OK count=') ? [] : undefined) }),
  });
  try {
    const { out } = await run([tcp.url, '--only', 'text/pipelined', '--patience', '300'], {
      VNET_PASSWORD: 'open sesame',
    });
    assert.match(out, /^not ok/m);
    assert.not.match(out, /sesame/);
  } finally {
    await tcp.close();
  }
});

test('what does not come ten times is not waited for any more', async () => {
  const silent = await InProcess.start({
    scheme: 'unix',
    fault: mangled({ record: (record) => (record[0] === PONG ? [] : undefined) }),
  });
  try {
    const { status, lines } = await run([silent.url, '--only', 'records/', '--patience', '300']);
    assert.is(status, 1);
    const said = lines.findIndex((line) => /^# a PONG did not come 10 times/.test(line));
    assert.ok(said > 0, lines.join('\n'));
    const verdicts = (part: readonly string[]) => ({
      failed: part.filter((line) => /^not ok/.test(line)).length,
      left: part.filter((line) => /# SKIP not asked any more: a PONG/.test(line)).length,
    });
    // The tenth failure is told of before its case is.
    assert.equal(verdicts(lines.slice(0, said)), { failed: 9, left: 0 });
    const { failed, left } = verdicts(lines.slice(said));
    assert.is(failed, 1, lines.slice(said).join('\n'));
    assert.ok(left >= 5, String(left));
  } finally {
    await silent.close();
  }
});

test('cases that need two identities', async () => {
  const only = ['--only', 'hello/other', '--only', 'wires/other-identity'];
  const without = await run([right.url, ...only]);
  assert.is(without.lines.filter((line) => /# SKIP needs a second identity/.test(line)).length, 4);
  const env = { VNET_SECOND_PASSWORD: 'open sesame' };
  const both = await run([right.url, ...only, '--second-identity', 'other'], env);
  assert.match(both.out, /^# 4 passed, 0 failed, 0 skipped$/m);
});

test('wrong usage', async () => {
  for (const args of [
    [],
    [right.url, right.url],
    [right.url, '--seed', 'x'],
    [right.url, '--second-identity', 'other'],
    [right.url, '--second-password-file', '/dev/null'],
    [right.url, '--only', 'nothing-like-it'],
  ]) {
    const { status, err } = await run(args);
    assert.is(status, 2, err);
    assert.match(err, /vnet conform/);
  }
});

test('no server', async () => {
  const { status, err } = await run(['unix:///nowhere/at/all']);
  assert.is(status, 3);
  assert.ok(err.length > 0);
});

test.run();
