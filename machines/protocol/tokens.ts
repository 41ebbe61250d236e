/**
 * Lines and tokens (PROTOCOL.md section 2).
 *
 *     line  = [blank] [token *(blank token)] [blank]      blank = 1*(SP / HTAB)
 *     token = plain / [prefix] DQUOTE *(char / "\" DQUOTE / "\\") DQUOTE
 *     prefix ends in "=" or ":"; a closing quote ends the token; outside quotes a backslash is a letter like others
 *
 * No text of an error here quotes the line: it could hold a secret.
 */
import { bad, good, type Result } from './errors.ts';

export interface Token {
  /** What it says, without its quotes and escapes. */
  readonly text: string;
  /** Index in `text` at which the quoted part begins; -1 where nothing was quoted. */
  readonly quotedAt: number;
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Unicode's control characters (C0, DEL, C1) but the tab. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/;
const CONTROLS = new RegExp(CONTROL.source, 'g');

/** Whether a value can stand in a line at all, quoted or not: it has no control character but the tab. */
export function expressible(value: string): boolean {
  return !CONTROL.test(value);
}

/** Text of a line's bytes, or `syntax` where they are not UTF-8. */
export function decodeLine(bytes: Uint8Array): Result<string> {
  try {
    return good(DECODER.decode(bytes));
  } catch {
    return bad('syntax', 'a line is UTF-8 text; this one is not');
  }
}

/** Parts a line into tokens. An empty or blank line has none. */
export function tokenise(line: string): Result<readonly Token[]> {
  const control = line.search(CONTROL);
  if (control >= 0) {
    return bad(
      'syntax',
      `character ${control + 1} is a control character; of those only the tab may stand in a line`,
    );
  }
  const tokens: Token[] = [];
  let at = skipBlanks(line, 0);
  while (at < line.length) {
    const read = readToken(line, at);
    if (!read.ok) return read;
    tokens.push(read.value.token);
    at = skipBlanks(line, read.value.end);
  }
  return good(tokens);
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (isBlank(line[at])) at++;
  return at;
}

function readToken(line: string, from: number): Result<{ token: Token; end: number }> {
  let at = from;
  while (at < line.length && !isBlank(line[at])) {
    if (line[at] === '"') return readQuoted(line, from, at);
    at++;
  }
  return good({ token: { text: line.slice(from, at), quotedAt: -1 }, end: at });
}

/** Reads a token from `from` whose quote opens at `open`. */
function readQuoted(line: string, from: number, open: number): Result<{ token: Token; end: number }> {
  const before = line[open - 1];
  if (open > from && before !== '=' && before !== ':') {
    return bad('syntax', `the quote at character ${open + 1} must begin a token or stand right after = or :`);
  }
  const prefix = line.slice(from, open);
  let text = '';
  for (let at = open + 1; at < line.length; at++) {
    const char = line[at];
    if (char === '"') {
      if (at + 1 < line.length && !isBlank(line[at + 1])) {
        return bad('syntax', `a blank must follow the closing quote at character ${at + 1}`);
      }
      return good({ token: { text: prefix + text, quotedAt: prefix.length }, end: at + 1 });
    }
    if (char === '\\') {
      at++;
      if (at < line.length && line[at] !== '"' && line[at] !== '\\') {
        return bad(
          'syntax',
          `inside quotes a backslash stands before " or \\ only, not so at character ${at}`,
        );
      }
    }
    text += line[at] ?? '';
  }
  return bad('syntax', `the quote that opens at character ${open + 1} is not closed`);
}

/** The value in quotes, whatever it holds. Control characters, which no line can carry, become U+FFFD. */
export function quoted(value: string): string {
  return `"${value.replace(CONTROLS, '\ufffd').replace(/[\\"]/g, '\\$&')}"`;
}

/** A value as it may stand as a token, or behind the `=` or `:` of one: in quotes where it needs them. */
export function quote(value: string): string {
  return value === '' || /[ \t"\\]/.test(value) ? quoted(value) : value.replace(CONTROLS, '\ufffd');
}
