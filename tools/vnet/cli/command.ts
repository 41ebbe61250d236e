import { fileProblem } from '../../../io/file-problem.ts';
import { type CommandIo, processIo } from './command-io.ts';
import {
  type CommandDeclaration,
  callOf,
  type Declaration,
  type GroupDeclaration,
  type Options,
} from './declaration.ts';
import { Failure, UsageError } from './failures.ts';
import { helpText, type Parsed, parse } from './parse.ts';

/** A subcommand: takes the words behind its name, gives back the exit status. */
export type Command = (args: readonly string[], around?: CommandIo) => Promise<number>;

/**
 * Makes a command of its declaration and its work: `--help` prints its help, and what it throws becomes a message and
 * an exit status. So does a file that cannot be used, wherever it was tried.
 */
export function command<const O extends Options>(
  declaration: CommandDeclaration<O>,
  run: (given: Parsed<O>, around: CommandIo) => Promise<number>,
): Command {
  return async (args, around = processIo()) => {
    if (asksForHelp(args)) return tellHelp(declaration, around);
    try {
      return await run(parse(declaration, args), around);
    } catch (error) {
      return report(callOf(declaration), error, around);
    }
  };
}

/** Makes a command that is followed by another one, such as `vnet log`. */
export function commandGroup<const G extends GroupDeclaration>(
  declaration: G,
  commands: Readonly<Record<keyof G['commands'], Command>>,
): Command {
  return async ([word, ...args], around = processIo()) => {
    if (word !== undefined && Object.hasOwn(commands, word)) {
      return commands[word as keyof G['commands']](args, around);
    }
    if (word !== undefined && asksForHelp([word])) return tellHelp(declaration, around);
    const { name } = declaration;
    const names = Object.keys(commands).join(', ');
    around.err(`vnet ${name}: it is followed by one of ${names}\nTry \`vnet ${name} --help\`.\n`);
    return 2;
  };
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

function tellHelp(declaration: Declaration, around: CommandIo): number {
  around.out(helpText(declaration, around.columns));
  return 0;
}

function report(call: string, error: unknown, around: CommandIo): number {
  if (error instanceof UsageError) {
    around.err(`${call}: ${error.message}\nTry \`${call} --help\`.\n`);
    return 2;
  }
  const file = fileProblem(error);
  if (file !== undefined) {
    around.err(`${call}: ${file}\n`);
    return 2;
  }
  if (!(error instanceof Failure)) throw error;
  around.err(`${error.message}\n`);
  if (error.next !== undefined) around.err(`${error.next}\n`);
  return error.status;
}
