/**
 * What a user without rights is told by every command that reads a file or a directory, and one without a line in the
 * password database: words, never a stack trace. As root these tests become another user for the time of a command.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keygen } from '../../../io/auth/certificates.ts';
import { UsageError } from '../../../tools/vnet/cli/failures.ts';
import { main } from '../../../tools/vnet/cli/main.ts';
import { readServeOptions } from '../../../tools/vnet/serve/options.ts';
import { COMMANDS, type CommandName } from '../../../tools/vnet/usage/program.ts';
import { HANDLER, History, scratch } from './history.ts';
import { Terminal } from './terminal.ts';

const rights = suite('without rights');
/** No user of any system: it has no name, no home and no rights. */
const NOBODY = 54_321;
const place = scratch();
const root = process.getuid?.() === 0;
fs.chmodSync(place.dir, 0o755);
rights.after(() => {
  for (const dir of closed) fs.chmodSync(dir, 0o700);
  place.remove();
});

async function asNobody<T>(work: () => T | Promise<T>): Promise<T> {
  if (root) {
    process.setegid?.(NOBODY);
    process.seteuid?.(NOBODY);
  }
  try {
    return await work();
  } finally {
    if (root) {
      process.seteuid?.(0);
      process.setegid?.(0);
    }
  }
}

async function vnet(...args: readonly string[]) {
  const terminal = new Terminal();
  // Loaded before: where the program itself stands, nobody may read either.
  await main([args[0] ?? '', '--help'], new Terminal());
  const code = await asNobody(() => main(args, terminal));
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

function history(name: string): string {
  const made = new History(name);
  made.handle();
  return made.write(path.join(place.dir, name), []);
}

const locked = history('locked');
const unreadable = history('unreadable');
const behind = path.join(history('behind'), 'log');
const file = path.join(place.dir, 'file');
fs.writeFileSync(file, '');
fs.chmodSync(path.join(unreadable, fs.readdirSync(unreadable)[0] ?? ''), 0);
const closed = [locked, path.dirname(behind)];
for (const dir of closed) fs.chmodSync(dir, 0);

const WAYS: readonly (readonly string[])[] = [
  ['replay'],
  ['replay', '--format', 'json'],
  ['replay', '--format', 'html'],
  ['replay', '--format', 'mermaid'],
  ['replay', '--step'],
  ['log', 'show'],
  ['log', 'verify'],
  ['log', 'repair'],
  ['log', 'export', '--actor', `handler:${HANDLER}`],
];

for (const [what, dir, why] of [
  ['a directory without rights', locked, /cannot (read|open) .*locked.*: permission denied/],
  [
    'a file in it without rights',
    unreadable,
    /cannot (read|open) .*unreadable.*00000001\.ndjson: permission denied/,
  ],
  ['a directory in one without rights', behind, /cannot (read|open) .*behind.*: permission denied/],
  ['a file in place of the directory', file, /cannot (read|open) .*file: .*(not a directory|is not what)/],
  ['nothing at all', path.join(place.dir, 'none'), /cannot (read|open) .*none: .*(no such|there is no)/],
] as const) {
  for (const way of WAYS) {
    rights(`vnet ${way.join(' ')}: ${what}`, async () => {
      const { code, stderr } = await vnet(...way, dir);
      assert.is(code, 2, stderr);
      assert.match(
        stderr,
        /replay/.test(way[0] ?? '') && dir === file ? /file is not what `vnet log export`/ : why,
      );
      assert.not.match(stderr, /\n {4}at |scandir|syscall/);
    });
  }
}

rights('two logs, one of them without rights', async () => {
  const { code, stderr } = await vnet('replay', history('good'), locked);
  assert.is(code, 2, stderr);
  assert.match(stderr, /locked.*: permission denied/);
});

rights('files of options: each says which file, and why', async () => {
  const secret = path.join(place.dir, 'secret');
  fs.writeFileSync(secret, 'x\n', { mode: 0o600 });
  const { certFile, keyFile } = await keygen(path.join(place.dir, 'keys'), 'a');
  fs.chmodSync(path.dirname(keyFile), 0o755);
  const tries: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['status', '--server', 'tcp://127.0.0.1:1', '--password-file', secret],
      /cannot read the password file .*secret: permission denied/,
    ],
    [
      ['status', '--server', 'tls://127.0.0.1:1', '--cert', certFile, '--key', keyFile],
      /cannot read the private key .*a\.key: permission denied/,
    ],
    [
      ['status', '--server', 'tls://127.0.0.1:1', '--password-file', secret, '--ca', path.join(locked, 'ca')],
      /permission denied/,
    ],
    [
      ['serve', '--config', path.join(locked, 'c')],
      /cannot read the configuration .*locked.c: permission denied/,
    ],
    [
      ['serve', '--listen', 'unix:///x', '--policy', path.join(locked, 'c')],
      /cannot read the policy file .*: permission denied/,
    ],
    [['keygen', path.join(locked, 'k')], /cannot .*locked.*: permission denied/],
  ];
  for (const [args, why] of tries) {
    const { code, stderr } = await vnet(...args);
    assert.ok(code === 1 || code === 2, `${args.join(' ')}: ${code}`);
    assert.match(stderr, why);
    assert.not.match(stderr, /\n {4}at |syscall/);
  }
});

rights(
  'a user without a line in the password database has no home: where the log goes has to be said',
  async () => {
    const saved = process.env.HOME;
    delete process.env.HOME;
    try {
      const given = { values: {}, positionals: [] } as never;
      if (root) {
        await asNobody(() =>
          assert.throws(
            () => readServeOptions(given, {}),
            (error: Error) =>
              error instanceof UsageError && /no home directory.*--log DIR/.test(error.message),
          ),
        );
      }
      await asNobody(() => {
        assert.is(readServeOptions({ values: { log: '/x' }, positionals: [] } as never, {}).log, '/x');
        assert.is(readServeOptions(given, { STATE_DIRECTORY: '/s' }).log, '/s/log');
        assert.is(readServeOptions(given, { XDG_STATE_HOME: '/s' }).log, '/s/vnet/log');
      });
    } finally {
      if (saved !== undefined) process.env.HOME = saved;
    }
  },
);

rights('every command prints its help to whom has no home', async () => {
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const { code, stdout } = await vnet(name, '--help');
    assert.is(code, 0);
    assert.ok(stdout.length > 50);
  }
});

rights.run();
