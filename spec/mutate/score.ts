/** What came out, in text. */
import type { Mutant } from './build.ts';
import type { Outcome } from './trial.ts';

type Counted = 'passed' | 'failed' | 'out-of-time';

export class Score {
  readonly #byFile = new Map<string, Record<Counted, number>>();
  readonly #all: number;
  #noProgram: number;

  /** @param all number of mutants to be tried; @param noProgram of changes that came out as no program already */
  constructor(all: number, noProgram: number) {
    this.#all = all;
    this.#noProgram = noProgram;
  }

  add({ file }: Mutant, outcome: Outcome): void {
    if (outcome === 'broken-off') return;
    if (outcome === 'no-program') {
      this.#noProgram++;
      return;
    }
    const counts = this.#byFile.get(file) ?? { passed: 0, failed: 0, 'out-of-time': 0 };
    counts[outcome]++;
    this.#byFile.set(file, counts);
  }

  /** How far it is, on one line. */
  get progress(): string {
    const { passed, failed, 'out-of-time': late } = this.#sum();
    return `${passed + failed + late} of ${this.#all} mutants tried, ${passed} survived`;
  }

  /** One line for each source, and the sum. @param same number of changes that changed nothing */
  text(same: number): string {
    const lines = [...this.#byFile].map(([file, counts]) => `${file}: ${found(counts)}`);
    const sum = this.#sum();
    const tried = sum.passed + sum.failed + sum['out-of-time'];
    if (tried + this.#noProgram < this.#all) lines.push(`broken off: ${this.progress}`);
    lines.push(`score: ${found(sum)}`);
    lines.push(`left out: ${this.#noProgram} changes that made no program, ${same} to types only`);
    return `${lines.join('\n')}\n`;
  }

  #sum(): Record<Counted, number> {
    const sum = { passed: 0, failed: 0, 'out-of-time': 0 };
    for (const counts of this.#byFile.values()) {
      for (const key of ['passed', 'failed', 'out-of-time'] as const) sum[key] += counts[key];
    }
    return sum;
  }
}

function found({ passed, failed, 'out-of-time': late }: Record<Counted, number>): string {
  const all = passed + failed + late;
  const percent = all === 0 ? '–' : `${(((failed + late) / all) * 100).toFixed(1)} %`;
  return `${failed + late} of ${all} mutants found (${percent}), ${failed} by a test that failed, ${late} by the time limit`;
}
