/** Completions, asked of the shells themselves. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCommands } from '../../../tools/lab/lab.ts';
import { allCommands } from '../../../tools/vnet/cli/declaration.ts';
import { completions } from '../../../tools/vnet/commands/completions.ts';
import { PROGRAM } from '../../../tools/vnet/usage/program.ts';
import { scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const test = suite('completions');
const place = scratch();
test.before(() => {
  fs.mkdirSync(path.join(place.dir, 'a folder'));
  fs.writeFileSync(path.join(place.dir, 'a file'), '');
});
test.after(() => place.remove());

async function script(shell: string): Promise<string> {
  const terminal = new Terminal();
  assert.is(await completions([shell], terminal), 0);
  const file = path.join(place.dir, `.completions.${shell}`);
  fs.writeFileSync(file, terminal.stdout);
  return file;
}

function shell(name: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, args, { cwd: place.dir, encoding: 'utf8' });
  assert.equal([status, stderr], [0, ''], `${name} ${args.join(' ')}`);
  return stdout;
}

/** What every shell should offer behind the words of a line. */
const EXPECTED: readonly [string, readonly string[]][] = [
  ['vnet s', ['serve', 'stats', 'status']],
  ['vnet log ', ['export', 'repair', 'show', 'verify']],
  ['vnet log repair --', ['--help', '--keep', '--yes']],
  ['vnet log repair --keep ', ['after', 'before']],
  ['vnet replay --format m', ['mermaid']],
  ['vnet completions ', ['bash', 'fish', 'zsh']],
  ['vnet devices --pass', ['--password-file']],
  ['vnet serve --cert a', ['a file', 'a folder']],
  ['vnet serve --log a', ['a folder']],
  ['vnet log show a', ['a folder']],
  ['vnet serve --name ', []],
  ['vnet devices ', []],
];

test('bash', async () => {
  const file = await script('bash');
  shell('bash', ['-n', file]);
  for (const [line, words] of EXPECTED) {
    const typed = line.split(' ').map((word) => `'${word}'`);
    const ask = `source ${file}; COMP_WORDS=(${typed.join(' ')}); COMP_CWORD=${typed.length - 1}; _vnet; ((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"; true`;
    const offered = shell('bash', ['-c', ask])
      .split('\n')
      .filter((word) => word !== '');
    assert.equal(offered.sort(), words, line);
  }
  assert.match(shell('bash', ['-c', `source ${file}; complete -p vnet`]), /^complete -F _vnet vnet\n$/);
});

const missing = missingCommands(['zsh', 'fish']);
if (missing.length > 0) process.stderr.write(`skipped: not installed here: ${missing.join(', ')}\n`);

if (!missing.includes('fish')) {
  test('fish', async () => {
    const file = await script('fish');
    for (const [line, words] of EXPECTED) {
      const ask = `source ${file}; complete -C'${line}'`;
      const offered = shell('fish', ['--no-config', '-c', ask])
        .split('\n')
        .filter((each) => each !== '')
        .map((each) => each.split('\t')[0]!.replaceAll('\\', '').replace(/\/$/, ''));
      assert.equal(offered.filter((word) => word !== '-h').sort(), words, line);
    }
  });
}

if (!missing.includes('zsh')) {
  test('zsh', async () => {
    const file = await script('zsh');
    shell('zsh', ['-f', '-n', file]);
    const load = `autoload -Uz compinit; compinit -u -D; source ${file}; print $_comps[vnet]`;
    assert.is(shell('zsh', ['-f', '-c', load]), '_vnet\n');
  });
}

test('every command and option is there in all of them', async () => {
  for (const name of ['bash', 'zsh', 'fish']) {
    const text = fs.readFileSync(await script(name), 'utf8');
    for (const { name: command, options } of allCommands(PROGRAM)) {
      assert.ok(text.includes(command.split(' ').at(-1)!), `${name}: ${command}`);
      for (const option of Object.keys(options)) {
        assert.ok(text.includes(name === 'fish' ? `-l ${option} ` : `--${option}`), `${name}: ${option}`);
      }
    }
  }
});

test('another shell is wrong usage', async () => {
  const terminal = new Terminal();
  assert.is(await completions(['tcsh'], terminal), 2);
  assert.match(terminal.stderr, /tcsh.*bash, zsh, fish/s);
  assert.is(await completions([], new Terminal()), 2);
});

test.run();
