import { readFileSync } from 'node:fs';
import { whyNot } from '../file-problem.ts';
import { formatHostPort, isPin, normalHost } from '../net/address.ts';
import { IDENTITY, IDENTITY_RULE } from './identity.ts';
import { decodeText } from './text.ts';

export interface AuthorizedLine {
  readonly name: string;
  /** `sha256:` (of the certificate) or `spki-sha256:` (of its public key), and 64 lower-case hex digits. */
  readonly fingerprint: string;
  /** The server that this certificate may stand for when we dial; no port: whatever the port. */
  readonly server?: { readonly host: string; readonly port?: number };
}

/**
 * Who may come, and which server may answer, by the fingerprint of a certificate or of its public key: lines
 * `NAME sha256:<hex> [server=HOST[:PORT]]` and `NAME spki-sha256:<hex> …`.
 * Every line admits NAME as a client; only with `server=` does its certificate also stand for that server.
 */
export class Authorized {
  readonly #identities = new Map<string, string>();

  constructor(readonly lines: readonly AuthorizedLine[]) {
    for (const { fingerprint, name } of lines) this.#identities.set(fingerprint, name);
  }

  get size(): number {
    return this.lines.length;
  }

  identityOf(fingerprint: string): string | undefined {
    return this.#identities.get(fingerprint);
  }

  serverFingerprints(host: string, port: number): readonly string[] {
    const wanted = normalHost(host);
    return this.lines
      .filter(({ server }) => server?.host === wanted && (server.port === undefined || server.port === port))
      .map(({ fingerprint }) => fingerprint);
  }
}

/**
 * `#` begins a comment, at the head of a line or after a space.
 * @param file its name, for messages
 * @throws Error with the number of the line that is wrong; what stands in it is not repeated
 */
export function parseAuthorized(text: string, file: string): Authorized {
  const lines: AuthorizedLine[] = [];
  const names = new Map<string, string>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    if (line === '') continue;
    try {
      const parsed = parseLine(line);
      const other = names.get(parsed.fingerprint);
      if (other !== undefined && other !== parsed.name) {
        throw new Error(`this certificate is ${other} already; one certificate has one identity`);
      }
      names.set(parsed.fingerprint, parsed.name);
      lines.push(parsed);
    } catch (error) {
      throw new Error(`${file}, line ${index + 1}: ${(error as Error).message}`);
    }
  }
  return new Authorized(lines);
}

function parseLine(line: string): AuthorizedLine {
  const [name = '', fingerprint = '', ...options] = line.split(/\s+/);
  if (!IDENTITY.test(name)) throw new Error(`a line begins with a name: ${IDENTITY_RULE}`);
  if (!isPin(fingerprint)) {
    throw new Error(
      'behind the name stands sha256: and 64 hex digits (or spki-sha256: and those of a public key), as `vnet keygen` prints them',
    );
  }
  const entry = { name, fingerprint: fingerprint.toLowerCase() };
  if (options.length === 0) return entry;
  const [option = '', ...more] = options;
  if (more.length > 0 || !option.startsWith('server=')) {
    throw new Error('behind the fingerprint only one option is known, server=HOST[:PORT]');
  }
  return { ...entry, server: parseServer(option.slice('server='.length)) };
}

function parseServer(text: string): { host: string; port?: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (!match || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new Error(
      `what stands behind server= must be HOST or HOST:PORT, IPv6 as server=${formatHostPort('::1', 7411)}`,
    );
  }
  const host = normalHost(match[1] ?? match[2] ?? '');
  return port === undefined ? { host } : { host, port };
}

/** @throws Error */
export function loadAuthorized(file: string): Authorized {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read the authorized file ${file}: ${whyNot(error)}`);
  }
  return parseAuthorized(decodeText(bytes, `the authorized file ${file}`), file);
}
