/** Connected links of each kind over real sockets of this machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keygen, loadKeyPair } from '../../../io/auth/certificates.ts';
import { type NetworkOptions, realNetwork } from '../../../io/net/network.ts';
import { NO_TLS_MATERIAL, type TlsMaterial } from '../../../io/net/tls-material.ts';
import type { DialOptions, Link } from '../../../io/ports.ts';
import type { LinkPair } from '../../suites/link.ts';
import { until } from '../../suites/until.ts';

export const NEVER = new AbortController().signal;
export const PLAIN: DialOptions = { signal: NEVER, clientCertificate: false };

/** A directory that is gone at the end of the process. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'vnet-net-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Material {
  readonly material: TlsMaterial;
  readonly fingerprint: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A fresh key and certificate, and TLS material that has it as its own. */
export async function fresh(name: string, ca: readonly string[] = []): Promise<Material> {
  const made = await keygen(scratch(), name);
  const own = loadKeyPair(made.certFile, made.keyFile);
  return {
    material: { ...NO_TLS_MATERIAL, own, ca },
    fingerprint: made.fingerprint,
    certFile: made.certFile,
    keyFile: made.keyFile,
  };
}

/** Listens, dials, and gives both ends; the listener is closed with the pair. */
export async function connected(
  url: string,
  options: NetworkOptions = {},
  how: DialOptions = PLAIN,
  clientOptions: NetworkOptions = {},
): Promise<LinkPair & { readonly url: string }> {
  const accepted: Link[] = [];
  const listener = await realNetwork(options).listen(url, (link) => accepted.push(link));
  try {
    const near = await realNetwork(clientOptions).dial(listener.url, how);
    await until('the accepted link', () => accepted.length === 1);
    return { near, far: accepted[0] as Link, url: listener.url, close: () => listener.close() };
  } catch (error) {
    await listener.close();
    throw error;
  }
}
