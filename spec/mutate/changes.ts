/**
 * What is changed into what, in the text of one source. Code that is formatted alike needs no parser for this; what
 * comes out as no program at all is told apart later, and what comes out as the same program is left out.
 */

/** A piece of text to be replaced. */
export interface Change {
  /** Index in the source at which it begins. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

const REPLACEMENTS: readonly (readonly [RegExp, string])[] = [
  [/ === /g, ' !== '],
  [/ !== /g, ' === '],
  [/ && /g, ' || '],
  [/ \|\| /g, ' && '],
  [/ < /g, ' <= '],
  [/ <= /g, ' < '],
  [/ > /g, ' >= '],
  [/ >= /g, ' > '],
  [/ \+ (?=[\w'(])/g, ' - '],
  [/ - (?=[\w'(])/g, ' + '],
  [/\btrue\b/g, 'false'],
  [/\bfalse\b/g, 'true'],
  [/(?<![?\w])! ?(?=[\w#(/])/g, ''],
  [/(?<!\?)\? /g, '|| true ? '],
  [/(?<!\?)\? /g, '&& false ? '],
  [/\bMath\.min\b/g, 'Math.max'],
  [/\bMath\.max\b/g, 'Math.min'],
  [/\.some\(/g, '.every('],
  [/\.every\(/g, '.some('],
  // A machine: a transition to nowhere, and one that is always taken.
  [/target: '[#.\w]+',? ?/g, ''],
  [/target: '(#\w+\.)?(?!closed)\w+'/g, "target: '$1closed'"],
  [/guard: '\w+', ?/g, ''],
];

/** What opens a list of which each member is left out in turn: effects, and values that an event changes. */
const LISTS = [
  /\b(?:actions|entry|exit): (?=\[)/g,
  /^const \w+ = (?=\[)/gm,
  /\.assign\((?=\{)/g,
  /\bassign\((?=\{)/g,
];
const CONDITIONS = /\b(?:if|while) (?=\()/g;
const PAIRS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The source with comments and texts for people blanked out, so that every index stays what it was. */
function codeOf(text: string): string {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) =>
    comment.replace(/[^\n]/g, ' '),
  );
  return code.replace(/'(?:[^'\\\n]|\\.)*'|`[^`]*`/g, (quoted) => {
    if (quoted.startsWith('`'))
      return quoted.replace(/\$\{[^}]*\}|[^`\n]/g, (part) => (part.length > 1 ? part : '_'));
    return quoted.includes(' ') ? `'${'_'.repeat(quoted.length - 2)}'` : quoted;
  });
}

/** Index of the bracket that closes the one at `open`, and of the commas between them; quoted text is passed over. */
function bracketed(code: string, open: number): { readonly close: number; readonly commas: number[] } {
  const commas: number[] = [];
  const expected: string[] = [];
  for (let at = open; at < code.length; at++) {
    const char = code[at] ?? '';
    if (char === "'" || char === '`') {
      at = code.indexOf(char, at + 1);
      if (at < 0) break;
    } else if (char in PAIRS) expected.push(PAIRS[char] ?? '');
    else if (char === expected.at(-1)) expected.pop();
    else if (char === ',' && expected.length === 1) commas.push(at);
    if (expected.length === 0) return { close: at, commas };
  }
  return { close: -1, commas: [] };
}

/** Each member of the list that opens at `open` left out. */
function omissions(code: string, open: number): Change[] {
  const { close, commas } = bracketed(code, open);
  if (close < 0) return [];
  const ends = [...commas, close];
  return ends.flatMap((end, i) => {
    const from = code.slice(i === 0 ? open + 1 : (ends[i - 1] ?? 0) + 1, end);
    const lead = from.length - from.trimStart().length;
    const begin = end - from.length + lead;
    const upTo = end === close ? end : end + 1;
    return from.trim() === '' ? [] : [{ at: begin, from: code.slice(begin, upTo), to: '' }];
  });
}

/** A condition made true, and made false. */
function conditions(code: string, open: number): Change[] {
  const { close } = bracketed(code, open);
  if (close < 0) return [];
  const from = code.slice(open, close + 1);
  // A loop that never ends is no change worth a test.
  const isLoop = code.slice(0, open).endsWith('while ');
  return [...(isLoop ? [] : ['(true)']), '(false)'].map((to) => ({ at: open, from, to }));
}

/** All changes to a source, in the order of its text. */
export function changesTo(text: string): Change[] {
  const code = codeOf(text);
  const found: Change[] = [];
  for (const [pattern, to] of REPLACEMENTS) {
    for (const { 0: from, 1: group = '', index } of code.matchAll(pattern)) {
      found.push({ at: index, from, to: to.replace('$1', group) });
    }
  }
  for (const list of LISTS) {
    for (const { 0: head, index } of code.matchAll(list)) found.push(...omissions(code, index + head.length));
  }
  for (const { 0: head, index } of code.matchAll(CONDITIONS)) {
    found.push(...conditions(code, index + head.length));
  }
  const once = new Map(
    found.map(({ at, from, to }) => [
      `${at} ${from} ${to}`,
      { at, from: text.slice(at, at + from.length), to },
    ]),
  );
  return [...once.values()].sort((a, b) => a.at - b.at);
}

/** The source with the change made. */
export function apply(text: string, { at, from, to }: Change): string {
  return text.slice(0, at) + to + text.slice(at + from.length);
}

/** The change as a person reads it, on one line. */
export function describe({ from, to }: Change): string {
  const plain = (part: string) => part.trim().replace(/\s+/g, ' ');
  const short = (part: string) => (part.length > 60 ? `${part.slice(0, 57)}…` : part);
  return `${short(plain(from))} → ${short(plain(to)) || '(nothing)'}`;
}
