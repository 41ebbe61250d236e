import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Longest secret in bytes; a HELLO line takes 8,192 in all. */
const SECRET_BYTES = 1024;

/**
 * Reads a file that holds secrets. The mode is looked at on the open file, so it cannot be changed in between.
 * @param what what it is, for the message: `the password file`
 * @throws Error when it cannot be read, or when group or others have any right to it
 */
export function readPrivateFile(path: string, what: string): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new Error(`cannot read ${what} ${path}: ${(error as Error).message}`);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new Error(`${what} ${path} is a directory`);
    if ((stat.mode & (isServiceCredential(path) ? 0o037 : 0o077)) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`${what} ${path} is open to others (mode ${mode}): chmod 600 ${path}`);
    }
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether it is one that systemd handed over (LoadCredential=). Their folder is for the service alone, and the files in
 * it may show their access list as rights of the group.
 */
function isServiceCredential(path: string): boolean {
  const folder = process.env.CREDENTIALS_DIRECTORY;
  return folder !== undefined && folder !== '' && dirname(resolve(path)) === resolve(folder);
}

/**
 * Reads a file that holds one secret on its first and only line, as clients and peer entries use it.
 * @throws Error when others can read it, or it does not hold just one line
 */
export function readSecretFile(path: string): string {
  const text = readPrivateFile(path, 'the password file');
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new Error(`the password file ${path} is empty: it takes one line, the password`);
  if (/[\r\n]/.test(secret))
    throw new Error(`the password file ${path} has more than one line: it takes the password alone`);
  const problem = secretProblem(secret);
  if (problem) throw new Error(`the password in ${path} ${problem}`);
  return secret;
}

/** Why a text cannot be a secret, since no HELLO line could carry it; undefined when it can. */
export function secretProblem(secret: string): string | undefined {
  if (secret === '') return 'is empty';
  if (Buffer.byteLength(secret) > SECRET_BYTES) return `is longer than ${SECRET_BYTES} bytes`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(secret)) return 'holds a control character';
  return undefined;
}
