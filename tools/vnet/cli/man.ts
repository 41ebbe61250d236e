/** Manual pages, in roff with the macros of man(7), made of the declarations. Neither groff nor mandoc warns of them. */
import {
  argumentTerm,
  type CommandDeclaration,
  callOf,
  type Declaration,
  type Example,
  isGroup,
  type OptionDeclaration,
  optionText,
  type Program,
} from './declaration.ts';

export interface ManPage {
  /** Of the file, with its section: `vnet-log-show.1`. */
  readonly file: string;
  readonly text: string;
}

export interface Edition {
  readonly version: string;
  /** `2026-01-31`. */
  readonly date: string;
}

/** One page for the program, and one for each of its commands. */
export function manPages(program: Program, edition: Edition): readonly ManPage[] {
  const declarations = program.sections
    .flatMap(({ commands }) => Object.values<Declaration>(commands))
    .flatMap((each) => (isGroup(each) ? Object.values(each.commands) : [each]));
  return [
    { file: `${program.name}.1`, text: programPage(program, edition) },
    ...declarations.map((each) => ({
      file: `${pageOf(program, each)}.1`,
      text: commandPage(program, each, edition),
    })),
  ];
}

const pageOf = ({ name }: Program, command: CommandDeclaration): string =>
  `${name}-${command.name.replaceAll(' ', '-')}`;

function programPage(program: Program, edition: Edition): string {
  const { name, about, description, sections } = program;
  return page(name, about, edition, [
    heading('SYNOPSIS', [`.B ${text(name)}`, `.I command`, '.RI [ argument "" ...]']),
    heading('DESCRIPTION', paragraphs(description)),
    heading(
      'COMMANDS',
      sections.flatMap(({ title, commands }) => [
        '.SS',
        text(title),
        ...Object.entries(commands).flatMap(([word, each]) => listed(program, word, each)),
      ]),
    ),
  ]);
}

/** A command with the page that tells more. */
function listed(program: Program, word: string, declaration: Declaration): readonly string[] {
  const pages = isGroup(declaration) ? Object.values(declaration.commands) : [declaration];
  const names = pages.map((each) => `${text(pageOf(program, each))}(1)`);
  return tagged(`.B ${text(word)}`, `${declaration.about}: see `).concat(`${names.join(', ')}.`);
}

function commandPage(program: Program, command: CommandDeclaration, edition: Edition): string {
  const { description, options, exit, examples = [] } = command;
  const variables = Object.entries(options).filter(([, { env }]) => env !== undefined);
  return page(pageOf(program, command), command.about, edition, [
    heading('SYNOPSIS', [
      `.B ${text(callOf(command))}`,
      ...(Object.keys(options).length === 0 ? [] : ['.RI [ options ]']),
      text(command.arguments.map(argumentTerm).join(' ')),
    ]),
    heading('DESCRIPTION', paragraphs(description)),
    heading(
      'ARGUMENTS',
      command.arguments.flatMap((each) => tagged(`.I ${text(each.name)}`, each.text)),
    ),
    heading('OPTIONS', optionList(options)),
    heading(
      'ENVIRONMENT',
      variables.flatMap(([name, { env }]) => tagged(`.B ${text(env ?? '')}`, `in place of --${name}`)),
    ),
    heading('EXAMPLES', examples.flatMap(example).slice(1)),
    heading(
      'EXIT STATUS',
      exit.flatMap(([code, what]) => tagged(`.B ${code}`, what)),
    ),
    heading('SEE ALSO', [`.BR ${text(program.name)} (1)`]),
  ]);
}

function optionList(options: CommandDeclaration['options']): readonly string[] {
  const help: OptionDeclaration = { text: 'tell all this in short', short: 'h' };
  let group: string | undefined;
  return [...Object.entries(options), ['help', help] as const].flatMap(([name, option]) => {
    const begins = option.group !== group ? ['.SS', text(option.group ?? 'Help')] : [];
    group = option.group;
    return [...begins, ...tagged(optionTag(name, option), optionText(option))];
  });
}

function optionTag(name: string, { short, value }: OptionDeclaration): string {
  const names = short === undefined ? `\\-\\-${text(name)}` : `\\-${short}, \\-\\-${text(name)}`;
  return value === undefined ? `.B "${names}"` : `.BI "${names} " "${text(value)}"`;
}

function example({ text: what, lines }: Example): readonly string[] {
  return ['.PP', text(what), '.PP', '.RS 4', '.nf', ...lines.map(text), '.fi', '.RE'];
}

function page(name: string, about: string, { version, date }: Edition, parts: readonly string[]): string {
  return [
    `.TH ${text(name.toUpperCase())} 1 ${date} "vnet ${version}" "VNET"`,
    '.SH NAME',
    `${text(name)} \\- ${text(about)}`,
    ...parts.filter((part) => part !== ''),
    '',
  ].join('\n');
}

function heading(title: string, lines: readonly string[]): string {
  const full = lines.filter((line) => line !== '');
  return full.length === 0 ? '' : [`.SH ${title}`, ...full].join('\n');
}

/** The macro .SH is followed by its first paragraph; .PP parts it from the next. */
function paragraphs(all: readonly string[]): readonly string[] {
  return all.flatMap((each, index) => (index === 0 ? [text(each)] : ['.PP', text(each)]));
}

function tagged(tag: string, what: string): string[] {
  return ['.TP', tag, text(what.trimEnd())];
}

/** A text as roff: one line, its special characters escaped, nothing in it a macro. */
function text(plain: string): string {
  const escaped = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(
      /[^\n -~]/gu,
      (each) => `\\[u${each.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
