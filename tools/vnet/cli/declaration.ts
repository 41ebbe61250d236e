/**
 * What a command line may hold, as data: parsing, `--help`, man pages and shell completions are all made of it.
 * The commands themselves are declared in `usage/`.
 */

/**
 * What a value is, for completions and for checks: a path, a number, or (by default) any text.
 * `secret-file` holds a password alone, `passwd-file` lines of `vnet passwd`. `count` is a whole number of at most
 * nine digits, `number` any number that is not negative.
 */
export type ValueKind = 'file' | 'secret-file' | 'passwd-file' | 'directory' | 'count' | 'number';

export interface OptionDeclaration {
  /** One or two sentences; no line ends in it. */
  readonly text: string;
  /** The name of its value in `--help`; without one the option is a switch. */
  readonly value?: string;
  readonly kind?: ValueKind;
  /** The only values that are good. */
  readonly choices?: readonly string[];
  readonly short?: string;
  /** May be given several times. */
  readonly repeatable?: true;
  readonly default?: string | number;
  /** What holds without it, in words, where that is no constant. */
  readonly otherwise?: string;
  /** The variable of the environment that may be set in its place. */
  readonly env?: string;
  /** The heading it stands below. */
  readonly group?: string;
}

/** By name, without the hyphens. */
export type Options = Readonly<Record<string, OptionDeclaration>>;

export interface ArgumentDeclaration {
  readonly name: string;
  readonly text: string;
  readonly kind?: ValueKind;
  readonly choices?: readonly string[];
  readonly optional?: true;
  /** Takes all that follows; the last argument only. */
  readonly repeatable?: true;
}

export interface Example {
  readonly text: string;
  readonly lines: readonly string[];
}

export interface CommandDeclaration<O extends Options = Options> {
  /** As typed behind `vnet`, e.g. `log show`. */
  readonly name: string;
  /** What is typed for it, where that is not `vnet` and its name. */
  readonly call?: string;
  /** What it does, in a few words, for lists. */
  readonly about: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentDeclaration[];
  /** Said when arguments are missing or too many; by default which ones. */
  readonly hint?: string;
  readonly options: O;
  readonly examples?: readonly Example[];
  /** Exit statuses. */
  readonly exit: readonly (readonly [number, string])[];
}

/** A command that is followed by another one, such as `vnet log`. */
export interface GroupDeclaration {
  readonly name: string;
  readonly about: string;
  readonly description: readonly string[];
  readonly commands: Readonly<Record<string, CommandDeclaration>>;
}

export type Declaration = CommandDeclaration | GroupDeclaration;

export interface Section {
  readonly title: string;
  readonly commands: Readonly<Record<string, Declaration>>;
}

/** The whole of `vnet`. */
export interface Program {
  readonly name: string;
  readonly about: string;
  readonly description: readonly string[];
  readonly sections: readonly Section[];
  readonly closing: readonly string[];
}

type Single<O extends OptionDeclaration> = O extends { readonly value: string }
  ? O extends { readonly kind: 'count' | 'number' }
    ? number
    : O extends { readonly choices: readonly (infer C)[] }
      ? C
      : string
  : true;

type ValueOf<O extends OptionDeclaration> = O extends { readonly repeatable: true }
  ? readonly Single<O>[]
  : Single<O>;

type Defaulted<O extends Options> = {
  [N in keyof O]: O[N] extends { readonly default: string | number } ? N : never;
}[keyof O];

/** What parsing makes of options: those that were given, and those that have a default. */
export type Values<O extends Options> = {
  readonly [N in Defaulted<O>]: ValueOf<O[N]>;
} & {
  readonly [N in Exclude<keyof O, Defaulted<O>>]?: ValueOf<O[N]> | undefined;
};

export const isGroup = (declaration: Declaration): declaration is GroupDeclaration =>
  'commands' in declaration;

/** A command's declaration with its options' types. */
export function declare<const O extends Options>(declaration: CommandDeclaration<O>): CommandDeclaration<O> {
  return declaration;
}

/** The same options below a heading. */
export function below<const O extends Options>(
  group: string,
  options: O,
): { readonly [N in keyof O]: O[N] & { readonly group: string } } {
  const entries = Object.entries(options).map(([name, option]) => [name, { ...option, group }]);
  return Object.fromEntries(entries) as { readonly [N in keyof O]: O[N] & { readonly group: string } };
}

/** Every command that does something, with groups taken apart, in the order of `vnet --help`. */
export function allCommands(program: Program): readonly CommandDeclaration[] {
  return program.sections.flatMap(({ commands }) =>
    Object.values(commands).flatMap((each) => (isGroup(each) ? Object.values(each.commands) : [each])),
  );
}

/** What is typed for a command. */
export const callOf = ({ name, call = `vnet ${name}` }: CommandDeclaration): string => call;

/** `--password-file F`, as one writes it. */
export function optionTerm(name: string, { short, value }: OptionDeclaration): string {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** `<handler>`, `[dir]`, `<mac...>`, as `--help` writes it. */
export function argumentTerm({ name, optional, repeatable }: ArgumentDeclaration): string {
  const text = repeatable ? `${name}...` : name;
  return optional ? `[${text}]` : `<${text}>`;
}

/** An option's text with what holds without it and what may stand in its place. */
export function optionText(option: OptionDeclaration): string {
  const { text, choices, repeatable, env, otherwise } = option;
  const facts = [
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
    ...(repeatable ? ['may stand several times'] : []),
    ...(env === undefined ? [] : [`or set ${env}`]),
    ...(option.default === undefined ? [] : [`default: ${option.default}`]),
    ...(otherwise === undefined ? [] : [`default: ${otherwise}`]),
  ];
  return facts.length === 0 ? text : `${text} (${facts.join('; ')})`;
}
