import { IDENTITY, IDENTITY_RULE } from './identity.ts';
import { readPrivateFile } from './private-file.ts';
import { formatHash, parseHash, type ScryptHash } from './scrypt.ts';

/** Hash of each identity. */
export type Passwords = ReadonlyMap<string, ScryptHash>;

/** A line of the password file, without LF: `identity:$scrypt$…`. @throws Error when the identity is not good */
export function formatPasswordLine(identity: string, hash: ScryptHash): string {
  if (!IDENTITY.test(identity)) throw new Error(`"${identity}" is no identity: ${IDENTITY_RULE}`);
  return `${identity}:${formatHash(hash)}`;
}

/**
 * Empty lines and lines that begin with `#` count for nothing.
 * @param file its name, for messages
 * @throws Error with the number of the line that is wrong; what stands in it is not repeated
 */
export function parsePasswords(text: string, file: string): Passwords {
  const passwords = new Map<string, ScryptHash>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    try {
      const [identity, hash] = parseLine(line.trim());
      if (passwords.has(identity)) throw new Error(`identity ${identity} stands there twice`);
      passwords.set(identity, hash);
    } catch (error) {
      throw new Error(`${file}, line ${index + 1}: ${(error as Error).message}`);
    }
  }
  return passwords;
}

function parseLine(line: string): [string, ScryptHash] {
  const colon = line.indexOf(':');
  if (colon < 0) throw new Error('a line is `identity:$scrypt$…`, as `vnet passwd` prints it');
  const identity = line.slice(0, colon);
  if (!IDENTITY.test(identity))
    throw new Error(`what stands before the colon is no identity: ${IDENTITY_RULE}`);
  return [identity, parseHash(line.slice(colon + 1))];
}

/** @throws Error also when others can read the file, or nobody stands in it */
export function loadPasswords(file: string): Passwords {
  const passwords = parsePasswords(readPrivateFile(file, 'the password file'), file);
  if (passwords.size === 0) throw new Error(`${file} holds no password: \`vnet passwd\` prints lines for it`);
  return passwords;
}
