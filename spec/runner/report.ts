import type { FileResult } from './run-file.ts';

/** Prints one line a file as they end, on a terminal also a line of what is under way, and the sum at the end. */
export class Report {
  readonly #terminal = process.stdout.isTTY === true && process.env.CI === undefined;
  readonly #running = new Set<string>();
  readonly #sum = { passed: 0, failed: 0, skipped: 0 };
  readonly #since = performance.now();
  readonly #bad: string[] = [];
  #done = 0;

  constructor(readonly files: number) {}

  begin(file: string): void {
    this.#running.add(file);
    this.#status();
  }

  result(file: string, result: FileResult): void {
    this.#running.delete(file);
    this.#done += 1;
    for (const key of ['passed', 'failed', 'skipped'] as const) this.#sum[key] += result[key];
    const good = result.failed === 0;
    const counts = `${result.passed} passed${result.skipped > 0 ? `, ${result.skipped} skipped` : ''}`;
    const time = `${result.seconds.toFixed(1)} s`;
    if (good) this.#line(`ok    ${file}  ${counts}, ${time}`);
    else {
      this.#bad.push(file);
      const why = result.complaint === undefined ? '' : `: ${result.complaint}`;
      this.#line(`FAIL  ${file}  ${counts}, ${result.failed} failed, ${time}${why}`);
      this.#line(result.output.trimEnd().replace(/^/gm, '      | '));
    }
    this.#status();
  }

  skipped(file: string, reason: string): void {
    this.#done += 1;
    this.#sum.skipped += 1;
    this.#line(`SKIP  ${file}  ${reason}`);
  }

  note(text: string): void {
    this.#line(`----  ${text}`);
  }

  /** Prints the sum. @returns the exit status */
  end(): number {
    this.#running.clear();
    const { passed, failed, skipped } = this.#sum;
    const none = passed + failed === 0;
    this.#line(`\n${this.files} files in ${((performance.now() - this.#since) / 1000).toFixed(1)} s`);
    for (const file of this.#bad) this.#line(`FAIL  ${file}`);
    this.#line(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    return failed > 0 || (none && skipped === 0) ? 1 : 0;
  }

  #line(text: string): void {
    process.stdout.write(this.#terminal ? `\r\x1b[K${text}\n` : `${text}\n`);
  }

  #status(): void {
    if (!this.#terminal || this.#running.size === 0) return;
    const names = [...this.#running].map((file) => file.replace(/^.*\//, '').replace('.test.ts', ''));
    const text = `${this.#done}/${this.files}  ${this.#sum.passed} passed, ${this.#sum.failed} failed  running: ${names.join(', ')}`;
    process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  }
}
