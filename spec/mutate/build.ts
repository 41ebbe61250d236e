/**
 * The scratch folder: the program transpiled once, the mutants transpiled once, and a copy of the program for each
 * worker, in which one file at a time is exchanged.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { apply, type Change, changesTo, describe } from './changes.ts';

const ROOMS = ['machines', 'actors', 'io', 'tools', 'spec'];

export interface Mutant {
  /** Source, as a path from the root. */
  readonly file: string;
  readonly line: number;
  /** What was changed, for people. */
  readonly change: string;
  /** The file that takes the place of the transpiled source. */
  readonly script: string;
}

export interface Mutants {
  readonly mutants: readonly Mutant[];
  /** Number of changes that came out as no program. */
  readonly noProgram: number;
  /** Number of changes to types only: the program stays what it was. */
  readonly same: number;
}

/** Name of the script that a source is transpiled to. */
export const scriptOf = (file: string): string => file.replace(/\.ts$/, '.js');

export class Scratch {
  readonly #root: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'vnet-mutants-'));

  constructor(root: string) {
    this.#root = root;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Transpiles the program as it is. @returns its folder @throws Error when it is no program */
  program(): string {
    const folder = join(this.#folder, 'program');
    const errors = this.#transpile('program', this.#root, ROOMS);
    if (errors !== '') throw new Error(`the program itself cannot be transpiled:\n${errors}`);
    for (const room of ROOMS) {
      const filter = (path: string) => !path.endsWith('.ts') && !path.includes('/native/build');
      cpSync(join(this.#root, room), join(folder, room), { recursive: true, filter });
    }
    for (const file of ['package.json', 'node_modules'])
      symlinkSync(join(this.#root, file), join(folder, file));
    return folder;
  }

  /** A copy of the program for one worker. */
  copy(program: string, name: string): string {
    const folder = join(this.#folder, name);
    cpSync(program, folder, { recursive: true, verbatimSymlinks: true });
    return folder;
  }

  /** All mutants of these sources, or those of the sample. */
  mutants(program: string, files: readonly string[], { every, first, lines }: Sample): Mutants {
    const sources = join(this.#folder, 'sources');
    mkdirSync(sources);
    // Says that they are ES modules.
    cpSync(join(this.#root, 'package.json'), join(sources, 'package.json'));
    const all = files.flatMap((file) => {
      const text = readFileSync(join(this.#root, file), 'utf8');
      const changes = changesTo(text).map((change) => ({ file, text, change }));
      return changes.filter(({ change }) => lines.length === 0 || lines.includes(lineOf(text, change)));
    });
    const some = all.filter((_, i) => i % every === (first - 1) % every);
    for (const [i, { text, change }] of some.entries())
      writeFileSync(join(sources, `${i}.ts`), apply(text, change));
    const errors = some.length === 0 ? '' : this.#transpile('mutants', sources, ['.']);
    const broken = new Set(Array.from(errors.matchAll(/(\d+)\.ts\(\d+,\d+\): error/g), ([, i]) => Number(i)));
    const found: Mutant[] = [];
    let noProgram = 0;
    let same = 0;
    for (const [i, { file, text, change }] of some.entries()) {
      const script = join(this.#folder, 'mutants', `${i}.js`);
      if (broken.has(i) || !existsSync(script)) noProgram++;
      else if (isSame(script, join(program, scriptOf(file)))) same++;
      else found.push({ file, line: lineOf(text, change), change: describe(change), script });
    }
    return { mutants: found, noProgram, same };
  }

  /** Transpiles, without a check of types. @returns the syntax errors */
  #transpile(name: string, rootDir: string, include: readonly string[]): string {
    const config = join(this.#folder, `${name}.json`);
    const compilerOptions = {
      noEmit: false,
      noCheck: true,
      noResolve: true,
      types: [],
      rootDir,
      outDir: join(this.#folder, name),
    };
    const extended = join(this.#root, 'tsconfig.json');
    const folders = include.map((folder) => join(rootDir, folder));
    writeFileSync(config, JSON.stringify({ extends: extended, compilerOptions, include: folders }));
    const tsc = join(this.#root, 'node_modules/.bin/tsc');
    const { error, stdout, stderr } = spawnSync(tsc, ['-p', relative(this.#folder, config)], {
      cwd: this.#folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (error) throw error;
    return `${stdout}${stderr}`.trim();
  }
}

export interface Sample {
  /** Only each so manyth. */
  readonly every: number;
  /** The first of these, from 1. */
  readonly first: number;
  /** Only those of these lines; of all, when there are none. */
  readonly lines: readonly number[];
}

const isSame = (one: string, other: string): boolean => readFileSync(one).equals(readFileSync(other));
const lineOf = (text: string, { at }: Change): number => text.slice(0, at).split('\n').length;
