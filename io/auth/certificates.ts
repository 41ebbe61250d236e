/** Keys and certificates: making them, reading them, saying when they end. */
import { createPrivateKey, createPublicKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { whyNot } from '../file-problem.ts';
import { makeDirectory } from '../make-directory.ts';
import { commonName, fingerprint, publicKeyPin, validTo } from '../net/certificate-facts.ts';
import type { KeyPair } from '../net/tls-material.ts';
import { TLS_13 } from '../net/tls-trust.ts';
import { writableDate } from '../rfc3339.ts';
import { IDENTITY, IDENTITY_RULE } from './identity.ts';
import { readPrivateFile } from './private-file.ts';

export { fingerprint } from '../net/certificate-facts.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const VALID_YEARS = 10;
/** A certificate made just now is good at once, also where the clock is behind. */
const BACKDATED_MS = 24 * 3_600_000;

export interface Generated {
  readonly keyFile: string;
  readonly certFile: string;
  readonly fingerprint: string;
  /** `NAME sha256:<hex>`, for the other side's `--authorized`. */
  readonly line: string;
  /** `NAME spki-sha256:<hex>`, which stays good when the certificate is renewed. */
  readonly publicKeyLine: string;
}

/**
 * Writes `DIR/NAME.key` (0600, PKCS #8) and `DIR/NAME.crt`: an ECDSA P-256 key and a self-signed certificate for
 * it, good for ten years as server and as client. The directory is made (0700) when there is none.
 * @throws Error when one of the files is there already, or the name is not good
 */
export async function keygen(dir: string, name: string): Promise<Generated> {
  if (!IDENTITY.test(name)) throw new Error(`"${name}" cannot be the name of a key: ${IDENTITY_RULE}`);
  const keyFile = join(dir, `${name}.key`);
  const certFile = join(dir, `${name}.crt`);
  for (const file of [keyFile, certFile]) {
    if (existsSync(file))
      throw new Error(`${file} is there already and stays as it is; remove it or take another name`);
  }
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const key = KeyObject.from(keys.privateKey as unknown as webcrypto.CryptoKey);
  const cert = await selfSigned(name, keys);
  makeDirectory(dir);
  writeNew(keyFile, key.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
  try {
    writeNew(certFile, cert, 0o644);
  } catch (error) {
    rmSync(keyFile, { force: true });
    throw error;
  }
  return generated(name, keyFile, certFile, cert);
}

/**
 * Writes a new certificate for the key in `DIR/NAME.key`, good for ten years from now, in place of `DIR/NAME.crt`.
 * @throws Error when there is no such key, or one that is none of ours
 */
export async function renewCertificate(dir: string, name: string): Promise<Generated> {
  const [keyFile, certFile] = [join(dir, `${name}.key`), join(dir, `${name}.crt`)];
  const key = readPrivateFile(keyFile, 'the private key');
  const cert = await selfSigned(name, await importKeys(key, keyFile));
  const fresh = `${certFile}.new`;
  rmSync(fresh, { force: true });
  writeNew(fresh, cert, 0o644);
  renameSync(fresh, certFile);
  return generated(name, keyFile, certFile, cert);
}

async function importKeys(pem: string, file: string): Promise<webcrypto.CryptoKeyPair> {
  const key = parseKey(pem, file);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error(`${file} is none that \`vnet keygen\` made: renew its certificate with what made it`);
  }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  };
}

function generated(name: string, keyFile: string, certFile: string, pem: string): Generated {
  const { fingerprint, publicKey } = describeCertificate(pem);
  return {
    keyFile,
    certFile,
    fingerprint,
    line: `${name} ${fingerprint}`,
    publicKeyLine: `${name} ${publicKey}`,
  };
}

/** In PEM. */
async function selfSigned(name: string, keys: webcrypto.CryptoKeyPair): Promise<string> {
  // Here and not above: it takes a while to load, and only the maker of keys needs it.
  // It asks for the other one to be there first.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [name] }],
      notBefore: new Date(Date.now() - BACKDATED_MS),
      notAfter: yearsFromNow(VALID_YEARS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(name) ? 'ip' : 'dns', value: name }]),
      ],
    },
    webcrypto,
  );
  return `${certificate.toString('pem')}\n`;
}

function yearsFromNow(years: number): Date {
  const date = new Date();
  date.setUTCFullYear(date.getUTCFullYear() + years);
  // A certificate that ends later cannot be written (RFC 5280, section 4.1.2.5).
  return writableDate(date);
}

/** @throws Error when it stands already, or has no room; nothing is left of it then */
function writeNew(path: string, text: string, mode: number): void {
  const fd = openSync(path, 'wx', mode);
  try {
    // All of it, unlike writeSync, also where the disk has room for a part only.
    writeFileSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** What people want to know of a certificate. */
export interface CertificateInfo {
  readonly fingerprint: string;
  /** `spki-sha256:…` of its public key. */
  readonly publicKey: string;
  readonly commonName: string;
  /** RFC 3339 in UTC. */
  readonly validTo: string;
  /** Whole days until then, negative when it is over. */
  readonly daysLeft: number;
}

/** @param now milliseconds since 1970 */
export function describeCertificate(pem: string, now = Date.now()): CertificateInfo {
  const certificate = new X509Certificate(pem);
  return {
    fingerprint: fingerprint(certificate.raw),
    publicKey: publicKeyPin(certificate),
    commonName: commonName(certificate),
    validTo: validTo(certificate),
    daysLeft: Math.floor((Date.parse(certificate.validTo) - now) / 86_400_000),
  };
}

/**
 * Reads a certificate (or a chain, our own first) and its key.
 * @throws Error when the key can be read by others, does not belong to the certificate or is of a kind that TLS 1.3 has no
 *   signature for, or one is not good PEM
 */
export function loadKeyPair(certFile: string, keyFile: string): KeyPair {
  const cert = readCertificates(certFile);
  const key = readPrivateFile(keyFile, 'the private key');
  const own = new X509Certificate(cert[0] as string);
  const parsed = parseKey(key, keyFile);
  if (!own.checkPrivateKey(parsed)) throw new Error(mismatch(cert, certFile, parsed, keyFile));
  const problem = keyProblem(parsed);
  if (problem !== undefined) {
    throw new Error(
      `no TLS 1.3 handshake can use the key in ${keyFile}, ${problem}: \`vnet keygen\` makes a good one`,
    );
  }
  const pair = { cert: cert.join('\n'), key };
  try {
    createSecureContext({ ...TLS_13, ...pair });
  } catch (error) {
    throw new Error(`TLS refuses the certificate in ${certFile}: ${(error as Error).message}`);
  }
  return pair;
}

/** @throws Error when it is none that can be read */
function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    if (/ENCRYPTED/.test(pem)) throw new Error(`${file}: keys with a passphrase are not supported`);
    throw new Error(`${file} is not a private key in PEM form: ${(error as Error).message}`);
  }
}

function mismatch(cert: readonly string[], certFile: string, key: KeyObject, keyFile: string): string {
  const place = cert.findIndex((pem) => new X509Certificate(pem).checkPrivateKey(key));
  if (place < 0) return `the key in ${keyFile} does not belong to the certificate in ${certFile}`;
  return (
    `the certificate of the key in ${keyFile} is number ${place + 1} of ${cert.length} in ${certFile}: our own comes first, ` +
    'behind it the one of the CA that signed it, and so on'
  );
}

/** Curves with a signature scheme in TLS 1.3 (RFC 8446, section 4.2.3). */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
/** Hashes of those for keys that are for RSASSA-PSS alone. */
const PSS_HASHES = ['sha256', 'sha384', 'sha512'];

/** Of what kind a key is that TLS 1.3 has no signature scheme for; undefined when it has one. */
function keyProblem({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details = {},
}: KeyObject): string | undefined {
  switch (type) {
    case 'rsa':
    case 'ed25519':
    case 'ed448':
      return undefined;
    case 'rsa-pss':
      if (details.hashAlgorithm === undefined || PSS_HASHES.includes(details.hashAlgorithm)) return undefined;
      return `an RSA-PSS key for ${details.hashAlgorithm} alone`;
    case 'ec':
      if (details.namedCurve !== undefined && CURVES.includes(details.namedCurve)) return undefined;
      return `one on the curve ${details.namedCurve ?? 'without a name'} (good ones are ${CURVES.join(', ')})`;
    default:
      return `a ${type ?? 'key'} key`;
  }
}

/** Reads all certificates of a PEM file, for `--ca` and `--cert`. @throws Error when there is none, or a bad one */
export function readCertificates(file: string): readonly string[] {
  const text = readFile(file);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error(`${file} holds no certificate in PEM form (BEGIN CERTIFICATE)`);
  blocks.forEach((block, index) => {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new Error(`${file}: certificate ${index + 1} cannot be read: ${(error as Error).message}`);
    }
  });
  return blocks;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${whyNot(error)}`);
  }
}
