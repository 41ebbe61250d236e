import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls';
import { DialError, type DialOptions, type PeerCertificate } from '../ports.ts';
import { formatHostPort } from './address.ts';
import { isPinOf, shownCertificate } from './certificate-facts.ts';
import type { TlsMaterial } from './tls-material.ts';
import { expired, explainUntrusted, isOver } from './untrusted.ts';

/** The fastest first where the CPU knows AES, which every server of these days does. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384';

/** TLS 1.3 and nothing else, for both sides. */
export const TLS_13 = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: CIPHERS,
} as const satisfies SecureContextOptions;

/** @throws Error when there is no certificate of our own */
export function serverContext(material: TlsMaterial): SecureContextOptions {
  if (!material.own)
    throw new Error('a tls:// listener needs a certificate and its key: give --cert and --key');
  return {
    ...TLS_13,
    honorCipherOrder: true,
    cert: material.own.cert,
    key: material.own.key,
    // An empty list, unlike none at all, keeps the public CAs out.
    ca: [...material.ca],
    // A resumed session would bring back yesterday's verdict on a certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Options that let every handshake finish; `judgeServer` must follow before anything is sent.
 * @throws DialError when a certificate is to be offered and there is none
 */
export function clientOptions(material: TlsMaterial, options: DialOptions, host: string): ConnectionOptions {
  const named =
    options.certificateOf === undefined ? undefined : material.certificateOf(options.certificateOf);
  const own = options.clientCertificate ? (named ?? material.own) : undefined;
  if (options.clientCertificate && !own) {
    throw new DialError(
      'remote-untrusted',
      'a certificate of our own was to be offered, but there is none: give --cert and --key, or use a password',
    );
  }
  return {
    ...TLS_13,
    ca: [...material.ca],
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(own ?? {}),
  };
}

/**
 * Whether the server at the other end is the one that was meant: by its pin; without a pin by a fingerprint that
 * may stand for it, else by CA and host name.
 * @throws DialError `remote-untrusted`
 */
export function judgeServer(
  socket: TLSSocket,
  target: {
    readonly host: string;
    readonly port: number;
    readonly pin?: string | undefined;
    /** Whether there is any CA here. */
    readonly haveCa: boolean;
  },
  accepted: readonly string[],
): PeerCertificate {
  const name = formatHostPort(target.host, target.port);
  const shown = shownCertificate(socket);
  if (!shown) throw new DialError('remote-untrusted', `${name} showed no certificate`);
  const { facts: seen, certificate } = shown;
  const known =
    target.pin === undefined ? accepted.some((pin) => isPinOf(pin, seen)) : isPinOf(target.pin, seen);
  if (target.pin !== undefined && !known) {
    const byKey = target.pin.startsWith('spki-');
    throw new DialError(
      'remote-untrusted',
      `${name} showed the ${byKey ? `public key ${seen.publicKey}` : `certificate ${seen.fingerprint}`}, and the pin is ${target.pin}: ` +
        `either it has a new ${byKey ? 'key' : 'certificate'}, or something else answers in its place`,
    );
  }
  if (known && isOver(seen)) throw new DialError('remote-untrusted', expired(name, seen));
  if (known || seen.authorized) return seen;
  const code = String(socket.authorizationError ?? 'no CA');
  throw new DialError(
    'remote-untrusted',
    explainUntrusted({ name, host: target.host, seen, certificate, code, haveCa: target.haveCa }),
  );
}
