/** Counts by key; a key that comes to zero is forgotten. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, by: 1 | -1): void {
    const count = this.of(key) + by;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

/** The places for those who have not said a right HELLO yet: how many there are of each address and network. */
export class UnauthenticatedSlots<T extends { readonly link: { readonly address: string } }> {
  /** Oldest first. */
  readonly #taken = new Set<T>();
  readonly #addresses = new Counts();
  readonly #networks = new Counts();

  /** @param networkOf gives the network that an address counts for */
  constructor(private readonly networkOf: (address: string) => string) {}

  get size(): number {
    return this.#taken.size;
  }

  get oldest(): T | undefined {
    const [oldest] = this.#taken;
    return oldest;
  }

  ofAddress(address: string): number {
    return this.#addresses.of(address);
  }

  ofNetworkOf(address: string): number {
    return this.#networks.of(this.networkOf(address));
  }

  take(one: T): void {
    this.#taken.add(one);
    this.#count(one, 1);
  }

  /** Does nothing for one that has no place. */
  free(one: T): void {
    if (this.#taken.delete(one)) this.#count(one, -1);
  }

  #count({ link }: T, by: 1 | -1): void {
    this.#addresses.add(link.address, by);
    this.#networks.add(this.networkOf(link.address), by);
  }
}
