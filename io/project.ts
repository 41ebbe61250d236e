/** Where the files of this program itself stand, run from source as well as built. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's folder: the nearest one upwards with a package.json. */
const FOLDER = above(import.meta.dirname);

function above(folder: string): string {
  const parent = dirname(folder);
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : above(parent);
}

/** Whether this is the source, run by a loader, and not what is built of it. */
export const FROM_SOURCE = import.meta.url.endsWith('.ts');

/** A file of the project by its path in it, `io/device/native/build/Release/vnet.node`. */
export function projectFile(path: string): string {
  return join(FOLDER, path);
}

/**
 * A program of the project that runs in a process of its own, as this one is run: from source or built.
 * @param path without its extension: `io/device/pcap/child`; tools/build.mjs lists it
 */
export function ownProgram(path: string): string {
  return projectFile(FROM_SOURCE ? `${path}.ts` : `dist/${path}.js`);
}
