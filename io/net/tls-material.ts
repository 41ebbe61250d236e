/**
 * What TLS works with at this moment. A new object takes the place of the old one when the files were read
 * again; connections that stand keep what they began with.
 */

/** A certificate (with the chain behind it, if any) and its private key, both as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface TlsMaterial {
  /** Our own; needed by a `tls://` listener, and by a dial that offers a certificate. */
  readonly own?: KeyPair;
  /** PEM texts of the CAs that are believed. None means none: the public ones are never used. */
  readonly ca: readonly string[];
  /** `sha256:<hex>` of the certificates, and `spki-sha256:<hex>` of the public keys, that may stand for this server. */
  serverFingerprints(host: string, port: number): readonly string[];
  /** The certificate of a peer entry. */
  certificateOf(name: string): KeyPair | undefined;
}

/** No certificate, no CA: every TLS server is a stranger unless it is pinned. */
export const NO_TLS_MATERIAL: TlsMaterial = {
  ca: [],
  serverFingerprints: () => [],
  certificateOf: () => undefined,
};
