/** Completions for fish. */
import { allCommands, type CommandDeclaration, type Program } from '../declaration.ts';
import { firstWords, groups, type Offer, offerOf, optionsOf } from './words.ts';

/** The script: `vnet.fish` in a directory of `$fish_complete_path`, or to be sourced. */
export function fishCompletions(program: Program): string {
  const { name } = program;
  const lines = [
    `# fish completion for ${name}; made by: ${name} completions fish`,
    `complete -c ${name} -f`,
    ...firstWords(program).map(
      ({ word, about }) => `complete -c ${name} -n __fish_use_subcommand -a ${word} -d ${quote(about)}`,
    ),
    ...groups(program).flatMap(({ word, next }) =>
      next.map(
        (inner) =>
          `complete -c ${name} -n ${quote(`__fish_seen_subcommand_from ${word}; and not __fish_seen_subcommand_from ${next.map((each) => each.word).join(' ')}`)} -a ${inner.word} -d ${quote(inner.about)}`,
      ),
    ),
    ...allCommands(program).flatMap((command) => commandLines(name, command)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(program: string, command: CommandDeclaration): readonly string[] {
  const condition = command.name
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
  const start = `complete -c ${program} -n ${quote(condition)}`;
  const options = optionsOf(command).map(([name, option]) => {
    const { short, value, text } = option;
    const names = short === undefined ? `-l ${name}` : `-s ${short} -l ${name}`;
    const takes = value === undefined ? '' : valueOffer(offerOf(option));
    return `${start} ${names}${takes} -d ${quote(text)}`;
  });
  const argument = command.arguments.map(offerOf).find((what) => what !== 'nothing');
  return argument === undefined ? options : [...options, `${start}${offer(argument)}`];
}

function offer(what: Offer): string {
  if (what === 'files') return ' -F';
  if (what === 'directories') return ` -a '(__fish_complete_directories)'`;
  return what === 'nothing' ? '' : ` -a ${quote(what.join(' '))}`;
}

/** As of an option's value: `-x` keeps files away, which `-r` alone would offer. */
const valueOffer = (what: Offer): string => `${what === 'files' ? ' -r' : ' -x'}${offer(what)}`;

/** Between single quotes, in which fish knows two escapes. */
const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
