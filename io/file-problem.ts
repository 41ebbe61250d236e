/** What the system says of a file, in words for people. */

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory, or one of the names before it is none',
  EISDIR: 'it is a directory',
  EEXIST: 'it is there already',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'this process has no file descriptor left',
  ENFILE: 'this machine has no file descriptor left',
  ENOSPC: 'no space is left on its disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'its file system is read-only',
  EIO: 'the disk failed',
  ETXTBSY: 'it is in use',
};

/** What was tried, by the name of the system call. */
const ACTIONS: Readonly<Record<string, string>> = {
  open: 'open',
  read: 'read',
  scandir: 'read',
  opendir: 'read',
  stat: 'read',
  lstat: 'read',
  fstat: 'read',
  mkdir: 'make',
  write: 'write',
  rename: 'rename',
  unlink: 'remove',
  rmdir: 'remove',
};

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string; syscall: string } {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof Error && typeof code === 'string' && typeof syscall === 'string';
}

/** Why a file cannot be used, to stand behind its name: `permission denied (EACCES)`. */
export function whyNot(error: unknown): string {
  if (!isSystemError(error)) return (error as Error).message;
  const meaning = MEANINGS[error.code];
  return meaning === undefined ? error.message : `${meaning} (${error.code})`;
}

/** The same as a sentence that names the file; undefined where no file is what the error is about. */
export function fileProblem(error: unknown): string | undefined {
  if (!isSystemError(error)) return undefined;
  const action = ACTIONS[error.syscall];
  if (error.path === undefined && action === undefined) return undefined;
  const what = error.path === undefined ? '' : ` ${error.path}`;
  return `cannot ${action ?? 'use'}${what}: ${whyNot(error)}`;
}
