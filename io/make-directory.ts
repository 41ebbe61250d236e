import * as fs from 'node:fs';
import * as path from 'node:path';

/**
 * Makes a directory, and those above it that are missing, in at most two steps for each part of its path.
 *
 * `mkdirSync(…, { recursive: true })` is not used: where a directory stands in which nothing can be made (in /proc, or
 * below a mount whose backing was deleted) Node tries for ever, in the calling thread.
 * @param mode rights of those that are made; one that stands is left as it is
 * @throws Error that begins with the code of the system (`ENOENT`, `ENOTDIR`, `EROFS`, `EACCES` …, also in `code`) and
 * says which part of the path is in the way
 */
export function makeDirectory(dir: string, mode = 0o700): void {
  if (dir === '') throw problem('ENOENT', 'the path of a directory is empty');
  const missing: string[] = [];
  for (let at = path.resolve(dir); !stands(at); at = path.dirname(at)) missing.push(at);
  for (const each of missing.reverse()) make(each, mode);
}

/** Whether a directory is there. @throws Error when something else is, or it cannot be seen */
function stands(at: string): boolean {
  try {
    if (fs.statSync(at).isDirectory()) return true;
  } catch (error) {
    return missingAt(at, error as NodeJS.ErrnoException);
  }
  throw problem('ENOTDIR', `${at} is there and is no directory`);
}

/** False when nothing is there: what stands above decides then. @throws Error otherwise */
function missingAt(at: string, error: NodeJS.ErrnoException): false {
  // Below a file. The file is found when the part above is looked at.
  if (error.code === 'ENOTDIR') return false;
  if (error.code !== 'ENOENT' || path.dirname(at) === at) throw error;
  if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink())
    throw problem('ENOENT', `${at} is a symbolic link to nowhere`);
  return false;
}

function make(at: string, mode: number): void {
  try {
    fs.mkdirSync(at, { mode });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Somebody else was quicker.
    if (code === 'EEXIST' && stands(at)) return;
    if (code !== 'ENOENT') throw error;
    const where = path.dirname(at);
    throw problem(
      code,
      `${at} cannot be made: ${where} takes no new directories (what it lies on is gone, or is no disk)`,
    );
  }
}

function problem(code: string, text: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
