import { existsSync, readFileSync } from 'node:fs';

/** The `version` of package.json, which stands three folders above this source and four above what is built of it. */
export function programVersion(): string {
  for (const place of ['../../../package.json', '../../../../package.json']) {
    const file = new URL(place, import.meta.url);
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'vnet' && version !== undefined) return version;
  }
  throw new Error('the package.json of vnet is not where it belongs: this installation is not whole');
}
