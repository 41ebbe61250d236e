/** A CA for tests, and certificates of any kind that people come with. */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from '../../../io/net/tls-material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

export interface Issued {
  readonly notBefore?: Date;
  /** OIDs of what it may be used for; none: for all. */
  readonly usages?: readonly string[];
  /** Whose key it is for; none: a new one. */
  readonly key?: webcrypto.CryptoKeyPair;
}

export interface TestCa {
  readonly pem: string;
  issue(commonName: string, host?: string, notAfter?: Date, more?: Issued): Promise<KeyPair>;
  /** A CA below this one. */
  intermediate(name: string): Promise<TestCa>;
}

export const newKeys = () =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

export async function testCa(name = 'Test CA'): Promise<TestCa> {
  const keys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${name}`,
      notBefore: inDays(-1),
      notAfter: inDays(1),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    },
    webcrypto,
  );
  return authority(ca, keys);
}

function authority(ca: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): TestCa {
  const sign = (
    subject: string,
    publicKey: webcrypto.CryptoKey,
    notBefore: Date,
    notAfter: Date,
    extensions: x509.Extension[],
  ) =>
    x509.X509CertificateGenerator.create(
      {
        subject,
        issuer: ca.subject,
        notBefore,
        notAfter,
        publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions,
      },
      webcrypto,
    );
  return {
    pem: ca.toString('pem'),
    issue: async (commonName, host, notAfter = inDays(1), more = {}) => {
      const leaf = more.key ?? (await newKeys());
      const certificate = await sign(
        `CN=${commonName}`,
        leaf.publicKey,
        more.notBefore ?? inDays(-2),
        notAfter,
        [
          ...(host
            ? [new x509.SubjectAlternativeNameExtension([{ type: isIP(host) ? 'ip' : 'dns', value: host }])]
            : []),
          ...(more.usages ? [new x509.ExtendedKeyUsageExtension([...more.usages])] : []),
        ],
      );
      const key = KeyObject.from(leaf.privateKey as never);
      return {
        cert: certificate.toString('pem'),
        key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
    intermediate: async (name) => {
      const below = await newKeys();
      const certificate = await sign(`CN=${name}`, below.publicKey, inDays(-1), inDays(1), [
        new x509.BasicConstraintsExtension(true, undefined, true),
      ]);
      return authority(certificate, below);
    },
  };
}
