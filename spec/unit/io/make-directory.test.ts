/** Directories are made in finite steps, whatever the place is, and what is wrong is said in words. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeDirectory } from '../../../io/make-directory.ts';
import { vnet } from '../../../tools/lab/server.ts';

const test = suite('making a directory');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-mkdir-'));
test.after(() => fs.rmSync(dir, { recursive: true, force: true }));

/** What it complains of; empty when it goes well. */
function complaint(at: string): string {
  try {
    makeDirectory(at);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('makes all that is missing, for its owner alone, and takes what stands', () => {
  const deep = path.join(dir, 'a', 'b', 'c');
  makeDirectory(deep);
  for (const each of [deep, path.dirname(deep)]) assert.is(fs.statSync(each).mode & 0o777, 0o700);
  makeDirectory(deep);
  makeDirectory(`${deep}/../d//e/`);
  assert.ok(fs.statSync(path.join(dir, 'a', 'b', 'd', 'e')).isDirectory());
  fs.symlinkSync(deep, path.join(dir, 'link'));
  makeDirectory(path.join(dir, 'link', 'f'));
  assert.ok(fs.statSync(path.join(deep, 'f')).isDirectory());
  makeDirectory('/');
});

test('says what is in the way', () => {
  fs.writeFileSync(path.join(dir, 'file'), '');
  fs.symlinkSync(path.join(dir, 'nowhere'), path.join(dir, 'dangling'));
  fs.symlinkSync('loop', path.join(dir, 'loop'));
  assert.match(complaint(path.join(dir, 'file')), /^ENOTDIR: .*\/file is there and is no directory$/);
  assert.match(
    complaint(path.join(dir, 'file', 'a', 'b')),
    /^ENOTDIR: .*\/file is there and is no directory$/,
  );
  assert.match(
    complaint(path.join(dir, 'dangling', 'x')),
    /^ENOENT: .*\/dangling is a symbolic link to nowhere$/,
  );
  assert.match(complaint(path.join(dir, 'loop', 'x')), /^ELOOP: /);
  assert.match(complaint(path.join(dir, 'x'.repeat(300))), /^ENAMETOOLONG: /);
  assert.match(complaint(''), /empty/);
});

test('a place that takes no directories is no reason to try for ever', () => {
  assert.match(
    complaint('/proc/x/y'),
    /^ENOENT: .*\/proc\/x cannot be made: \/proc takes no new directories/,
  );
  assert.match(complaint('/proc/self/fd/x'), /^(ENOENT|EPERM|EACCES): .*\/proc\/self\/fd takes no/);
});

test('the commands say it, too', () => {
  const serve = ['serve', '--listen', `unix://${path.join(dir, 'sock')}`, '--log'];
  for (const words of [
    [...serve, '/proc/x'],
    [...serve, path.join(dir, 'file', 'log')],
    ['keygen', '/proc/x'],
    ['keygen', path.join(dir, 'file', 'keys')],
  ]) {
    const [command = '', ...args] = vnet(...words);
    const run = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000, killSignal: 'SIGKILL' });
    assert.is(run.status, 1, `${words.join(' ')}: ${run.signal} ${run.stderr}`);
    assert.match(
      run.stderr,
      /^vnet (serve|keygen): .*(takes no new directories|is no directory)/,
      words.join(' '),
    );
    assert.not.match(run.stderr, /\n\s+at /);
    assert.is(run.stderr.trim().split('\n').length, 1, run.stderr);
  }
});

test.run();
