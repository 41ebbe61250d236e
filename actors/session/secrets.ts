import type { Chance, SecretStore } from '../../io/ports.ts';
import type { SecretRef } from '../../machines/protocol/types.ts';

/**
 * Where secrets are between the line that brought them and their use. A reference stands for each in events and log.
 */
export class Secrets {
  readonly #passing = new Map<SecretRef, string>();

  constructor(
    private readonly store: SecretStore,
    private readonly chance: Chance,
  ) {}

  readonly keep = (secret: string): SecretRef => {
    const ref = `secret:${this.chance.id(8)}` as SecretRef;
    this.#passing.set(ref, secret);
    return ref;
  };

  /** Undefined when it is not known, as after a crash before it was stored. */
  get(ref: SecretRef): string | undefined {
    return this.#passing.get(ref) ?? this.store.get(ref);
  }

  /** Keeps it over a restart. @throws Error when it cannot be written */
  persist(ref: SecretRef): void {
    const secret = this.#passing.get(ref);
    if (secret === undefined) return;
    this.store.put(ref, secret);
    this.#passing.delete(ref);
  }

  /** It is not needed any more. */
  drop(ref: SecretRef): void {
    if (!this.#passing.delete(ref)) this.store.drop(ref);
  }

  /** Drops what no Handler of the log refers to any more. */
  sweep(needed: ReadonlySet<string>): void {
    for (const ref of this.store.refs()) if (!needed.has(ref)) this.store.drop(ref);
  }
}
