import { createHmac, randomBytes } from 'node:crypto';
import { NO_TLS_MATERIAL, type TlsMaterial } from '../net/tls-material.ts';
import type { Authenticator, PeerCertificate } from '../ports.ts';
import { Authorized, loadAuthorized } from './authorized-file.ts';
import { type CertificateInfo, describeCertificate, loadKeyPair, readCertificates } from './certificates.ts';
import { FairQueue, type FairQueueLimits } from './fair-queue.ts';
import { DEFAULT_IDENTITY, IDENTITY, LOCAL_IDENTITY } from './identity.ts';
import { KnownSecrets } from './known-secrets.ts';
import { loadPasswords, type Passwords } from './password-file.ts';
import { loadPeers, type Peers } from './peers.ts';
import { PlainPassword } from './plain-password.ts';
import { impossibleHash, type ScryptHash, verifySecret } from './scrypt.ts';
import { formsOf, normalSecret, secretProblem } from './secret.ts';

/** Where credentials come from; all of it is what the options of `vnet serve` say. */
export interface CredentialSources {
  readonly passwordFile?: string;
  /** `VNET_PASSWORD`: the secret of identity `default`; counts only without a password file. */
  readonly password?: string;
  readonly authorizedFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly peersFile?: string;
}

/** Everything that was read, all of one moment. */
interface Loaded {
  readonly passwords: Passwords;
  readonly authorized: Authorized;
  readonly peers: Peers;
  readonly tls: TlsMaterial;
  /** Gone with all the rest: a secret that a reload took away is not known any more. */
  readonly known: KnownSecrets;
}

/** Sessions that are not authenticated are at most 64, 8 of an address (PROTOCOL.md section 4): they all find a place. */
const QUEUE_LIMITS: FairQueueLimits = { total: 128, perKey: 16 };

/** All keys and passwords of a server, read from files and read again on demand. */
export class Credentials implements Authenticator {
  #loaded: Loaded;
  /** Counts in place of `#loaded.passwords`. */
  readonly #password: PlainPassword | undefined;
  readonly #queue: FairQueue;
  /** Chooses the hash that an unknown identity is checked against, so that it always is the same one. */
  readonly #pepper = randomBytes(32);

  /**
   * @param now a clock that only goes forward, in milliseconds
   * @throws Error with what is wrong in which file
   */
  constructor(
    readonly sources: CredentialSources,
    limits: FairQueueLimits = QUEUE_LIMITS,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#queue = new FairQueue(limits);
    this.#password = environmentPassword(sources);
    this.#loaded = this.#load();
  }

  get passwords(): boolean {
    return this.#password !== undefined || this.#loaded.passwords.size > 0;
  }

  get certificates(): boolean {
    return this.#loaded.authorized.size > 0 || this.#loaded.tls.ca.length > 0;
  }

  get peers(): Peers {
    return this.#loaded.peers;
  }

  /** For `realNetwork`: a new object after each reload that went well. */
  get tls(): TlsMaterial {
    return this.#loaded.tls;
  }

  /** Our own certificate, with its expiry; undefined without one. */
  get ownCertificate(): CertificateInfo | undefined {
    const own = this.#loaded.tls.own;
    return own && describeCertificate(own.cert);
  }

  /**
   * Reads every file again. Connections that stand are not touched.
   * @throws Error with what is wrong; then everything stays as it was
   */
  reload(): void {
    this.#loaded = this.#load();
  }

  /**
   * A secret that was right in the last 15 minutes is known again at once, and waits behind nobody.
   * @throws Busy when too many wait already
   */
  async verify(identity: string, secret: string, address: string): Promise<boolean> {
    const { known, passwords } = this.#loaded;
    const forms = formsOf(secret);
    const isKnown = () => forms.some((form) => known.knows(identity, form));
    if (isKnown()) return true;
    return this.#queue.run(address, async () => {
      // Of many that came at once with the same secret, one was checked meanwhile.
      if (isKnown()) return true;
      for (const form of forms) {
        if (!(await this.#check(identity, form, passwords))) continue;
        known.remember(identity, form);
        return true;
      }
      return false;
    });
  }

  /** By its line in the authorized file, else by its subject's common name when a CA of ours signed it. */
  identify(certificate: PeerCertificate): string | undefined {
    if (Date.parse(certificate.validTo) < Date.now()) return undefined;
    const { authorized } = this.#loaded;
    const listed =
      authorized.identityOf(certificate.fingerprint) ?? authorized.identityOf(certificate.publicKey);
    if (listed !== undefined) return listed;
    const { commonName } = certificate;
    if (!certificate.authorized || this.#loaded.tls.ca.length === 0) return undefined;
    return IDENTITY.test(commonName) && commonName !== LOCAL_IDENTITY ? commonName : undefined;
  }

  #check(identity: string, secret: string, passwords: Passwords): Promise<boolean> {
    if (this.#password) return this.#password.verify(identity, secret);
    return verifySecret(secret, passwords.get(identity) ?? this.#stranger(identity, passwords));
  }

  /** A hash that nothing fits, at the cost of one that is there: which one depends on the name alone. */
  #stranger(identity: string, passwords: Passwords): ScryptHash {
    const costs = [...passwords.values()];
    const pick = createHmac('sha256', this.#pepper).update(identity).digest().readUInt32BE(0);
    return impossibleHash(costs[pick % Math.max(costs.length, 1)] ?? { ln: 15, r: 8, p: 1 });
  }

  #load(): Loaded {
    const { passwordFile, authorizedFile, peersFile } = this.sources;
    const authorized = authorizedFile === undefined ? new Authorized([]) : loadAuthorized(authorizedFile);
    const peers: Peers = peersFile === undefined ? new Map() : loadPeers(peersFile);
    return {
      passwords: passwordFile === undefined ? new Map() : loadPasswords(passwordFile),
      authorized,
      peers,
      tls: loadTls(this.sources, authorized, peers),
      known: new KnownSecrets(this.now),
    };
  }
}

/**
 * Reads our certificate, its key and the CAs.
 * @throws Error when they do not go together, cannot be read, or the key can be read by others
 */
export function loadTls(
  { certFile, keyFile, caFile }: CredentialSources,
  authorized: Authorized = new Authorized([]),
  peers: Peers = new Map(),
): TlsMaterial {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error('--cert and --key go together: `vnet keygen` makes both');
  }
  const own = certFile !== undefined && keyFile !== undefined ? loadKeyPair(certFile, keyFile) : undefined;
  return {
    ...NO_TLS_MATERIAL,
    ...(own ? { own } : {}),
    ca: caFile === undefined ? [] : readCertificates(caFile),
    serverFingerprints: (host, port) => authorized.serverFingerprints(host, port),
    certificateOf: (name) => peers.get(name)?.certificate,
  };
}

function environmentPassword({ password, passwordFile }: CredentialSources): PlainPassword | undefined {
  if (password === undefined || passwordFile !== undefined) return undefined;
  const problem = secretProblem(password);
  if (problem) throw new Error(`the password in VNET_PASSWORD ${problem}`);
  return new PlainPassword(DEFAULT_IDENTITY, normalSecret(password));
}
