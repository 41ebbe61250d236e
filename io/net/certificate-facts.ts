import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../ports.ts';

/** `sha256:` and 64 lower-case hex digits over the DER form of a certificate. */
export function fingerprint(der: Uint8Array): string {
  return `sha256:${createHash('sha256').update(der).digest('hex')}`;
}

/** The subject's common name; empty when it has none, or more than one. */
export function commonName(certificate: X509Certificate): string {
  const names = certificate.subject?.split('\n').filter((part) => part.startsWith('CN=')) ?? [];
  return names.length === 1 ? (names[0] as string).slice(3) : '';
}

/** RFC 3339 in UTC. */
export function validTo(certificate: X509Certificate): string {
  return new Date(certificate.validTo).toISOString();
}

/** What the other end of a finished handshake showed; undefined when it showed no certificate. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  return {
    fingerprint: fingerprint(certificate.raw),
    commonName: commonName(certificate),
    authorized: socket.authorized,
    validTo: validTo(certificate),
  };
}
