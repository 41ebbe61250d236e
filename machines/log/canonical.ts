/**
 * Canonical JSON (RFC 8785): one text for one value, so that a digest of it means something. No white space,
 * keys sorted by UTF-16 code units, numbers as ECMAScript prints them.
 *
 * As in JSON.stringify a key whose value is undefined is left out, and an unpaired surrogate is written as `\udxxx`
 * (where RFC 8785 would refuse the text), so that no line that a peer sends can keep a record from being written.
 */

/** SHA-256 of the UTF-8 form of a text, as 64 lower-case hex digits. */
export type Digest = (text: string) => string;

/** Deeper values are refused: no event or context of ours comes near, and the stack stays safe from a forged log. */
const MAX_DEPTH = 128;

/** Keys come from our own types, so there are few: their quoted forms are kept. Bounded, for forged logs. */
const quotedKeys = new Map<string, string>();
const MAX_QUOTED_KEYS = 4096;

/**
 * The canonical JSON text of `value`.
 * @throws TypeError for what JSON cannot hold: NaN, the infinities, a function, symbol or bigint, an instance of a
 * class, undefined in an array or by itself, or a value nested deeper than 128 levels
 */
export function canonical(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH)
        throw new TypeError(`a value nested deeper than ${MAX_DEPTH} levels has no place in the log`);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw new TypeError(`a value of type ${typeof value} has no JSON form`);
  }
}

/** The canonical form of a number. @throws TypeError for NaN and the infinities */
export function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  // Number::toString is the form RFC 8785 asks for, and gives "0" for minus zero too.
  return `${value}`;
}

function writeArray(values: readonly unknown[], depth: number): string {
  let text = '[';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ',';
    text += write(values[index], depth);
  }
  return `${text}]`;
}

function writeObject(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an instance of ${value.constructor?.name ?? 'a class'} has no JSON form`);
  }
  const fields = value as Record<string, unknown>;
  let text = '{';
  for (const key of sortedKeys(value)) {
    const field = fields[key];
    if (field === undefined) continue;
    text += `${text.length > 1 ? ',' : ''}${quoteKey(key)}:${write(field, depth)}`;
  }
  return `${text}}`;
}

function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  for (let index = 1; index < keys.length; index++) {
    // `<` on strings compares UTF-16 code units, and so does sort() without a comparison function.
    if (keys[index]! < keys[index - 1]!) return keys.sort();
  }
  return keys;
}

function quoteKey(key: string): string {
  let quoted = quotedKeys.get(key);
  if (quoted === undefined) {
    quoted = quote(key);
    if (quotedKeys.size < MAX_QUOTED_KEYS) quotedKeys.set(key, quoted);
  }
  return quoted;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that JSON escapes
const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/;

/**
 * The canonical form of a string. JSON.stringify escapes just as RFC 8785 says; it is slow for short plain strings,
 * which nearly all of them are.
 */
export function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
