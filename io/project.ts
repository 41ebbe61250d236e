/** Where the files of this program itself stand, run from source as well as built. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's folder: the nearest one upwards with a package.json. */
const FOLDER = above(import.meta.dirname);

function above(folder: string): string {
  const parent = dirname(folder);
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : above(parent);
}

/** A file of the project by its path in it, `io/device/native/build/Release/vnet.node`. */
export function projectFile(path: string): string {
  return join(FOLDER, path);
}
