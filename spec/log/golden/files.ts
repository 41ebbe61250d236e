/** Golden histories: recorded logs of every life, by version of the log's format, kept and replayed for ever. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryWorld } from '../../support/world.ts';

/** The format that is written now. A new one gets a folder of its own; the old ones stay and are replayed too. */
export const FORMAT = 'v1';
export const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));

export interface Golden {
  /** `v1/<life>.<server>.ndjson` */
  readonly name: string;
  readonly lines: readonly string[];
}

/** All of them, of all versions. */
export function goldens(): Golden[] {
  return readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ndjson'))
    .sort()
    .map((name) => ({ name, lines: readFileSync(join(GOLDEN, name), 'utf8').split('\n').slice(0, -1) }));
}

/** The logs of a world, as the files they are kept in. */
export function filesOf(life: string, world: MemoryWorld): ReadonlyMap<string, string> {
  const logs = world.stations.map(
    ({ name, journal }) =>
      [`${life}.${name}.ndjson`, journal.lines.map((line) => `${line}\n`).join('')] as const,
  );
  return new Map(logs);
}
