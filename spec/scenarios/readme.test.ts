/**
 * The README's five minutes, and the walk of docs/OPERATION.md on the same servers, typed again: every command of their
 * `console` blocks, in order, in one shell; what comes out is what stands there, but for numbers, ids and addresses that
 * are drawn anew each time.
 *
 * The shell has a /run of its own, so that the names of its namespaces collide with nobody's.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MARK = '@@@';

interface Example {
  readonly command: string;
  readonly output: string;
}

/** The commands of all `console` blocks (lines after `# `), each with what stands below it. */
function examples(readme: string): Example[] {
  const blocks = [...readme.matchAll(/```console\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) =>
    block
      .split(/^# /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...rest] = part.split('\n');
        return { command, output: rest.join('\n') };
      }),
  );
}

/** A command in the background is followed until it says READY. */
function toScript(command: string, index: number): string {
  if (!command.endsWith('&')) return command;
  const out = `background.${index}`;
  return `: >${out}; ${command.slice(0, -1)} >${out} &\nuntil grep -q . ${out}; do kill -0 $! || break; sleep 0.05; done; cat ${out}`;
}

/** What stays the same from run to run. */
function normal(output: string): string[] {
  return (
    output
      .split('\n')
      .map((line) =>
        line
          .replace(/\b[0-9a-f]{16,64}\b/g, 'HEX')
          .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, 'MAC')
          .replace(/\b[0-9a-f]{8}\b/g, 'HEX')
          .replace(/wire-[0-9a-f]{8}/g, 'wire-HEX')
          .replace(/0x[0-9a-f]+/g, 'N')
          .replace(/\d+(\.\d+)* (µs|ms|s)\b/g, 'TIME')
          .replace(/rtt_us=-/, 'rtt_us=0')
          .replace(/\d+(\.\d+)*/g, 'N')
          .replace(/\s+/g, ' ')
          .trim(),
      )
      // Which reasons have a count depends on what else the kernel sends.
      .filter((line) => line !== '' && !/_dropped_| dropped, |are (not )?well/.test(line))
  );
}

const test = suite('documents');

const withTshark = spawnSync('tshark', ['--version']).status === 0;
if (!withTshark) process.stdout.write('skipped: the commands with tshark (it is not installed)\n');

const readme = examples(readFileSync(join(root, 'README.md'), 'utf8'));
const operation = readFileSync(join(root, 'docs/OPERATION.md'), 'utf8');
const walk = examples(/^## A frame did not arrive\n[\s\S]*?(?=^## )/m.exec(operation)?.[0] ?? '');
/** The servers and their Handler stand when this was typed, and the VM has answered. */
const handled = readme.findIndex(({ command }) => command.includes('ping')) + 1;

retyped('README', 15, readme);
retyped('docs/OPERATION.md', 10, [
  ...readme.slice(0, handled),
  ...walk.filter(({ command }) => withTshark || !command.startsWith('tshark')),
]);

function retyped(title: string, least: number, all: readonly Example[]): void {
  test(`${title} says what the program prints today`, () => retype(all, least));
}

function retype(all: readonly Example[], least: number): void {
  assert.ok(all.length > least, `only ${all.length} commands were found`);
  const dir = mkdtempSync(join(tmpdir(), 'vnet-readme-'));
  try {
    writeFileSync(join(dir, 'vnet'), `#!/bin/sh\nexec node ${root}dist/tools/vnet/main.js "$@"\n`, {
      mode: 0o755,
    });
    const script = [
      'mount -t tmpfs none /run',
      `cd ${dir}`,
      'PATH=$PWD:$PATH:/usr/sbin:/sbin',
      "trap 'kill $(jobs -p) 2>/dev/null; wait; for n in user proxy host vm; do ip netns del $n 2>/dev/null; done; true' EXIT",
      ...all.flatMap(({ command }, index) => [`echo '${MARK}'`, `{ ${toScript(command, index)}\n} 2>&1`]),
    ].join('\n');
    const done = spawnSync('unshare', ['-m', 'bash', '-c', script], { encoding: 'utf8', timeout: 90_000 });
    const outputs = done.stdout.split(`${MARK}\n`).slice(1);
    for (const [index, { command, output }] of all.entries()) {
      assert.equal(normal(outputs[index] ?? ''), normal(output), `${command}\n${done.stderr}`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test.run();
