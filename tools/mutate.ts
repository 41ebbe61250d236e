/**
 * Mutation testing of the machines: each mutant is the program with one small change, and some test must fail for it.
 *
 *     npm run mutate -- [--file PART] [--every N] [--jobs J]
 *
 * A mutant is a copy of machines/ with the change, beside links to everything else, in a scratch folder; the tests of
 * that file run there. `--every N` takes each Nth mutant only. Prints the survivors and the score.
 * (Stryker has no runner for uvu; its command runner takes one run of the tests a mutant as well, but instruments
 * sources that the import check of this project reads as text.)
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = ['actors', 'io', 'spec', 'tools', 'node_modules', 'package.json', 'tsconfig.json'];
const TIME_LIMIT_MS = 60_000;

/** What is mutated, and which tests must find it. Quick ones first: the first that fails is enough. */
const SUBJECTS: readonly { readonly files: readonly string[]; readonly tests: readonly string[] }[] = [
  {
    files: ['machines/session/machine.ts'],
    tests: [
      'spec/unit/machines',
      'spec/server/hello.test.ts',
      'spec/server/lines.test.ts',
      'spec/server/watch.test.ts',
    ],
  },
  {
    files: ['machines/handler/initiator.ts', 'machines/handler/responder.ts', 'machines/device.ts'],
    tests: ['spec/unit/machines', 'spec/server/handle.test.ts', 'spec/simulation/histories.test.ts'],
  },
  {
    files: [
      'tokens',
      'splitter',
      'arguments',
      'options',
      'devices',
      'roles',
      'remote',
      'hosts',
      'mac',
      'answers',
    ].map((name) => `machines/protocol/${name}.ts`),
    tests: ['spec/unit/protocol'],
  },
  { files: ['machines/frames/predicates.ts'], tests: ['spec/unit/frames/roles.test.ts'] },
];

interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** What is changed into what; code that is formatted alike needs no parser for this. */
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/ === /g, ' !== '],
  [/ !== /g, ' === '],
  [/ && /g, ' || '],
  [/ \|\| /g, ' && '],
  [/ < /g, ' <= '],
  [/ <= /g, ' < '],
  [/ > /g, ' >= '],
  [/ >= /g, ' > '],
  [/ \+ 1\b/g, ' - 1'],
  [/\btrue\b/g, 'false'],
  [/\bfalse\b/g, 'true'],
  [/\? /g, '|| true ? '],
  [/return !/g, 'return '],
  [
    /target: '(#\w+\.)?(unauthenticated|authenticated|handling|binary|opening|open|held)'/g,
    "target: '$1closed'",
  ],
  [/guard: '\w+', /g, ''],
  [/cancel\('\w+'\),/g, ''],
  [/empty\('\w+'\),/g, ''],
];

function mutantsOf(file: string): Mutant[] {
  const text = readFileSync(join(root, file), 'utf8');
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
  const found: Mutant[] = [];
  for (const [pattern, to] of CHANGES) {
    for (const match of code.matchAll(pattern)) {
      const from = match[0];
      const line = text.slice(0, match.index).split('\n').length;
      const source = code.split('\n')[line - 1] ?? '';
      // Types and imports change nothing that runs.
      if (/^\s*(import|export type|interface|readonly|type|\|)\b/.test(source)) continue;
      const changed = from.replace(new RegExp(pattern.source), to);
      found.push({
        file,
        line,
        from: from.trim(),
        to: changed.trim(),
        text: text.slice(0, match.index) + changed + text.slice(match.index + from.length),
      });
    }
  }
  return found;
}

/** A place to work in: a copy of machines/, links to the rest. */
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vnet-mutant-'));
  cpSync(join(root, 'machines'), join(folder, 'machines'), { recursive: true });
  for (const room of ROOMS) {
    if (room === 'node_modules') symlinkSync(join(root, room), join(folder, room));
    else cpSync(join(root, room), join(folder, room), { recursive: true });
  }
  return folder;
}

/** Whether the tests pass there. */
function passes(folder: string, tests: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'spec/run.ts', ...tests], {
      cwd: folder,
      stdio: 'ignore',
    });
    const timer = setTimeout(() => child.kill('SIGTERM'), TIME_LIMIT_MS);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve(status === 0);
    });
  });
}

function print(score: ReadonlyMap<string, { readonly killed: number; readonly all: number }>): void {
  const sum = { killed: 0, all: 0 };
  for (const [file, { killed, all }] of score) {
    sum.killed += killed;
    sum.all += all;
    process.stdout.write(`${file}  ${killed} of ${all}\n`);
  }
  const percent = ((sum.killed / Math.max(1, sum.all)) * 100).toFixed(1);
  process.stdout.write(`${sum.killed} of ${sum.all} mutants were found (${percent} %)\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      file: { type: 'string', default: '' },
      every: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const every = Number(values.every);
  const jobs = Number(values.jobs);
  if (!(every >= 1 && jobs >= 1)) throw new TypeError('--every and --jobs are numbers from 1');
  const work = SUBJECTS.flatMap(({ files, tests }) =>
    files
      .filter((file) => file.includes(values.file))
      .flatMap((file) => mutantsOf(file).map((mutant) => ({ mutant, tests }))),
  ).filter((_, i) => i % every === 0);
  const score = new Map<string, { killed: number; all: number }>();
  const worker = async (): Promise<void> => {
    const folder = scratch();
    try {
      for (let next = work.shift(); next !== undefined; next = work.shift()) {
        const { mutant, tests } = next;
        const { file, line, from, to, text } = mutant;
        const right = readFileSync(join(root, file), 'utf8');
        writeFileSync(join(folder, file), text);
        const survived = await passes(folder, tests);
        writeFileSync(join(folder, file), right);
        const sum = score.get(file) ?? { killed: 0, all: 0 };
        score.set(file, { killed: sum.killed + (survived ? 0 : 1), all: sum.all + 1 });
        if (survived) process.stdout.write(`survived  ${file}:${line}  ${from} → ${to || '(nothing)'}\n`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  // Broken off, it still ends what is under way and tells how far it came.
  process.once('SIGTERM', () => work.splice(0));
  process.once('SIGINT', () => work.splice(0));
  await Promise.all(Array.from({ length: jobs }, worker));
  print(score);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
