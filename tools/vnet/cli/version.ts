import { existsSync, readFileSync } from 'node:fs';
import { projectFile } from '../../../io/project.ts';

/** The `version` of package.json. */
export function programVersion(): string {
  const file = projectFile('package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'vnet' && version !== undefined) return version;
  }
  throw new Error('the package.json of vnet is not where it belongs: this installation is not whole');
}
