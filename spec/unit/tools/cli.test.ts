import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePasswords } from '../../../io/auth/password-file.ts';
import { verifySecret } from '../../../io/auth/scrypt.ts';
import { LOADERS, main } from '../../../tools/vnet/cli/main.ts';
import { Progress } from '../../../tools/vnet/cli/progress.ts';
import { oneLine } from '../../../tools/vnet/cli/secret-input.ts';
import { pairs, table } from '../../../tools/vnet/cli/table.ts';
import { bitRate, bytes, duration, grouped, microseconds } from '../../../tools/vnet/cli/units.ts';
import { keygen } from '../../../tools/vnet/commands/keygen.ts';
import { COMMANDS } from '../../../tools/vnet/usage/program.ts';
import { scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const cli = suite('command line');
const ROOT = new URL('../../../', import.meta.url).pathname;

function vnet(args: readonly string[], input = '') {
  return spawnSync(process.execPath, ['--import', 'tsx', path.join(ROOT, 'tools/vnet/main.ts'), ...args], {
    cwd: ROOT,
    input,
    encoding: 'utf8',
    timeout: 30_000,
  });
}

cli('numbers for people', () => {
  assert.is(grouped(0), '0');
  assert.is(grouped(1_234_567), '1,234,567');
  assert.is(bytes(1023), '1023 B');
  assert.is(bytes(1536), '1.5 KiB');
  assert.is(bytes(1024 ** 2 - 1), '1.0 MiB');
  assert.is(bytes(5 * 1024 ** 4), '5.0 TiB');
  assert.is(microseconds(168), '168 µs');
  assert.is(microseconds(1680), '1.68 ms');
  assert.is(microseconds(2_500_000), '2.5 s');
  assert.is(bitRate(1000), '1.0 kbit/s');
  assert.is(bitRate(138_400_000), '138.4 Mbit/s');
  assert.is(duration(6), '6s');
  assert.is(duration(3606), '1h 0m 6s');
  assert.is(duration(90_061), '1d 1h 1m');
});

cli('tables: columns in line, numbers to the right, no blanks at the end', () => {
  const text = table(
    [{ title: 'A' }, { title: 'N', align: 'right' }],
    [
      ['lang', '1'],
      ['x', '1000'],
    ],
  );
  assert.is(text, 'A        N\nlang     1\nx     1000\n');
  assert.is(
    pairs(
      [
        ['a', '1'],
        ['bcd', ''],
      ],
      ' ',
    ),
    ' a    1\n bcd\n',
  );
});

cli('progress is for long work at a terminal only', () => {
  const terminal = new Terminal();
  let now = 0;
  const work = (attended: boolean, wanted = true) => {
    terminal.attended = attended;
    terminal.stderr = '';
    const progress = new Progress(terminal, wanted, () => now);
    for (let step = 0; step < 40; step++, now += 100) progress.tell(() => `step ${step}`);
    progress.end();
    return terminal.stderr;
  };
  const told = work(true).split('\r');
  assert.equal(
    told.map((text) => text.replace('\u001b[K', '')),
    ['', 'step 20', 'step 23', 'step 26', 'step 29', 'step 32', 'step 35', 'step 38', ''],
  );
  assert.is(work(false), '');
  assert.is(work(true, false), '');
});

cli('a secret from a pipe is one line', () => {
  assert.is(oneLine('a b\n'), 'a b');
  assert.is(oneLine('a\r\n'), 'a');
  assert.throws(() => oneLine('\n'), /no password/);
  assert.throws(() => oneLine('a\nb\n'), /more than one line/);
});

cli('passwd prints a line that fits the password, and only that', async () => {
  const { stdout, status } = vnet(['passwd', 'alice'], 'open sesame\n');
  assert.is(status, 0);
  const hash = parsePasswords(stdout, 'stdout').get('alice');
  assert.ok(hash && (await verifySecret('open sesame', hash)));
  assert.not.match(stdout, /sesame/);
});

cli('keygen writes two files and prints the line for the other side', async () => {
  const { dir, remove } = scratch();
  const terminal = new Terminal();
  const keys = path.join(dir, 'keys');
  assert.is(await keygen([keys, '--name', 'host'], terminal), 0);
  assert.match(terminal.stdout, /^host sha256:[0-9a-f]{64}\n$/);
  assert.is(fs.statSync(path.join(keys, 'host.key')).mode & 0o777, 0o600);
  assert.is(await keygen([keys, '--name', 'host'], terminal), 1);
  assert.match(terminal.stderr, /is there already/);
  const lineOf = async (...args: string[]) => {
    const renewing = new Terminal();
    assert.is(await keygen([keys, '--name', 'host', '--renew', ...args], renewing), 0, renewing.stderr);
    return renewing.stdout;
  };
  const renewed = await lineOf();
  assert.match(renewed, /^host sha256:[0-9a-f]{64}\n$/);
  assert.is.not(renewed, terminal.stdout);
  const byKey = await lineOf('--spki');
  assert.match(byKey, /^host spki-sha256:[0-9a-f]{64}\n$/);
  assert.is(await lineOf('--spki'), byKey, 'another certificate for the same key');
  const none = new Terminal();
  assert.is(await keygen([keys, '--name', 'none', '--renew'], none), 1);
  assert.match(none.stderr, /cannot read the private key .*none\.key: no such file/);
  assert.is(await keygen([], new Terminal()), 2);
  assert.is(await keygen([keys, '--name', 'a b'], new Terminal()), 2);
  remove();
});

cli('vnet: help, version, and what is no command', async () => {
  const vnetHere = async (...args: string[]) => {
    const terminal = new Terminal();
    return Object.assign(terminal, { code: await main(args, terminal) });
  };
  const help = await vnetHere('--help');
  assert.is(help.code, 0);
  for (const [name, { about }] of Object.entries(COMMANDS)) {
    assert.match(help.stdout, new RegExp(`^ {2}${name} +${about}$`, 'm'));
  }
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  assert.is((await vnetHere('--version')).stdout, `${version}\n`);
  const wrong = await vnetHere('frobnicate');
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /there is no command "frobnicate"/);
  assert.is((await vnetHere()).code, 2);
  assert.match((await vnetHere('help', 'close')).stdout, /^Usage: vnet close/);
});

cli('every command is there, and tells how it is used', async () => {
  for (const [name, load] of Object.entries(LOADERS)) {
    const terminal = new Terminal();
    assert.is(await (await load())(['--help'], terminal), 0);
    assert.match(terminal.stdout, new RegExp(`^Usage: vnet ${name} `));
  }
});

cli.run();
