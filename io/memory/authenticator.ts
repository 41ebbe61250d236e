import type { Authenticator, Clock, PeerCertificate } from '../ports.ts';

/** Knows identities by plain passwords and by fingerprints of certificates. */
export class MemoryAuthenticator implements Authenticator {
  readonly #secrets = new Map<string, string>();
  readonly #identities = new Map<string, string>();
  /** What was asked, in order; the secrets themselves are not kept. */
  readonly asked: { readonly identity: string; readonly address: string; readonly good: boolean }[] = [];
  /** How long it thinks, in ms, as scrypt does. */
  delay = 0;

  constructor(private readonly clock: Clock) {}

  /** Admits this identity by password. */
  password(identity: string, secret: string): this {
    this.#secrets.set(identity, secret);
    return this;
  }

  /** Admits the bearer of this certificate (`sha256:…` or `spki-sha256:…`) as this identity. */
  certificate(fingerprint: string, identity: string): this {
    this.#identities.set(fingerprint, identity);
    return this;
  }

  get passwords(): boolean {
    return this.#secrets.size > 0;
  }

  get certificates(): boolean {
    return this.#identities.size > 0;
  }

  verify(identity: string, secret: string, address: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.clock.after(this.delay, () => {
        const good = this.#secrets.get(identity) === secret;
        this.asked.push({ identity, address, good });
        resolve(good);
      });
    });
  }

  identify(certificate: PeerCertificate): string | undefined {
    return this.#identities.get(certificate.fingerprint) ?? this.#identities.get(certificate.publicKey);
  }
}
