/** Completions for bash. Works without the package bash-completion. */
import { allCommands, type CommandDeclaration, type Program } from '../declaration.ts';
import { firstWords, groups, type Offer, offerOf, optionsOf, quoted } from './words.ts';

/** The script, to be sourced. */
export function bashCompletions(program: Program): string {
  const { name } = program;
  const branches = allCommands(program).map(branch).join('');
  const nested = groups(program).map(({ word }) => word);
  const words = (list: readonly { readonly word: string }[]) => list.map(({ word }) => word).join(' ');
  const inner = groups(program)
    .map(({ word, next }) => `    ${quoted(word)}) ${reply([`-W ${quoted(words(next))}`])} ;;\n`)
    .join('');
  return `# bash completion for ${name}; made by: ${name} completions bash
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    ${reply([`-W ${quoted(`${words(firstWords(program))} --help --version`)}`])}
    return
  fi
  case "$command" in
    ${nested.join('|')})
      if ((COMP_CWORD > 2)); then
        command="$command \${COMP_WORDS[2]}"
      fi ;;
  esac
  case "$command" in
${inner}${branches}  esac
}
complete -F _${name} ${name}
`;
}

const reply = (how: readonly string[]): string =>
  `mapfile -t COMPREPLY < <(compgen ${how.join(' ')} -- "$current")`;

/** One command: the value of the option that stands before, else options, else arguments. */
function branch(command: CommandDeclaration): string {
  const options = optionsOf(command);
  const values = options
    .filter(([, { value }]) => value !== undefined)
    .map(([name, option]) => `        --${name}) ${offer(offerOf(option))}return ;;\n`);
  const names = options.flatMap(([name, { short }]) => [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
  ]);
  return `    ${quoted(command.name)})
${values.length === 0 ? '' : `      case "$before" in\n${values.join('')}      esac\n`}      if [[ $current == -* ]]; then
        ${reply([`-W ${quoted(names.join(' '))}`])}
        return
      fi
${positional(command)}      ;;
`;
}

/** What stands in the place of an argument does not depend on which one it is, but where words are to choose from. */
function positional({ arguments: all }: CommandDeclaration): string {
  const [first] = all;
  if (first === undefined) return '';
  const text = offer(offerOf(first));
  return text === '' ? '' : `      ${text}\n`;
}

function offer(what: Offer): string {
  if (what === 'nothing') return '';
  if (what === 'files') return `compopt -o filenames 2>/dev/null; ${reply(['-f'])}; `;
  if (what === 'directories') return `compopt -o filenames 2>/dev/null; ${reply(['-d'])}; `;
  return `${reply([`-W ${quoted(what.join(' '))}`])}; `;
}
