/** A CA for tests, and certificates of any kind that people come with. */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from '../../../io/net/tls-material.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestCa {
  readonly pem: string;
  issue(commonName: string, host?: string, notAfter?: Date): Promise<KeyPair>;
}

export async function testCa(): Promise<TestCa> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Test CA',
      notBefore: new Date(Date.now() - 86_400_000),
      notAfter: new Date(Date.now() + 86_400_000),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    },
    webcrypto,
  );
  const issue = async (commonName: string, host?: string, notAfter = new Date(Date.now() + 86_400_000)) => {
    const leaf = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create(
      {
        subject: `CN=${commonName}`,
        issuer: ca.subject,
        notBefore: new Date(Date.now() - 2 * 86_400_000),
        notAfter,
        publicKey: leaf.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: host
          ? [new x509.SubjectAlternativeNameExtension([{ type: isIP(host) ? 'ip' : 'dns', value: host }])]
          : [],
      },
      webcrypto,
    );
    const key = KeyObject.from(leaf.privateKey as unknown as webcrypto.CryptoKey);
    return {
      cert: certificate.toString('pem'),
      key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  };
  return { pem: ca.toString('pem'), issue };
}
