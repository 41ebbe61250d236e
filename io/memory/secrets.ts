import type { SecretStore } from '../ports.ts';

export class MemorySecretStore implements SecretStore {
  readonly #secrets = new Map<string, string>();
  /** When set, `put` throws it and keeps nothing. */
  fault: Error | undefined;

  get(ref: string): string | undefined {
    return this.#secrets.get(ref);
  }

  put(ref: string, secret: string): void {
    if (this.fault !== undefined) throw this.fault;
    this.#secrets.set(ref, secret);
  }

  drop(ref: string): void {
    this.#secrets.delete(ref);
  }

  refs(): readonly string[] {
    return [...this.#secrets.keys()];
  }
}
