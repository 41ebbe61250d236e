import { readFileSync } from 'node:fs';
import { whyNot } from '../file-problem.ts';
import { findJsonMistake } from './json-mistakes.ts';
import { decodeUtf8 } from './text.ts';

/** Most bytes of a configuration file: a wrong path must not read a disk into memory. */
const MOST_BYTES = 4 << 20;

/**
 * Reads a JSON file of ours. What stands in it is never quoted in an error: given by mistake, it may be a secret.
 * @param what what it is, for messages: `the peers file`
 * @throws Error when it cannot be read or is not JSON, with line and column of the mistake, also where a key stands twice
 */
export function readJsonFile(file: string, what: string): unknown {
  const text = readText(file, what);
  const mistake = findJsonMistake(text);
  if (mistake === undefined) return JSON.parse(text);
  const { line, column } = mistake;
  throw new Error(`${what} ${file} is not good JSON: line ${line}, column ${column}: ${mistake.what}`);
}

function readText(file: string, what: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read ${what} ${file}: ${whyNot(error)}`);
  }
  if (bytes.length > MOST_BYTES) throw new Error(`${what} ${file} is longer than ${MOST_BYTES >> 20} MiB`);
  return decodeUtf8(bytes, `${what} ${file}`);
}

interface Issue {
  readonly message: string;
  readonly expected: string | null;
  readonly received: string;
  readonly path?: readonly { readonly key: unknown }[] | undefined;
}

/** Where and what is wrong with the content of a file, as valibot found it, e.g. `[1].url: must be a text`; no value is quoted. */
export function describeIssue(issue: Issue): string {
  const path = (issue.path ?? []).map(({ key }) =>
    typeof key === 'number' ? `[${key}]` : `.${String(key)}`,
  );
  const where = path.join('').replace(/^\./, '') || 'as a whole';
  if (issue.expected === 'never') return `${where}: there is no such field`;
  if (issue.received === 'undefined') return `${where}: is missing`;
  return `${where}: ${issue.message.replace(/ but received .*/s, '')}`;
}
