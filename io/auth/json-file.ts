import { readFileSync } from 'node:fs';

/** Most bytes of a configuration file: a wrong path must not read a disk into memory. */
const MOST_BYTES = 4 << 20;

/**
 * Reads a JSON file of ours. What stands in it is never quoted in an error: given by mistake, it may be a secret.
 * @param what what it is, for messages: `the peers file`
 * @throws Error when it cannot be read or is not JSON, with the line where the mistake is
 */
export function readJsonFile(file: string, what: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${what} ${file}: ${(error as Error).message}`);
  }
  if (text.length > MOST_BYTES) throw new Error(`${what} ${file} is longer than ${MOST_BYTES >> 20} MiB`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} ${file} is not JSON${place(text, (error as Error).message)}`);
  }
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

/** Where JSON.parse stopped, if it says so; the rest of its message quotes the text. */
function place(text: string, message: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `: see line ${text.slice(0, Number(position)).split('\n').length}`;
  return /end of JSON/.test(message) ? ': it ends too early' : '';
}
