/** One line to its meaning: first the line, then the verb, then (for later) its arguments. */
import { COMMANDS } from './commands.ts';
import { bad } from './errors.ts';
import { decodeLine, type Token, tokenise } from './tokens.ts';
import { type Command, type KeepSecret, type Line, VERBS, type Verb } from './types.ts';

/** Bytes of a line that can hold its verb: some blanks before, the longest verb, one byte behind. */
const VERB_WINDOW = 64;

/**
 * What a line means. Never throws but what `keep` throws. Arguments are read already, but their refusal stays inside
 * of the command, so that the state is checked first. `keep` is called once at most, and only when the arguments
 * are right; whoever then refuses the command drops the secret again.
 * @param bytes the line without its LF
 */
export function parseLine(bytes: Uint8Array, keep: KeepSecret): Line {
  const line = decodeLine(bytes);
  const tokens = line.ok ? tokenise(line.value) : line;
  if (!tokens.ok) {
    const verb = verbOf(bytes);
    return { kind: 'bad', refusal: tokens.refusal, ...(verb ? { verb } : {}) };
  }
  const [first, ...rest] = tokens.value;
  if (!first) return { kind: 'empty' };
  const verb = findVerb(first.text);
  return verb ? { kind: 'command', command: toCommand(verb, rest, keep) } : unknownCommand(first.text);
}

/** The verb that a line begins with, where it is a known one, even when the rest of the line is no text at all. */
export function verbOf(bytes: Uint8Array): Verb | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, VERB_WINDOW));
  return findVerb(/^[ \t]*([^ \t]*)(?:[ \t]|$)/.exec(head)?.[1] ?? '');
}

function findVerb(word: string): Verb | undefined {
  // Letters outside of ASCII stay out: the capital form of U+017F is an S.
  if (!/^[A-Za-z]+\??$/.test(word)) return undefined;
  const upper = word.toUpperCase();
  return VERBS.find((verb) => verb === upper);
}

function toCommand(verb: Verb, tokens: readonly Token[], keep: KeepSecret): Command {
  // The table gives each verb its own arguments; TypeScript cannot follow that through an index.
  return { verb, args: COMMANDS[verb].parse(tokens, keep) } as Command;
}

function unknownCommand(word: string): Line {
  const hint = VERBS.find((verb) => verb === `${word.toUpperCase()}?`);
  const text = hint
    ? `there is no such command; did you mean ${hint}`
    : 'there is no such command; HELP? lists them';
  return { kind: 'bad', refusal: bad('unknown-command', text).refusal };
}
