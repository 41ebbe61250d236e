/** The documents name files, scripts, commands and options that are there. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Declaration, isGroup } from '../tools/vnet/cli/declaration.ts';
import { COMMANDS } from '../tools/vnet/usage/program.ts';

const test = suite('documents');
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const ls = (...args: string[]) =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...args], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(ROOT, file)));

const FILES = ls();
/** What was changed in a version stands in the changelog as it was then. */
const PAGES = ls('*.md').filter((file) => !file.startsWith('CHANGELOG'));
const TOP = new Set(FILES.filter((file) => file.includes('/')).map((file) => file.split('/')[0]!));
/** Made by a command, and not in git. */
const MADE = ['dist', 'coverage', 'node_modules'];
/** Told of as what the next version of a machine would be called. */
const FUTURE = ['machines/session/machine-v1.ts', 'spec/golden/v2/'];

/** What stands between backticks in a page, code blocks left out. */
function quoted(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```.*?^```$/gms, '');
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner!);
}

/** `a/{b,c}.ts` as a/b.ts and a/c.ts. */
function spread(path: string): readonly string[] {
  const [, before = '', list, behind = ''] = /^(.*)\{([^{}]*)\}(.*)$/.exec(path) ?? [];
  if (list === undefined) return [path];
  return list.split(',').flatMap((each) => spread(`${before}${each}${behind}`));
}

/** Whether there is such a file or folder; `*` stands for any part of a name. */
function isThere(path: string): boolean {
  if (!path.includes('*') && !path.includes('…')) return existsSync(join(ROOT, path));
  const parts = path.split(/\*+|…/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('.*')}`);
  return FILES.some((file) => pattern.test(file));
}

const isOurPath = (word: string) => /^[\w.-]+\/[^\s]*$/.test(word) && TOP.has(word.split('/')[0]!);

test('there are pages, and they name paths', () => {
  assert.ok(PAGES.length >= 8, PAGES.join(' '));
  assert.ok(quoted('docs/ARCHITECTURE.md').filter(isOurPath).length > 50);
  assert.not.ok(isThere('machines/nowhere.ts'));
  assert.not.ok(isThere('machines/nowhere-*.ts'));
});

test('every path is there', () => {
  const missing = PAGES.flatMap((page) =>
    quoted(page)
      .flatMap((text) => text.split(/\s+/))
      .filter((word) => isOurPath(word) && !MADE.includes(word.split('/')[0]!))
      .flatMap((word) => spread(word.replace(/[:,;.]+$/, '').replace(/:\d+$/, '')))
      .filter((path) => !FUTURE.includes(path) && !isThere(path))
      .map((path) => `${page}: ${path}`),
  );
  assert.equal(missing, []);
});

test('every link leads to a file', () => {
  const missing = PAGES.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  assert.equal(missing, []);
});

test('every script of npm is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, name = ''] of text.matchAll(/npm run ([\w:-]+)/g)) {
      assert.ok(Object.hasOwn(scripts, name), `${page}: npm run ${name}`);
    }
  }
  for (const [name, line] of Object.entries(scripts)) {
    for (const path of line.split(/\s+/).filter((word) => /^(?:tools|spec)\/.*\.(?:ts|mjs)$/.test(word))) {
      assert.ok(isThere(path), `npm run ${name}: ${path}`);
    }
  }
});

/** The options that a command line of ours may have; undefined when there is no such command. */
function optionsOf([first = '', second = '']: readonly string[]): readonly string[] | undefined {
  const declaration = (COMMANDS as Readonly<Record<string, Declaration>>)[first];
  if (declaration === undefined) return undefined;
  if (!isGroup(declaration)) return Object.keys(declaration.options);
  return declaration.commands[second] === undefined ? [] : Object.keys(declaration.commands[second].options);
}

test('every command of vnet is there, with its options', () => {
  let seen = 0;
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const lines = [
      ...quoted(page),
      ...[...text.matchAll(/^[#$] (.*)$/gm)].flatMap(([, line]) => line!.split(/[|;&`()]/)),
    ];
    for (const line of lines) {
      const [, typed] = /(?:^|\s)vnet ([a-z].*)$/.exec(line) ?? [];
      if (typed === undefined) continue;
      const words = typed.split(/\s+/);
      const options = optionsOf(words);
      seen++;
      assert.ok(options, `${page}: vnet ${typed}`);
      for (const word of words.filter((each) => /^--[a-z]/.test(each))) {
        const name = word.slice(2).replace(/[=,.].*$/, '');
        assert.ok(['help', ...options].includes(name), `${page}: ${name} in vnet ${typed}`);
      }
    }
  }
  assert.ok(seen > 20, `${seen} commands`);
});

test.run();
