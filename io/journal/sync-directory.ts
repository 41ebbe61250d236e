import { closeSync, constants, fsyncSync, openSync } from 'node:fs';

/** Brings the names in a directory to the disk: a file that was made, renamed or removed there stays so. @throws Error */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
