/** How long each test file takes, and in which order those of a subject run. */
import { type Subject, testFiles } from './subjects.ts';
import { runTests } from './trial.ts';

/** Longest time that a test file may take with the program as it is, in milliseconds. */
const BASELINE_MS = 120_000;
/** A mutant gets so many times the time that the program takes, and so many milliseconds more. */
const TIMES = 5;
const MORE_MS = 2_000;

/** The tests of one subject. */
export class Tests {
  readonly #ms: ReadonlyMap<string, number>;
  /** By source: how many of its mutants each test file found. */
  readonly #found = new Map<string, Map<string, number>>();

  private constructor(ms: ReadonlyMap<string, number>) {
    this.#ms = ms;
  }

  /** Runs the tests with the program as it is. @throws Error when they do not pass; undefined when broken off */
  static async measure(root: string, program: string, subject: Subject): Promise<Tests | undefined> {
    const files = testFiles(root, subject.tests);
    const { outcome, passed, output } = await runTests(program, files, () => BASELINE_MS);
    if (outcome === 'broken-off') return undefined;
    if (outcome !== 'passed') {
      throw new Error(
        `the tests of ${subject.name} do not pass with the program as it is (${outcome} at ${files[passed.length]}), ` +
          `so they could tell nothing of its mutants:\n${output}`,
      );
    }
    return new Tests(new Map(passed.map(({ file, ms }) => [file, ms])));
  }

  /** Time that they take together, in milliseconds. */
  get ms(): number {
    return [...this.#ms.values()].reduce((sum, ms) => sum + ms, 0);
  }

  get size(): number {
    return this.#ms.size;
  }

  /** First those that found most mutants of this source so far, then the quickest. */
  orderFor(source: string): string[] {
    const found = this.#found.get(source);
    const rank = (file: string) => found?.get(file) ?? 0;
    const ms = (file: string) => this.#ms.get(file) ?? 0;
    return [...this.#ms.keys()].sort((a, b) => rank(b) - rank(a) || ms(a) - ms(b));
  }

  /** Time limit of a test file with a mutant, in milliseconds. */
  limitOf(file: string): number {
    return (this.#ms.get(file) ?? 0) * TIMES + MORE_MS;
  }

  /** Notes which test file found a mutant of this source. */
  noteFound(source: string, file: string | undefined): void {
    if (file === undefined) return;
    const found = this.#found.get(source) ?? new Map<string, number>();
    this.#found.set(source, found.set(file, (found.get(file) ?? 0) + 1));
  }
}
