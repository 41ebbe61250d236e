/** Says ahead of time that a certificate ends: at start, after each reload and once a day. */
import { type CertificateInfo, describeCertificate } from '../../../io/auth/certificates.ts';
import type { Peers } from '../../../io/auth/peers.ts';
import type { Clock, Diagnostics, Timer } from '../../../io/ports.ts';
import type { ConfiguredFiles } from './files.ts';

const DAY_MS = 86_400_000;
/** From so many days before its end a certificate is warned of. */
export const WARN_DAYS = 30;

export class ExpiryWatch {
  #timer: Timer | undefined;

  constructor(
    private readonly files: ConfiguredFiles,
    private readonly clock: Clock,
    private readonly diagnostics: Diagnostics,
  ) {}

  /** Looks now, and every day from now on. */
  start(): void {
    this.look();
    this.#timer = this.clock.after(DAY_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  look(): void {
    for (const [what, certificate] of certificates(this.files)) this.#judge(what, certificate);
  }

  #judge(certificate: string, { fingerprint, validTo, daysLeft }: CertificateInfo): void {
    const fields = { certificate, fingerprint, expires: validTo, days: daysLeft };
    if (daysLeft < 0) this.diagnostics.error(fields, 'a certificate has expired: nobody will accept it');
    else if (daysLeft < WARN_DAYS) this.diagnostics.warn(fields, 'a certificate expires soon');
  }
}

/** `STATUS <key> <value>` pairs on our own certificate. */
export function certificateFacts(own: CertificateInfo | undefined): readonly (readonly [string, string])[] {
  if (own === undefined) return [];
  return [
    ['certificate', own.fingerprint],
    ['certificate_key', own.publicKey],
    ['certificate_expires', own.validTo],
    ['certificate_days_left', String(own.daysLeft)],
  ];
}

/** When it ends, in seconds since 1970. */
export function certificateEnd(own: CertificateInfo | undefined): number | undefined {
  return own === undefined ? undefined : Date.parse(own.validTo) / 1000;
}

/** Every certificate that this server has as a whole, with what it is. Of authorized ones it knows fingerprints only. */
function* certificates({ credentials }: ConfiguredFiles): Iterable<readonly [string, CertificateInfo]> {
  const { ownCertificate, peers, sources } = credentials;
  if (ownCertificate !== undefined) yield ['own', ownCertificate];
  yield* ofPeers(peers);
  for (const pem of credentials.tls.ca) yield [`CA in ${sources.caFile}`, describeCertificate(pem)];
}

function* ofPeers(peers: Peers): Iterable<readonly [string, CertificateInfo]> {
  for (const { name, certificate } of peers.values()) {
    if (certificate !== undefined) yield [`peer ${name}`, describeCertificate(certificate.cert)];
  }
}
