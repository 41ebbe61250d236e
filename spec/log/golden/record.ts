/**
 * Records the golden histories (docs/EVENT-LOG.md).
 *
 *     npm run golden                  all of them anew: right only before the machines that wrote them were released
 *     npm run golden -- --missing     those of scripts that have none yet: always right
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryWorld } from '../../support/world.ts';
import { SCRIPTS } from '../scripts/all.ts';
import { FORMAT, filesOf, GOLDEN } from './files.ts';

const folder = join(GOLDEN, FORMAT);
const onlyMissing = process.argv.includes('--missing');
/** All are played before one is written: a script that fails leaves everything as it was. */
const files = new Map<string, string>();
for (const [name, script] of Object.entries(SCRIPTS)) {
  const world = new MemoryWorld();
  try {
    await script(world);
    await world.finish();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
  for (const [file, text] of filesOf(name, world)) files.set(join(folder, file), text);
}
if (!onlyMissing) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const wanted = [...files].filter(([file]) => !onlyMissing || !existsSync(file));
for (const [file, text] of wanted) writeFileSync(file, text);
process.stdout.write(`${wanted.length} histories written to spec/golden/${FORMAT}\n`);
