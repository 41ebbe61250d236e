/** Reads a command line as its declaration says, and writes `--help`; commander does the work of both. */
import { Argument, Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import {
  type ArgumentDeclaration,
  argumentTerm,
  type CommandDeclaration,
  callOf,
  type Declaration,
  isGroup,
  type OptionDeclaration,
  type Options,
  optionTerm,
  optionText,
  type Program,
  type Values,
} from './declaration.ts';
import { UsageError } from './failures.ts';

/** Columns of `--help`, where the terminal is not narrower. */
const WIDTH = 100;

export interface Parsed<O extends Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
}

/** @throws UsageError that says what is wrong and what would be right; no value that was typed is repeated for secrets */
export function parse<const O extends Options>(
  declaration: CommandDeclaration<O>,
  args: readonly string[],
): Parsed<O> {
  const command = toCommander(declaration).action(() => {});
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UsageError(usageText(error, declaration, command));
  }
  return { values: valuesOf(command, declaration.options) as Values<O>, positionals: command.args };
}

/** Text of `vnet <command> --help`. @param columns of the terminal */
export function helpText(declaration: Declaration, columns: number | undefined): string {
  const command = isGroup(declaration) ? groupToCommander(declaration) : toCommander(declaration);
  return help(command, columns, isGroup(declaration) ? undefined : declaration);
}

/** Text of `vnet --help`. */
export function programHelp(program: Program, columns: number | undefined): string {
  const text = help(programToCommander(program), columns);
  return `${text}\n${program.closing.join('\n')}\n`;
}

/** `(Did you mean serve?)` for a command that there is not; empty when none is like it. */
export function suggestion(program: Program, word: string): string {
  try {
    programToCommander(program).parse([word], { from: 'user' });
  } catch (error) {
    return /\(Did you mean .*\)/.exec((error as Error).message)?.[0] ?? '';
  }
  return '';
}

function bare(name: string): Command {
  return new Command(name)
    .exitOverride()
    .helpCommand(false)
    .helpOption('-h, --help', 'this text')
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
}

function toCommander(declaration: CommandDeclaration): Command {
  const { description, arguments: all, options } = declaration;
  const command = bare(callOf(declaration)).description(description.join('\n\n'));
  for (const argument of all) command.addArgument(toArgument(argument));
  for (const [long, option] of Object.entries(options)) command.addOption(toOption(long, option));
  return command;
}

function groupToCommander({ name, description, commands }: Extract<Declaration, { commands: unknown }>) {
  const command = bare(`vnet ${name}`).usage('<command> [options]').description(description.join('\n\n'));
  for (const [word, each] of Object.entries(commands)) {
    const terms = each.arguments.map(argumentTerm);
    const options = Object.keys(each.options).length > 0 ? ['[options]'] : [];
    command.addCommand(
      new Command(word)
        .usage([...terms, ...options].join(' '))
        .summary(each.about)
        .helpOption(false),
    );
  }
  return command.configureHelp({ subcommandTerm: (sub) => `${sub.name()} ${sub.usage()}` });
}

function programToCommander({ name, description, sections }: Program): Command {
  const command = bare(name).usage('<command> [argument...]').description(description.join('\n\n'));
  for (const { title, commands } of sections) {
    for (const [word, { about }] of Object.entries(commands)) {
      command.addCommand(
        new Command(word).summary(about).usage(' ').helpOption(false).helpGroup(`${title}:`),
      );
    }
  }
  return command
    .option('-V, --version', 'which version this is')
    .configureHelp({ subcommandTerm: (sub) => sub.name() });
}

function toArgument(declaration: ArgumentDeclaration): Argument {
  const { text, choices } = declaration;
  const argument = new Argument(argumentTerm(declaration), text);
  if (choices !== undefined) return argument.choices(choices);
  return argument.argParser<string | string[]>((word, before) => {
    if (word === '') throw new InvalidArgumentError('It is empty.');
    return declaration.repeatable ? [...(Array.isArray(before) ? before : []), word] : word;
  });
}

function toOption(name: string, declaration: OptionDeclaration): Option {
  const option = new Option(optionTerm(name, declaration), optionText(declaration));
  if (declaration.group !== undefined) option.helpGroup(`${declaration.group}:`);
  if (declaration.value === undefined) return option;
  return option.argParser<unknown>((text, before) => {
    const value = convert(declaration, text);
    if (!declaration.repeatable) return value;
    return [...(Array.isArray(before) ? before : []), value];
  });
}

function convert({ kind, choices }: OptionDeclaration, text: string): string | number {
  if (text === '') throw new InvalidArgumentError('Its value is empty.');
  if (/^-./.test(text)) throw new InvalidArgumentError('Its value is missing, or begins with a hyphen.');
  if (choices !== undefined && !choices.includes(text)) {
    throw new InvalidArgumentError(`Good are ${choices.join(', ')}.`);
  }
  if (kind === 'count') {
    if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number.');
    return Number(text);
  }
  if (kind !== 'number') return text;
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('It takes a number.');
  return Number(text);
}

/** What was given, under the names of the declaration; what was not is not there at all. */
function valuesOf(command: Command, options: Options): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const option of command.options) {
    const name = option.long!.slice(2);
    const value: unknown = command.getOptionValue(option.attributeName()) ?? options[name]?.default;
    // commander has `--no-resume` as resume, which is true without it.
    if (option.negate) {
      if (value === false) values[name] = true;
    } else if (value !== undefined) values[name] = value;
  }
  return values;
}

function help(command: Command, columns: number | undefined, declaration?: CommandDeclaration): string {
  command.configureOutput({ getOutHelpWidth: () => Math.min(columns ?? WIDTH, WIDTH) });
  command.configureHelp({
    formatHelp: (shown, helper) =>
      `${Help.prototype.formatHelp.call(helper, shown, helper)}${closing(declaration, helper)}`,
    ...command.configureHelp(),
  });
  return command.helpInformation();
}

/** Examples and exit statuses, which commander does not know. */
function closing(declaration: CommandDeclaration | undefined, helper: Help): string {
  if (declaration === undefined) return '';
  const examples = (declaration.examples ?? []).flatMap(({ text, lines }) => [
    helper.boxWrap(text, helper.helpWidth ?? WIDTH),
    ...lines.map((line) => `  ${line}`),
    '',
  ]);
  const statuses = declaration.exit.map(([code, text]) => helper.formatItem(String(code), 2, text, helper));
  return `\n${[...examples, 'Exit status:', ...statuses].join('\n')}\n`;
}

function usageText(error: CommanderError, declaration: CommandDeclaration, command: Command): string {
  const message = error.message.replace(/^error: /, '');
  if (error.code === 'commander.unknownOption') return unknownOption(message, declaration);
  if (error.code === 'commander.missingArgument') return declaration.hint ?? missing(declaration, command);
  if (error.code === 'commander.excessArguments') return declaration.hint ?? excess(declaration, command);
  return message.replaceAll('\n', ' ');
}

/** Of `--password=x` not more than the name is said again, for x may be a secret. */
function unknownOption(message: string, { options }: CommandDeclaration): string {
  const shown = message.replace(/^(unknown option '[^=']*)=.*'(?=\n|$)/s, "$1'").replaceAll('\n', ' ');
  const secret = /^unknown option '--?(remote-)?(?:password|passwd|pass|secret)\b/.exec(shown);
  if (secret === null) {
    const [, switched = ''] = /^unknown option '--([^']+)'$/.exec(shown) ?? [];
    return switched in options ? `option '--${switched}' takes no value` : shown;
  }
  const never = 'a secret never stands on the command line, where everybody can read it';
  const name = `${secret[1] ?? ''}password-file`;
  const option = options[name];
  if (option === undefined) return `${never}: it comes from standard input or a file`;
  if (option.kind === 'passwd-file') {
    return `${never}: put the line that \`vnet passwd\` makes of it into a file (--${name}), or itself into ${option.env}`;
  }
  return `${never}: put it into a file that only you can read (--${name}) or into ${option.env}`;
}

function missing(declaration: CommandDeclaration, command: Command): string {
  const { arguments: all, examples = [] } = declaration;
  const names = all.slice(command.args.length).filter(({ optional }) => !optional);
  const example = examples[0]?.lines[0] ?? `${callOf(declaration)} ${all.map(argumentTerm).join(' ')}`;
  return `${names.map((each) => `<${each.name}>`).join(' ')} is missing, as in: ${example}`;
}

function excess({ arguments: all }: CommandDeclaration, command: Command): string {
  const word = command.args[all.length] ?? '';
  const takes = all.length === 0 ? 'no argument' : `only ${all.map(argumentTerm).join(' ')}`;
  return `unexpected argument '${word}': it takes ${takes}`;
}
