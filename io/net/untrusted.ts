/** Why a server's certificate is not believed, and what would help: a pin where it would, and nowhere else. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerCertificate } from '../ports.ts';
import { rfc3339Millis } from '../rfc3339.ts';
import { validFrom } from './certificate-facts.ts';

export interface Untrusted {
  /** `HOST:PORT` that was dialled, for the message. */
  readonly name: string;
  readonly host: string;
  readonly seen: PeerCertificate;
  readonly certificate: X509Certificate;
  /** What OpenSSL says of it (`socket.authorizationError`). */
  readonly code: string;
  /** Whether there is any CA here that could vouch for a server. */
  readonly haveCa: boolean;
}

/** Of what stands in a certificate of somebody else, so much. */
const MOST_NAMED = 120;

/** @param now milliseconds since 1970 */
export function explainUntrusted(untrusted: Untrusted, now = Date.now()): string {
  const { name, seen, certificate } = untrusted;
  if (isOver(seen, now)) return expired(name, seen, now);
  return `${name} showed the certificate ${seen.fingerprint}, which ${reason(untrusted, certificate, now)}`;
}

export function isOver(seen: PeerCertificate, now = Date.now()): boolean {
  return Date.parse(seen.validTo) < now;
}

export function expired(name: string, seen: PeerCertificate, now = Date.now()): string {
  return (
    `the certificate of ${name}, ${seen.fingerprint}, expired at ${seen.validTo}: ` +
    `that server needs a new one, or the clock here, ${rfc3339Millis(now)}, is wrong`
  );
}

function reason(untrusted: Untrusted, certificate: X509Certificate, now: number): string {
  const { host, code } = untrusted;
  const from = validFrom(certificate);
  if (Date.parse(from) > now) {
    return `is good from ${from} on only: the clock there or the one here, ${rfc3339Millis(now)}, is wrong`;
  }
  // Those that sign themselves, as `vnet keygen` makes them, name the server and not where it is.
  const selfSigned = certificate.subject === certificate.issuer;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || (!selfSigned && !isFor(certificate, host))) {
    const names = namesOf(certificate);
    if (names === '') return `names no host: that server needs one that is for ${host}`;
    return `is for ${names} and not for ${host}: dial it by a name that its certificate has, or give it one for ${host}`;
  }
  return BROKEN[code] ?? unknown(untrusted, certificate, selfSigned);
}

/** What no pin should make good. */
const BROKEN: Readonly<Record<string, string>> = {
  INVALID_PURPOSE: 'is not made for servers: that server needs one whose extended key usage has serverAuth',
  CERT_REVOKED: 'its CA has revoked: that server needs a new one, with a new key',
  CERT_REJECTED: 'its CA does not let stand for a server: that server needs another one',
  CERT_SIGNATURE_FAILURE:
    'has a signature that does not hold: it is damaged or forged, or its CA has another key now than in the file of --ca',
  CRL_SIGNATURE_FAILURE: 'its CA has revoked in a list whose signature does not hold',
  CERT_CHAIN_TOO_LONG: 'is too many CAs away from one that is known here',
  INVALID_CA: 'was signed by a certificate that is no CA: that server needs one that a CA has signed',
  PATH_LENGTH_EXCEEDED: 'was signed by a CA that may not sign it: its own CA has forbidden CAs below it',
};

function unknown(
  { host, seen, code, haveCa }: Untrusted,
  certificate: X509Certificate,
  selfSigned: boolean,
): string {
  const pin =
    `?pin=${seen.fingerprint} to the URL, a pin to the peer entry, or a line "NAME ${seen.fingerprint} server=${host}" to ` +
    `the authorized file (with ${seen.publicKey} it holds for renewed certificates of the same key too)`;
  if (selfSigned) return `nothing here vouches for (${code}): when it is the right one, add ${pin}`;
  const signer = shown(certificate.issuer?.split('\n').at(-1) ?? '') || 'a CA without a name';
  if (!haveCa) {
    return `was signed by ${signer}, and no CA is known here: name it by --ca, or, when it is the right one, add ${pin}`;
  }
  if (certificate.issuerCertificate === undefined) {
    return (
      `was signed by ${signer}, which is none of the CAs here, and that server sent no other one with it: ` +
      'when a CA of --ca has signed that one, its certificate belongs behind its own in the file of --cert there; else name it by --ca here'
    );
  }
  return `was signed by ${signer}, which leads to none of the CAs of --ca: name its CA by --ca, or, when it is the right one, add ${pin}`;
}

function isFor(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

/** Hosts of the certificate, else its common name. */
function namesOf(certificate: X509Certificate): string {
  const alternative = (certificate.subjectAltName ?? '').split(', ');
  const hosts = alternative.flatMap((name) => /^(?:DNS|IP Address):(.*)$/.exec(name)?.[1] ?? []);
  const common = certificate.subject?.split('\n').flatMap((part) => /^CN=(.*)$/.exec(part)?.[1] ?? []) ?? [];
  return shown((hosts.length > 0 ? hosts : common).join(', '));
}

/** Somebody else wrote it: nothing but what is seen, and not too much of it. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?');
  return plain.length > MOST_NAMED ? `${plain.slice(0, MOST_NAMED)}…` : plain;
}
