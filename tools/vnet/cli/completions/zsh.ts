/** Completions for zsh, by its own `_arguments`. */
import {
  allCommands,
  type CommandDeclaration,
  type OptionDeclaration,
  type Program,
} from '../declaration.ts';
import { firstWords, groups, type Offer, offerOf, optionsOf, quoted, type Word } from './words.ts';

/** The script: a file `_vnet` in a directory of `$fpath`, or to be sourced behind `compinit`. */
export function zshCompletions(program: Program): string {
  const { name } = program;
  const nested = groups(program);
  const cases = allCommands(program)
    .map((command) => `    ${quoted(command.name)})\n      _arguments -s : \\\n${specs(command)} ;;\n`)
    .join('');
  const inner = nested
    .map(
      ({ word, next }) => `  if [[ $command == ${word} ]]; then
    if ((CURRENT == 3)); then
${describe(next, '      ')}
      return
    fi
    command="$command $words[3]" skip=2
  fi
`,
    )
    .join('');
  return `#compdef ${name}
# zsh completion for ${name}; made by: ${name} completions zsh
_${name}() {
  local command="$words[2]" skip=1
  if ((CURRENT == 2)); then
${describe(firstWords(program), '    ')}
    return
  fi
${inner}  shift $skip words
  ((CURRENT -= skip))
  case "$command" in
${cases}  esac
}
if [[ "$funcstack[1]" == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function describe(list: readonly Word[], indent: string): string {
  const lines = list.map(
    ({ word, about }) => `${indent}  ${quoted(`${word}:${about.replaceAll(':', '\\:')}`)}`,
  );
  return `${indent}local -a choices=(\n${lines.join('\n')}\n${indent})\n${indent}_describe command choices`;
}

function specs(command: CommandDeclaration): string {
  const options = optionsOf(command).flatMap(([name, option]) => optionSpecs(name, option));
  const positionals = command.arguments.map((argument) => {
    const { name, optional, repeatable } = argument;
    const place = repeatable ? '*' : optional ? ':' : '';
    return `${place}:${name}:${action(offerOf(argument))}`;
  });
  return [...options, ...positionals].map((spec) => `        ${quoted(spec)}`).join(' \\\n');
}

function optionSpecs(name: string, option: OptionDeclaration): readonly string[] {
  const { short, value, repeatable, text } = option;
  const about = `[${text.replace(/[[\]:\\]/g, '\\$&')}]`;
  const tail = value === undefined ? about : `${about}:${value}:${action(offerOf(option))}`;
  const often = repeatable ? '*' : '';
  return [`${often}--${name}${tail}`, ...(short === undefined ? [] : [`${often}-${short}${tail}`])];
}

function action(what: Offer): string {
  if (what === 'files') return '_files';
  if (what === 'directories') return '_files -/';
  return what === 'nothing' ? ' ' : `(${what.join(' ')})`;
}
