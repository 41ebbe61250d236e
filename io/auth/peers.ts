/**
 * The peers file: other servers, by name, so that `peer:NAME` and `-` in HANDLE say it all. JSON:
 *
 *     [
 *       { "name": "office", "url": "tls://vnet.example.org:7411",
 *         "pin": "sha256:…", "identity": "berlin", "password-file": "office.secret" },
 *       { "name": "lab", "url": "tls://[2001:db8::5]:7411", "cert": "berlin.crt", "key": "berlin.key" }
 *     ]
 *
 * `name` and `url` must be there. Either `password-file` (0600, the password on its only line; `identity` goes
 * with it, else it is `default`), or `cert` and `key`, or neither: then our own certificate is offered, over
 * `tls://`, and over `tcp://` HANDLE must bring the password itself. Paths are relative to the peers file.
 */
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { formatHostPort, isPin, type LinkUrl, parseLinkUrl } from '../net/address.ts';
import type { KeyPair } from '../net/tls-material.ts';
import { loadKeyPair } from './certificates.ts';
import { DEFAULT_IDENTITY, IDENTITY, IDENTITY_RULE } from './identity.ts';
import { describeIssue, objectOf, Path, readJsonFile } from './json-file.ts';
import { readSecretFile } from './private-file.ts';

export interface Peer {
  readonly name: string;
  /** In its normal form, without a pin. */
  readonly url: string;
  /** `sha256:` or `spki-sha256:`, and 64 lower-case hex digits. */
  readonly pin?: string;
  /** What `-` means in HANDLE; undefined when this entry says nothing, as over `tcp://` without a password. */
  readonly auth?:
    | { readonly method: 'password'; readonly identity: string; readonly secret: string }
    | { readonly method: 'cert' };
  /** The certificate of this entry; none: our own. */
  readonly certificate?: KeyPair;
}

export type Peers = ReadonlyMap<string, Peer>;

const Name = v.pipe(v.string(), v.regex(IDENTITY, `must be ${IDENTITY_RULE}`));

const Entry = v.strictObject({
  name: Name,
  url: v.string(),
  identity: v.optional(Name),
  pin: v.optional(v.pipe(v.string(), v.check(isPin, 'must be sha256: or spki-sha256: and 64 hex digits'))),
  'password-file': v.optional(Path),
  cert: v.optional(Path),
  key: v.optional(Path),
});
type Entry = v.InferOutput<typeof Entry>;

const FIELDS = {
  names: Object.keys(Entry.entries),
  hints: { password: 'a secret never stands here; "password-file" names a file that holds it' },
};

/** Reads the file and every file it names. @throws Error with the place in the file, e.g. `peers.json, [1].url: …` */
export function loadPeers(file: string): Peers {
  const checked = v.safeParse(v.array(objectOf(Entry)), readJsonFile(file, 'the peers file'));
  if (!checked.success) throw new Error(`${file}, ${describeIssue(checked.issues[0], FIELDS)}`);
  const peers = new Map<string, Peer>();
  for (const [index, entry] of checked.output.entries()) {
    try {
      if (peers.has(entry.name)) throw new Error('this name stands there twice');
      peers.set(entry.name, peerOf(entry, dirname(file)));
    } catch (error) {
      throw new Error(`${file}, [${index}] (${entry.name}): ${(error as Error).message}`);
    }
  }
  return peers;
}

function peerOf(entry: Entry, dir: string): Peer {
  const url = urlOf(entry);
  if (url.scheme === 'unix') throw new Error('url must be tcp://HOST:PORT or tls://HOST:PORT');
  if (url.port === 0) throw new Error('url has port 0, which nobody can dial');
  if (entry.pin !== undefined && url.scheme === 'tcp') throw new Error('a pin goes with tls:// only');
  const pin = entry.pin?.toLowerCase() ?? url.pin;
  const certificate = certificateOf(entry, dir);
  if (certificate && url.scheme === 'tcp') throw new Error('a certificate goes with tls:// only');
  return {
    name: entry.name,
    url: `${url.scheme}://${formatHostPort(url.host, url.port)}`,
    ...(pin === undefined ? {} : { pin }),
    ...(certificate ? { certificate } : {}),
    ...authOf(entry, dir, url.scheme),
  };
}

/** What stands in the file is not repeated: people write passwords into URLs. */
function urlOf({ url }: Entry): LinkUrl {
  try {
    return parseLinkUrl(url);
  } catch (error) {
    throw new Error((error as Error).message.replace(/^".*" is/s, 'url is').replace(/".*"/s, '…'));
  }
}

function certificateOf(entry: Entry, dir: string): KeyPair | undefined {
  if ((entry.cert === undefined) !== (entry.key === undefined)) throw new Error('cert and key go together');
  if (entry.cert === undefined || entry.key === undefined) return undefined;
  if (entry['password-file'] !== undefined) throw new Error('either password-file, or cert and key');
  return loadKeyPair(resolve(dir, entry.cert), resolve(dir, entry.key));
}

function authOf(entry: Entry, dir: string, scheme: 'tcp' | 'tls'): Pick<Peer, 'auth'> {
  const file = entry['password-file'];
  if (file === undefined) {
    if (entry.identity !== undefined) throw new Error('identity goes with password-file');
    return scheme === 'tls' ? { auth: { method: 'cert' } } : {};
  }
  const identity = entry.identity ?? DEFAULT_IDENTITY;
  return { auth: { method: 'password', identity, secret: readSecretFile(resolve(dir, file)) } };
}
