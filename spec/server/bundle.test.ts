/** What `npm run build` makes: errors in it tell the places of the source, and a server loads no more than it needs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE_OPTIONS, VNET } from '../../tools/lab/server.ts';

const bundle = suite('the bundle');

/** Runs the built command behind a line of JavaScript. */
function behind(code: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, ['--import', `data:text/javascript,${code}`, VNET, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
}

bundle('an error tells its place in the source', () => {
  const { status, stderr } = behind(`process.stdout.write = () => { throw new Error('no way') }`, '--help');
  assert.not.equal(status, 0);
  assert.match(stderr, /no way\n.*tools\/vnet\/cli\/.*\.ts:\d+:\d+/s);
});

bundle('so does one that ends a server, though it keeps no maps', () => {
  const log = mkdtempSync(join(tmpdir(), 'vnet-bundle-'));
  const say = `process.stdout.write = (text) => { if (/^READY/.test(text)) throw new Error('no way'); return true }`;
  const listen = ['--listen', `unix://${join(log, 'socket')}`];
  const { status, stderr } = behind(say, 'serve', '--no-warm-up', '--log', join(log, 'log'), ...listen);
  rmSync(log, { recursive: true });
  assert.is(status, 1, stderr);
  const told = stderr.split('\n').find((line) => line.includes('nobody caught'));
  assert.ok(told, stderr);
  const { reason, at } = JSON.parse(told) as { reason: string; at: string[] };
  assert.is(reason, 'no way');
  assert.ok(
    at.some((frame) =>
      /^run \(?.*\/tools\/vnet\/commands\/serve\.ts:\d+:\d+/.test(frame.replace('async ', '')),
    ),
    at.join('\n'),
  );
});

bundle('typed by its name it runs as the laboratory runs it', () => {
  const [first] = readFileSync(VNET, 'utf8').split('\n');
  assert.is(first, `#!/usr/bin/env -S node ${NODE_OPTIONS.join(' ')}`);
  const { status, stdout } = spawnSync(VNET, ['--version'], { encoding: 'utf8' });
  assert.is(status, 0);
  assert.match(stdout, /\d/);
});

/** The sources of all chunks that one loads, by imports that are not put off. */
function sourcesOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] };
  for (const source of sources) seen.add(join(dirname(file), source));
  for (const [, chunk] of readFileSync(file, 'utf8').matchAll(
    /(?:^|;)(?:import|export)\b[^;()]*?"(\.[^"]+\.js)"(?=;|$)/gm,
  )) {
    sourcesOf(join(dirname(file), chunk!), seen);
  }
  return seen;
}

bundle('a server loads nothing of the tools beside it', () => {
  const root = join(dirname(VNET), '../../..');
  const chunks = join(root, 'dist/chunks');
  const serve = readdirSync(chunks).find((file) => /^serve-[^.]+\.js$/.test(file));
  assert.ok(serve);
  const loaded = [...sourcesOf(join(chunks, serve))].map((file) => file.slice(root.length + 1));
  assert.ok(loaded.includes('actors/server.ts'));
  assert.ok(loaded.some((file) => file.startsWith('node_modules/rxjs/')));
  assert.not.ok(
    loaded.some((file) => file.endsWith('/operators/zip.ts')),
    'rxjs is cut down to what is used',
  );
  const others =
    /^tools\/(?:lab|bench|vnet\/(?:client|conform|demo|log|page|replay))\/|^io\/memory\/|\/(?:fast-check|x509)\//;
  assert.equal(
    loaded.filter((file) => others.test(file)),
    [],
  );
});

bundle.run();
