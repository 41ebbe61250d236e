/** The page of `tools/vnet/page/`, as `npm run build` bundled it: what stands around the data. */
import { existsSync, readFileSync } from 'node:fs';
import { projectFile } from '../../../io/project.ts';

export interface PageTemplate {
  /** What stands before the data, and behind it. */
  readonly head: string;
  readonly foot: string;
}

/** @param title as it is to stand in HTML @throws Error when the page is not built */
export function pageTemplate(title: string): PageTemplate {
  const path = projectFile('dist/tools/vnet/page.html');
  if (!existsSync(path)) throw new Error(`the page is not built (no ${path}): run \`npm run setup\``);
  const [head, foot, ...more] = readFileSync(path, 'utf8').split('{{data}}');
  if (head === undefined || foot === undefined || more.length > 0) {
    throw new Error(`${path} must hold one place for the data`);
  }
  return { head: head.replaceAll('{{title}}', () => title), foot };
}
