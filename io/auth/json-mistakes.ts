/**
 * Where a JSON text is wrong, and how (RFC 8259): JSON.parse says the place of some mistakes only, and takes a key that
 * stands twice without a word. Nothing that stands in the text is quoted but a key that is there twice.
 */

export interface JsonMistake {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** What is wrong, and what would be right. */
  readonly what: string;
}

/** Objects and lists in one another; ours have four. */
const DEEPEST = 64;

/** @returns undefined when it is good JSON, and no object has a key twice */
export function findJsonMistake(text: string): JsonMistake | undefined {
  try {
    new Reader(text).all();
    return undefined;
  } catch (error) {
    if (error instanceof Mistake) return { ...placeOf(text, error.at), what: error.what };
    throw error;
  }
}

class Mistake extends Error {
  constructor(
    readonly at: number,
    readonly what: string,
  ) {
    super(what);
  }
}

function placeOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

class Reader {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: string) {}

  all(): void {
    this.#value();
    if (this.#at < this.text.length) this.#fail('nothing more may stand behind the value');
  }

  #value(): void {
    this.#skip();
    const next = this.text[this.#at];
    if (next === '{') this.#nested('}', () => this.#entries());
    else if (next === '[') this.#nested(']', () => this.#elements());
    else if (next === '"') this.#string();
    else if (!this.#take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y)) {
      this.#fail('a value must stand here: {…}, […], "a text", a number, true, false or null');
    }
    this.#skip();
  }

  #nested(end: '}' | ']', content: () => void): void {
    if (++this.#depth > DEEPEST)
      this.#fail(`there are more than ${DEEPEST} objects and lists in one another`);
    this.#at++;
    this.#skip();
    if (this.text[this.#at] !== end) content();
    this.#at++;
    this.#depth--;
  }

  #entries(): void {
    const seen = new Map<string, number>();
    do {
      this.#skip();
      const at = this.#at;
      if (this.text[at] !== '"') this.#fail('a key in double quotes must stand here');
      const key = this.#string();
      const first = seen.get(key);
      if (first !== undefined) {
        throw new Mistake(at, `"${key}" stands there twice, first in line ${placeOf(this.text, first).line}`);
      }
      seen.set(key, at);
      this.#skip();
      if (!this.#take(/:/y)) this.#fail('a colon must stand between a key and its value');
      this.#value();
    } while (this.#goesOn('}'));
  }

  #elements(): void {
    do this.#value();
    while (this.#goesOn(']'));
  }

  #goesOn(end: '}' | ']'): boolean {
    const comma = this.#at;
    if (!this.#take(/,/y)) {
      if (this.text[this.#at] === end) return false;
      this.#fail(`a comma or ${end} must stand here`);
    }
    this.#skip();
    if (this.text[this.#at] === end) throw new Mistake(comma, `no comma may stand before ${end}`);
    return true;
  }

  #string(): string {
    const start = this.#at;
    this.#at++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand there
    while (this.#take(/[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y));
    const next = this.text[this.#at];
    if (next === undefined)
      throw new Mistake(start, 'this text does not end: its second double quote is missing');
    if (next === '\\') this.#fail('behind \\ stands one of " \\ / b f n r t, or u and four hex digits');
    if (next !== '"')
      this.#fail('a text may hold no line break or other control character: \\n stands for one');
    this.#at++;
    return JSON.parse(this.text.slice(start, this.#at)) as string;
  }

  #skip(): void {
    this.#take(/[ \t\n\r]+/y);
    if (/^\/[/*]/.test(this.text.slice(this.#at, this.#at + 2))) this.#fail('JSON has no comments');
  }

  /** @param pattern sticky */
  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #fail(what: string): never {
    throw new Mistake(this.#at, this.#at < this.text.length ? what : `it ends too early: ${what}`);
  }
}
