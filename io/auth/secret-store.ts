/** Secrets that must outlive a crash, in one file of mode 0600: `{"secret:3f…":"…"}`. */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../journal/sync-directory.ts';
import type { SecretStore } from '../ports.ts';
import { readPrivateFile } from './private-file.ts';
import { decodeUtf8 } from './text.ts';

/**
 * Every change is in the file, and on the disk, before the call returns: a new file takes the old one's place in
 * one step, so that a crash at any moment leaves the one or the other.
 */
export class FileSecretStore implements SecretStore {
  /** What the file looked like when we left it; undefined when there was none. */
  #left: string | undefined;

  constructor(
    readonly path: string,
    readonly secrets: Map<string, string>,
  ) {
    this.#left = looks(path);
  }

  get(ref: string): string | undefined {
    return this.secrets.get(ref);
  }

  refs(): readonly string[] {
    return [...this.secrets.keys()];
  }

  put(ref: string, secret: string): void {
    if (this.secrets.get(ref) === secret) return;
    this.#change((secrets) => secrets.set(ref, secret));
  }

  drop(ref: string): void {
    if (this.secrets.has(ref)) this.#change((secrets) => secrets.delete(ref));
  }

  /** Memory follows the file: when the file cannot be written nothing changes. */
  #change(edit: (secrets: Map<string, string>) => void): void {
    const next = new Map(this.secrets);
    edit(next);
    this.#write(next);
    edit(this.secrets);
  }

  /**
   * Looks whether the file is as it was left, and writes it again when somebody else has changed or removed it: the next
   * start would be refused, or know nothing of it.
   * @returns that it was so, as a sentence; undefined when all is well @throws Error when it cannot be written
   */
  look(): string | undefined {
    if (looks(this.path) === this.#left) return undefined;
    this.#write(this.secrets);
    return `${this.path} was changed by somebody else; what it held was written again`;
  }

  #write(secrets: Map<string, string>): void {
    replaceFile(this.path, `${JSON.stringify(Object.fromEntries(secrets))}\n`);
    this.#left = looks(this.path);
  }
}

/** Changes with every change of the file, of its rights and of its place; undefined when there is none. */
function looks(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat && [stat.dev, stat.ino, stat.mode, stat.uid, stat.size, stat.mtimeMs].join();
}

/**
 * Opens the store, or begins an empty one; the file is made with the first secret.
 * @param path of the file; its directory must be there
 * @throws Error when it cannot be read, others can read it, or it is damaged
 */
export function openSecretStore(path: string): FileSecretStore {
  rmSync(temporary(path), { force: true });
  if (!lstatSync(path, { throwIfNoEntry: false })) return new FileSecretStore(path, new Map());
  const text = readPrivateFile(path, 'the secret store', decodeUtf8);
  const secrets = parseStore(text);
  if (!secrets) {
    throw new Error(
      `the secret store ${path} is damaged; move it away to go on without the passwords of Handlers that it held`,
    );
  }
  return new FileSecretStore(path, secrets);
}

function parseStore(text: string): Map<string, string> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const entries: [string, unknown][] = Object.entries(json);
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return texts.length === entries.length ? new Map(texts) : undefined;
}

function temporary(path: string): string {
  return `${path}.new`;
}

function replaceFile(path: string, text: string): void {
  const next = temporary(path);
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const fd = openSync(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeAll(fd, Buffer.from(text));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
  syncDirectory(dirname(path));
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
