/** A secret that stands in the memory of this process anyhow, as the one of the environment does. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * How long a check takes, in milliseconds, whatever comes of it. It is done one at a time: so nobody guesses faster than
 * against a hash of a password file, and it takes neither the processor nor 32 MB.
 */
const CHECK_MS = 60;

export class PlainPassword {
  readonly #key = randomBytes(32);
  readonly #digest: Buffer;

  /** @param identity whose secret it is */
  constructor(
    private readonly identity: string,
    secret: string,
  ) {
    this.#digest = this.#digestOf(secret);
  }

  /** Whether the secret is the one of the identity; tells neither by its time. */
  async verify(identity: string, secret: string): Promise<boolean> {
    const same = timingSafeEqual(this.#digestOf(secret), this.#digest);
    await wait(CHECK_MS);
    return same && identity === this.identity;
  }

  #digestOf(secret: string): Buffer {
    return createHmac('sha256', this.#key).update(secret).digest();
  }
}
