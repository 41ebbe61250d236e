/** What a server did that the protocol does not allow: the case fails with it. */
export class Nonconformity extends Error {
  override readonly name = 'Nonconformity';

  /**
   * @param what was to be seen
   * @param seen what was there in its place
   */
  constructor(
    readonly what: string,
    readonly seen: string,
  ) {
    super(`expected ${what}; got ${seen}`);
  }
}

/** The case cannot be tried on this server, for a reason that is no fault of the server. */
export class NotApplicable extends Error {
  override readonly name = 'NotApplicable';
}

/** @throws Nonconformity unless the condition holds */
export function demand(condition: unknown, what: string, seen: string): asserts condition {
  if (!condition) throw new Nonconformity(what, seen);
}

/** @throws Nonconformity unless both are the same text */
export function demandEqual(seen: string, wanted: string, what: string): void {
  if (seen !== wanted) throw new Nonconformity(`${what} ${JSON.stringify(wanted)}`, JSON.stringify(seen));
}
