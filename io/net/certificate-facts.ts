import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../ports.ts';
import { rfc3339Millis } from '../rfc3339.ts';

/** `sha256:` and 64 lower-case hex digits over the DER form of a certificate. */
export function fingerprint(der: Uint8Array): string {
  return `sha256:${createHash('sha256').update(der).digest('hex')}`;
}

/** `spki-sha256:` and 64 lower-case hex digits over the DER form of its public key: a renewed certificate may keep it. */
export function publicKeyPin(certificate: X509Certificate): string {
  const der = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `spki-${fingerprint(der)}`;
}

/** Whether a pin is the one of this certificate, or of its public key. */
export function isPinOf(pin: string, { fingerprint, publicKey }: PeerCertificate): boolean {
  return pin === fingerprint || pin === publicKey;
}

/** The subject's common name; empty when it has none, or more than one. */
export function commonName(certificate: X509Certificate): string {
  const names = certificate.subject?.split('\n').filter((part) => part.startsWith('CN=')) ?? [];
  return names.length === 1 ? (names[0] as string).slice(3) : '';
}

/** RFC 3339 in UTC. Of a time that is none, which whoever makes a certificate may put there, 1970: it has expired. */
export function validTo(certificate: X509Certificate): string {
  return rfc3339Millis(Date.parse(certificate.validTo) || 0);
}

/** RFC 3339 in UTC. */
export function validFrom(certificate: X509Certificate): string {
  return rfc3339Millis(Date.parse(certificate.validFrom) || 0);
}

/** What the other end of a finished handshake showed; undefined when it showed no certificate. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  return shownCertificate(socket)?.facts;
}

/** The same with the certificate itself. To be asked once: Node gives it out a single time. */
export function shownCertificate(
  socket: TLSSocket,
): { readonly facts: PeerCertificate; readonly certificate: X509Certificate } | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  const facts = {
    fingerprint: fingerprint(certificate.raw),
    publicKey: publicKeyPin(certificate),
    commonName: commonName(certificate),
    authorized: socket.authorized,
    validTo: validTo(certificate),
  };
  return { facts, certificate };
}
