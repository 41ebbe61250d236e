/** Secrets that were right a short while ago, so that a thousand Handlers do not wait for a thousand scrypts. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a secret is known again after it was checked; knowing it again does not make that longer. */
const KNOWN_MS = 15 * 60_000;
/** Identities remembered; past that the one checked longest ago is forgotten. */
const IDENTITIES = 1024;

interface Known {
  readonly digest: Buffer;
  /** On the clock that was given, in milliseconds. */
  readonly until: number;
}

/**
 * Remembers, for each identity, the last secret that was right: as an HMAC under a key that is nowhere but in this
 * object, never the secret itself (PROTOCOL.md section 4). What was wrong is not remembered.
 */
export class KnownSecrets {
  readonly #key = randomBytes(32);
  /** In the order in which they were checked. */
  readonly #known = new Map<string, Known>();
  /** What an identity that is not known is held against, so that it takes the same time. */
  readonly #nothing = randomBytes(32);

  /** @param now a clock that only goes forward, in milliseconds */
  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.#known.size;
  }

  /** Whether this was the right secret of this identity within the last 15 minutes; compares in constant time. */
  knows(identity: string, secret: string): boolean {
    const known = this.#known.get(identity);
    const same = timingSafeEqual(this.#digestOf(identity, secret), known?.digest ?? this.#nothing);
    if (known === undefined || known.until > this.now()) return same && known !== undefined;
    this.#known.delete(identity);
    return false;
  }

  /** The secret has just been checked, and is right. */
  remember(identity: string, secret: string): void {
    this.#known.delete(identity);
    this.#known.set(identity, { digest: this.#digestOf(identity, secret), until: this.now() + KNOWN_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > IDENTITIES && oldest !== undefined) this.#known.delete(oldest);
  }

  #digestOf(identity: string, secret: string): Buffer {
    // An identity has no NUL, and no secret can be taken for another one's.
    return createHmac('sha256', this.#key).update(`${identity}\0${secret}`).digest();
  }
}
