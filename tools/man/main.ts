/**
 * Writes the manual pages of `vnet` into `dist/man/man1/`: `npm run man`, then `man -l dist/man/man1/vnet.1`.
 * SOURCE_DATE_EPOCH sets their date, for packages that are built twice alike.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manPages } from '../vnet/cli/man.ts';
import { programVersion } from '../vnet/cli/version.ts';
import { PROGRAM } from '../vnet/usage/program.ts';

const folder = fileURLToPath(new URL('../../dist/man/man1/', import.meta.url));
const epoch = process.env.SOURCE_DATE_EPOCH;
const date = (epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)).toISOString().slice(0, 10);

mkdirSync(folder, { recursive: true });
for (const { file, text } of manPages(PROGRAM, { version: programVersion(), date })) {
  writeFileSync(join(folder, file), text);
}
process.stdout.write(`${folder}\n`);
