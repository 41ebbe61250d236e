import { type CommandIo, processIo } from './command-io.ts';
import { Failure, UsageError } from './failures.ts';

/** A subcommand: takes the words behind its name, gives back the exit status. */
export type Command = (args: readonly string[], around?: CommandIo) => Promise<number>;

/**
 * Makes a command of its work: `--help` prints its help, and what it throws becomes a message and an exit status.
 * @param name as typed behind `vnet`
 */
export function command(
  name: string,
  help: string,
  run: (args: readonly string[], around: CommandIo) => Promise<number>,
): Command {
  return async (args, around = processIo()) => {
    if (asksForHelp(args)) {
      around.out(help);
      return 0;
    }
    try {
      return await run(args, around);
    } catch (error) {
      return report(name, error, around);
    }
  };
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

function report(name: string, error: unknown, around: CommandIo): number {
  if (isUsageError(error)) {
    around.err(`vnet ${name}: ${usageText(error)}\nTry \`vnet ${name} --help\`.\n`);
    return 2;
  }
  if (!(error instanceof Failure)) throw error;
  around.err(`${error.message}\n`);
  if (error.next !== undefined) around.err(`${error.next}\n`);
  return error.status;
}

function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_');
}

/** parseArgs explains at length how `--` works; its first sentence is what helps. */
function usageText(error: Error): string {
  const [first = ''] = error.message.split(/\. |\n/);
  if (!/^Unknown option '--?(?:password|secret|pass)\b/.test(first)) return first;
  return 'a secret never stands on the command line, where everybody can read it: put it into a file that only you can read (--password-file) or into VNET_PASSWORD';
}
