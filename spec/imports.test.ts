/**
 * Which room may import what (docs/ARCHITECTURE.md), and that nothing imports itself by a detour, types included. The
 * arrows keep the machines pure and the edges exchangeable; without circles a file can be read and tested by itself.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { circlesIn, type Graph, grouped } from './support/circles.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

interface Import {
  readonly target: string;
  /** `import type` or `export type`: gone when compiled. */
  readonly typeOnly: boolean;
}

const STATEMENT = /^[ \t]*(?:import|export)\s+(type\s+)?(?:[\w*{][^;'"]*?\s*from\s*)?['"]([^'"]+)['"]/gm;
const CALL = /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Every import in a text, of whatever form. `import { type A } from` counts as type-only when each name is a type. */
export function importsOf(text: string): Import[] {
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^[ \t]*\/\/.*$/gm, '')
    // Texts of scripts that somebody else runs.
    .replace(/`(?:\\.|[^`\\])*`/g, '``');
  const found: Import[] = [];
  for (const [statement, word, target = ''] of code.matchAll(STATEMENT)) {
    const names = /\{([^}]*)\}/
      .exec(statement)?.[1]
      ?.split(',')
      .map((name) => name.trim());
    const alone = !/(?:import|export)\s+[\w*]/.test(statement);
    const eachType = alone && (names?.filter(Boolean).every((name) => name.startsWith('type ')) ?? false);
    found.push({ target, typeOnly: word !== undefined || eachType });
  }
  for (const [, target = ''] of code.matchAll(CALL)) found.push({ target, typeOnly: false });
  return found;
}

function sources(room: string): string[] {
  const folder = join(root, room);
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** Where an import leads: a path in this tree, `node:…`, or the name of a package. */
function destination(file: string, target: string): string {
  if (target.startsWith('.')) return relative(root, join(root, dirname(file), target));
  if (target.startsWith('node:') || builtinModules.includes(target))
    return `node:${target.replace('node:', '')}`;
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

type Rule = (to: string, typeOnly: boolean) => boolean;
const isPackage = (to: string): boolean => to in manifest.dependencies;

const RULES: Readonly<Record<string, Rule>> = {
  machines: (to) => to === 'xstate' || to.startsWith('machines/'),
  io: (to, typeOnly) =>
    to.startsWith('io/') ||
    to.startsWith('node:') ||
    isPackage(to) ||
    (typeOnly && to in manifest.devDependencies),
  actors: (to, typeOnly) =>
    to === 'rxjs' ||
    // The pure step itself, `transition(machine, snapshot, event)`, is xstate's.
    to === 'xstate' ||
    to.startsWith('actors/') ||
    to.startsWith('machines/') ||
    (typeOnly && to === 'io/ports.ts'),
  // In a browser there is nothing of Node.
  'tools/vnet/page': (to) => to.startsWith('tools/vnet/page/') || to.startsWith('machines/'),
  tools: (to, typeOnly) =>
    /^(machines|actors|io|tools)\//.test(to) ||
    to.startsWith('node:') ||
    isPackage(to) ||
    (typeOnly && to in manifest.devDependencies),
  spec: (to) =>
    /^(machines|actors|io|tools|spec)\//.test(to) ||
    to.startsWith('node:') ||
    isPackage(to) ||
    to in manifest.devDependencies,
};

/** The files that may stand at the root of a room: what puts its subjects together, and what they all share. */
const AT_ROOT: Readonly<Record<string, readonly string[]>> = {
  machines: ['index.ts'],
  io: [
    'chance.ts',
    'clock.ts',
    'file-problem.ts',
    'gathering.ts',
    'make-directory.ts',
    'ports.ts',
    'project.ts',
    'read-turns.ts',
    'rfc3339.ts',
  ],
  actors: ['limits.ts', 'server.ts', 'shell.ts', 'world.ts'],
  tools: [],
};

/** Which file imports which, of whatever form and in all rooms. */
function importGraph(): Graph {
  return new Map(
    Object.keys(RULES)
      .flatMap(sources)
      .map((file) => [
        file,
        importsOf(readFileSync(join(root, file), 'utf8')).map(({ target }) => destination(file, target)),
      ]),
  );
}

const asPaths = (circles: readonly string[][]): string[] => circles.map((circle) => circle.join(' → '));

/** The subject of a file: its room and its folder there; a file at the root of a room stands for itself. */
const subjectOf = (file: string): string => file.split('/').slice(0, 2).join('/');

const test = suite('imports');

for (const [room, rule] of Object.entries(RULES)) {
  test(`${room}/ imports only what it may`, () => {
    const wrong: string[] = [];
    for (const file of sources(room)) {
      if (room === 'tools' && file.startsWith('tools/vnet/page/')) continue;
      for (const { target, typeOnly } of importsOf(readFileSync(join(root, file), 'utf8'))) {
        const to = destination(file, target);
        if (!rule(to, typeOnly)) wrong.push(`${file} imports ${target}${typeOnly ? ' (types)' : ''}`);
        if (target.startsWith('.') && !(target.endsWith('.ts') && existsSync(join(root, to)))) {
          wrong.push(`${file} imports ${target}, which is no .ts file`);
        }
      }
    }
    assert.equal(wrong, []);
  });
}

test('no file is on a circle of imports, types included', () => {
  assert.equal(asPaths(circlesIn(importGraph())), []);
});

for (const room of ['machines', 'actors']) {
  test(`no folder of ${room}/ is on a circle of imports`, () => {
    const inside = [...importGraph()].filter(([file]) => file.startsWith(`${room}/`));
    assert.equal(asPaths(circlesIn(grouped(new Map(inside), subjectOf))), []);
  });
}

test('what runs for real knows nothing of the twins in io/memory/', () => {
  const wrong = [...importGraph()]
    .filter(([file]) => /^(io|actors)\//.test(file) && !file.startsWith('io/memory/'))
    .flatMap(([file, targets]) => [...targets].map((target) => `${file} imports ${target}`))
    .filter((line) => line.includes(' imports io/memory/'));
  assert.equal(wrong, []);
});

for (const [room, files] of Object.entries(AT_ROOT)) {
  test(`at the root of ${room}/ stands only what its subjects share`, () => {
    const loose = sources(room).filter((file) => dirname(file) === room);
    assert.equal(
      loose.filter((file) => !files.includes(basename(file))),
      [],
    );
  });
}

test('the check itself finds circles', () => {
  const graph = (arrows: Readonly<Record<string, readonly string[]>>) => new Map(Object.entries(arrows));
  const seen = (arrows: Readonly<Record<string, readonly string[]>>) => asPaths(circlesIn(graph(arrows)));
  assert.equal(seen({ a: ['b', 'c'], b: ['d'], c: ['d', 'node:fs'], d: [] }), []);
  assert.equal(seen({ a: ['a'] }), ['a → a']);
  assert.equal(seen({ z: ['a'], a: ['b'], b: ['c'], c: ['a'] }), ['a → b → c → a']);
  // One that is reached only behind a name that was left already.
  assert.equal(seen({ a: ['b'], b: [], c: ['b', 'd'], d: ['e'], e: ['d'] }), ['d → e → d']);
  assert.equal(seen({ a: ['b'], b: ['a'], c: ['d'], d: ['c'] }), ['a → b → a', 'c → d → c']);
});

test('the check itself finds circles of folders', () => {
  const files = new Map([
    ['actors/one/a.ts', ['actors/one/b.ts', 'actors/two/c.ts']],
    ['actors/two/d.ts', ['actors/one/b.ts']],
  ]);
  assert.equal(circlesIn(files), []);
  assert.equal(asPaths(circlesIn(grouped(files, subjectOf))), ['actors/one → actors/two → actors/one']);
});

test('the check itself sees every form of import', () => {
  const text = [
    "import a from 'one';",
    "import type { B } from 'two';",
    "import { type C, type D } from 'three';",
    "import { type E, f } from 'four';",
    "import 'five';",
    "export * from 'six';",
    // In two pieces, so that this very file does not seem to import them.
    ['const g = await import', "('seven');"].join(''),
    "import {\n  h,\n  i,\n} from 'eight';",
    ['const j = require', "('nine');"].join(''),
    "export type { K } from 'ten';",
    "import l, { type M } from 'eleven';",
    "// import n from 'twelve';",
    "/* import o from 'thirteen'; */ import type * as P from 'fourteen';",
  ].join('\n');
  const seen = importsOf(text);
  const types = seen.filter(({ typeOnly }) => typeOnly).map(({ target }) => target);
  assert.equal(seen.map(({ target }) => target).sort(), [
    ...['eight', 'eleven', 'five', 'four', 'fourteen', 'nine', 'one', 'seven', 'six', 'ten', 'three', 'two'],
  ]);
  assert.equal(types.sort(), ['fourteen', 'ten', 'three', 'two']);
});

test('the arrows point one way', () => {
  const machines = RULES.machines as Rule;
  const io = RULES.io as Rule;
  const actors = RULES.actors as Rule;
  assert.not(machines('node:fs', false));
  assert.not(machines('io/ports.ts', true));
  assert.not(io('machines/protocol/types.ts', true));
  assert.not(actors('io/ports.ts', false));
  assert.not(actors('io/device/tap-device.ts', true));
  assert.ok(actors('io/ports.ts', true));
  const page = RULES['tools/vnet/page'] as Rule;
  assert.not(page('node:fs', false));
  assert.not(page('tools/vnet/replay/html.ts', true));
  assert.ok(page('machines/index.ts', false));
});

test.run();
