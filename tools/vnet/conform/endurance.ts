/** What the suite waits for, and for how long: what did not come ten times is not waited for any more. */
import { Nonconformity, NotApplicable } from './nonconformity.ts';

/** Failures of one kind before the suite stops asking. */
export const MOST_FAILURES = 10;
/** Part of the patience that is left for what did not come so often: it may be there already. */
const REST = 1 / 50;

export class Endurance {
  readonly #failures = new Map<string, number>();

  /**
   * @param patience milliseconds that an answer may take
   * @param told hears once of each thing that is not waited for any more
   */
  constructor(
    readonly patience: number,
    private readonly told: (text: string) => void = () => {},
  ) {}

  /** Milliseconds to wait for that; `wanted` where it may take other than the patience. */
  for(what: string, wanted = this.patience): number {
    return this.#isGivenUp(what) ? Math.min(wanted, this.patience * REST) : wanted;
  }

  /**
   * It did not come in that time.
   * @param seen what there was in its place
   * @returns what the case ends by: a failure, or that nobody asks any more
   */
  expired(what: string, seen: string): Nonconformity | NotApplicable {
    const kind = kindOf(what);
    if (this.#isGivenUp(what)) {
      return new NotApplicable(`not asked any more: ${kind} did not come ${MOST_FAILURES} times`);
    }
    const failures = (this.#failures.get(kind) ?? 0) + 1;
    this.#failures.set(kind, failures);
    if (failures === MOST_FAILURES) {
      this.told(`${kind} did not come ${MOST_FAILURES} times: cases that need it are left out from here on`);
    }
    return new Nonconformity(what, seen);
  }

  #isGivenUp(what: string): boolean {
    return (this.#failures.get(kindOf(what)) ?? 0) >= MOST_FAILURES;
  }
}

/** The same for all cases: without ids, numbers, and what a line says behind its verb. */
function kindOf(what: string): string {
  return what.replace(/^(an answer to \S+) .*/, '$1').replace(/[0-9a-f]{8,}|\d+/g, '…');
}
