/** A certificate that nobody knows, for the suite's own listeners. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from '../../../io/net/tls-material.ts';

export interface Certificate extends KeyPair {
  /** `sha256:<hex>`. */
  readonly fingerprint: string;
}

let made: Promise<Certificate> | undefined;

/** The same one for the whole run. */
export function strangersCertificate(): Promise<Certificate> {
  made ??= make();
  return made;
}

async function make(): Promise<Certificate> {
  // Loaded when it is needed: making certificates takes a large package.
  const { keygen } = await import('../../../io/auth/certificates.ts');
  const dir = mkdtempSync(join(tmpdir(), 'vnconf-'));
  try {
    const { keyFile, certFile, fingerprint } = await keygen(dir, 'stand-in');
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), fingerprint };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
