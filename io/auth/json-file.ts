import { readFileSync } from 'node:fs';
import * as v from 'valibot';
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

/** A JSON object with these fields; valibot alone takes a list for one. */
export function objectOf<const S extends v.GenericSchema>(schema: S) {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return v.pipe(v.custom<v.InferInput<S>>(isObject, 'must be an object, {…}'), schema);
}

/** A path as it stands in a JSON file. */
export const Path = v.pipe(
  v.string(),
  v.minLength(1, 'must be a path'),
  v.excludes('\0', 'holds a NUL, which no path can'),
);

interface Issue {
  readonly message: string;
  readonly expected: string | null;
  readonly received: string;
  readonly path?: readonly { readonly key: unknown }[] | undefined;
}

/** What is said of a field that there is not: for some names what would be right. */
export interface FieldHints {
  /** All names of fields, at whatever depth. */
  readonly names?: readonly string[];
  readonly hints?: Readonly<Record<string, string>>;
}

/** Where and what is wrong with the content of a file, as valibot found it, e.g. `[1].url: must be a text`; no value is quoted. */
export function describeIssue(issue: Issue, fields: FieldHints = {}): string {
  const keys = (issue.path ?? []).map(({ key }) => key);
  const path = keys.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  const where = path.join('').replace(/^\./, '') || 'as a whole';
  if (issue.expected === 'never')
    return `${where}: there is no such field${rightName(String(keys.at(-1)), fields)}`;
  if (issue.received === 'undefined') return `${where}: is missing`;
  return `${where}: ${inWords(issue.message)}`;
}

function rightName(name: string, { names = [], hints = {} }: FieldHints): string {
  const bare = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  const meant = names.find((known) => known !== name && bare(known) === bare(name));
  const hint = Object.hasOwn(hints, name) ? hints[name] : meant && `it is "${meant}"`;
  return hint === undefined ? '' : `: ${hint}`;
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^Invalid type: Expected string\b.*/s, 'must be a text'],
  [/^Invalid type: Expected number\b.*/s, 'must be a number'],
  [/^Invalid type: Expected boolean\b.*/s, 'must be true or false'],
  [/^Invalid type: Expected Array\b.*/s, 'must be a list'],
  [/^Invalid type: Expected Object\b.*/s, 'must be an object, {…}'],
  [/^Invalid (?:safe )?integer\b.*/s, 'must be a whole number'],
  [/^Invalid value: Expected >=(\d+).*/s, 'must be $1 or more'],
  [/^Invalid value: Expected <=(\d+).*/s, 'must be $1 or less'],
];

/** A message of valibot's own says what it expected in terms of JavaScript, and may quote what was there. */
function inWords(message: string): string {
  const choices = /^Invalid type: Expected \(([^()]*)\)/s.exec(message)?.[1];
  if (choices !== undefined) return `must be one of ${choices.replaceAll(' | ', ', ')}`;
  const [pattern, words] = WORDS.find(([known]) => known.test(message)) ?? [];
  return pattern === undefined || words === undefined
    ? message.replace(/ but received .*/s, '')
    : message.replace(pattern, words);
}
