/** docs/CONFORMANCE.md names a case for every MUST of spec/PROTOCOL.md, and only cases that there are. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { casesFor } from '../../tools/vnet/conform/suite.ts';
import { InProcess } from './in-process.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PAGE = read('docs/CONFORMANCE.md');

/** Rows of the tables under a heading, cell by cell. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const part = PAGE.split(/^## /m).find((each) => each.startsWith(heading)) ?? '';
  return part
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** Sentences of running text: no code, no tables, no headings. */
function sentencesOf(page: string): readonly string[] {
  return page
    .replace(/^```.*?^```$/gms, '')
    .replace(/^(?: {4}|\||#).*$/gm, '')
    .split(/\n\s*\n|\n(?=- )/)
    .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
    .flatMap((paragraph) => paragraph.split(/(?<=[.:!?])\s+(?=[A-Z`*<(])/));
}

const rules = sentencesOf(read('spec/PROTOCOL.md')).filter((sentence) => /\bMUST\b/.test(sentence));
const target = await InProcess.start({ scheme: 'tcp' });
const ids = casesFor(target, ['password']).map(({ id }) => id);
await target.close();

const test = suite('which case notices');

test('every sentence with MUST has its row, and every row its sentence', () => {
  const wanted = rules.filter((sentence) => !sentence.includes('RFC 2119'));
  assert.ok(wanted.length >= 7, wanted.join('\n'));
  const rows = rowsUnder('Every MUST').map(([sentence]) => sentence);
  assert.equal(rows.toSorted(), wanted.toSorted());
});

test('every case that is named exists', () => {
  const named = [...rowsUnder('Every MUST'), ...rowsUnder('The other rules')].flatMap((cells) =>
    [...(cells.at(-1) ?? '').matchAll(/`([a-z]+\/[^`]+)`/g)].map(([, name]) => name!),
  );
  assert.ok(named.length > 80);
  const missing = named.filter((name) => {
    const parts = name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`);
    return !ids.some((id) => pattern.test(id));
  });
  assert.equal(missing, []);
});

test('every row names a case, or says that none is needed', () => {
  for (const cells of [...rowsUnder('Every MUST'), ...rowsUnder('The other rules')]) {
    assert.match(cells.at(-1) ?? '', /`[a-z]+\/|^all cases/, cells.join(' | '));
  }
});

test('every kind of case is named', () => {
  const groups = new Set(ids.map((id) => id.split('/')[0]));
  for (const group of groups) assert.ok(PAGE.includes(`\`${group}/`), group);
});

test.run();
