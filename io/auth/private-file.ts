import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { whyNot } from '../file-problem.ts';
import { secretProblem } from './secret.ts';
import { decodeText, decodeUtf8 } from './text.ts';

/**
 * Reads a file that holds secrets. The mode is looked at on the open file, so it cannot be changed in between.
 * @param what what it is, for the message: `the password file`
 * @param decode how its bytes are read: comments may be anything, secrets must be UTF-8
 * @throws Error when it cannot be read, or when group or others have any right to it
 */
export function readPrivateFile(path: string, what: string, decode = decodeText): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new Error(`cannot read ${what} ${path}: ${whyNot(error)}`);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new Error(`${what} ${path} is a directory`);
    if ((stat.mode & (isServiceCredential(path) ? 0o037 : 0o077)) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      throw new Error(`${what} ${path} is open to others (mode ${mode}): chmod 600 ${path}`);
    }
    return decode(readFileSync(fd), `${what} ${path}`);
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
  const text = readPrivateFile(path, 'the password file', decodeUtf8);
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new Error(`the password file ${path} is empty: it takes one line, the password`);
  if (/[\r\n]/.test(secret))
    throw new Error(`the password file ${path} has more than one line: it takes the password alone`);
  const problem = secretProblem(secret);
  if (problem) throw new Error(`the password in ${path} ${problem}`);
  return secret;
}
