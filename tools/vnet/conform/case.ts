/** One test case of the suite. */
import type { CaseContext } from './case-context.ts';

export interface Case {
  /** Unique, and always the same: what `--only` matches. */
  readonly id: string;
  readonly title: string;
  /** The section of spec/PROTOCOL.md that it checks, e.g. `3.1`. */
  readonly section: string;
  /** It makes the server slower for a while, and is run behind all others. */
  readonly late?: boolean;
  run(bench: CaseContext): Promise<void>;
}
