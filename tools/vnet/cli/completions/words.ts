/** What all shells need to know of the commands. */
import { type CommandDeclaration, isGroup, type OptionDeclaration, type Program } from '../declaration.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** What a shell offers for a value: files, directories, some words, or nothing. */
export type Offer = 'files' | 'directories' | 'nothing' | readonly string[];

export function offerOf({ kind, choices }: Pick<OptionDeclaration, 'kind' | 'choices'>): Offer {
  if (choices !== undefined) return choices;
  if (kind === 'directory') return 'directories';
  return kind === 'file' || kind === 'secret-file' || kind === 'passwd-file' ? 'files' : 'nothing';
}

/** A word that can stand behind `vnet`, or behind a group's name. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

/** The words behind `vnet`, in the order of `vnet --help`. */
export function firstWords({ sections }: Program): readonly Word[] {
  return sections.flatMap(({ commands }) =>
    Object.entries(commands).map(([word, { about }]) => ({ word, about })),
  );
}

/** The groups, each with the words that follow it. */
export function groups({
  sections,
}: Program): readonly { readonly word: string; readonly next: readonly Word[] }[] {
  return sections.flatMap(({ commands }) =>
    Object.entries(commands).flatMap(([word, each]) =>
      isGroup(each)
        ? [
            {
              word,
              next: Object.entries(each.commands).map(([inner, { about }]) => ({ word: inner, about })),
            },
          ]
        : [],
    ),
  );
}

/** The options of a command with `--help`, by name. */
export function optionsOf({
  options,
}: CommandDeclaration): readonly (readonly [string, OptionDeclaration])[] {
  return [...Object.entries(options), ['help', { text: 'tell all about it', short: 'h' }]];
}

/** A word between single quotes, for every POSIX shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
