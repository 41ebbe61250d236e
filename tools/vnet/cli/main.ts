/** Looks a subcommand up and runs it. It is loaded when it is used, and not before, so that the start is quick. */
import { COMMANDS, type CommandName, PROGRAM } from '../usage/program.ts';
import type { Command } from './command.ts';
import { type CommandIo, processIo } from './command-io.ts';
import { programHelp, suggestion } from './parse.ts';
import { programVersion } from './version.ts';

/** Where each command stands. */
export const LOADERS: { readonly [N in CommandName]: () => Promise<Command> } = {
  serve: async () => (await import('../commands/serve.ts')).serve,
  passwd: async () => (await import('../commands/passwd.ts')).passwd,
  keygen: async () => (await import('../commands/keygen.ts')).keygen,
  devices: async () => (await import('../commands/devices.ts')).devices,
  handlers: async () => (await import('../commands/handlers.ts')).handlers,
  handle: async () => (await import('../commands/handle.ts')).handle,
  close: async () => (await import('../commands/close.ts')).close,
  stats: async () => (await import('../commands/stats.ts')).stats,
  status: async () => (await import('../commands/status.ts')).status,
  watch: async () => (await import('../commands/watch.ts')).watch,
  trace: async () => (await import('../commands/trace.ts')).trace,
  capture: async () => (await import('../commands/capture.ts')).capture,
  drops: async () => (await import('../commands/drops.ts')).drops,
  ping: async () => (await import('../commands/ping.ts')).ping,
  doctor: async () => (await import('../commands/doctor.ts')).doctor,
  top: async () => (await import('../commands/top.ts')).top,
  replay: async () => (await import('../commands/replay.ts')).replay,
  log: async () => (await import('../commands/log.ts')).log,
  conform: async () => (await import('../commands/conform.ts')).conform,
  demo: async () => (await import('../commands/demo.ts')).demo,
  completions: async () => (await import('../commands/completions.ts')).completions,
};

const isCommand = (word: string | undefined): word is CommandName =>
  word !== undefined && Object.hasOwn(COMMANDS, word);

/** `vnet …`. @returns the exit status */
export async function main(
  [name, ...args]: readonly string[],
  around: CommandIo = processIo(),
): Promise<number> {
  if (isCommand(name)) return (await LOADERS[name]())(args, around);
  if (name === '--version' || name === '-V') {
    around.out(`${programVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const [about] = args;
    if (isCommand(about)) return (await LOADERS[about]())([...args.slice(1), '--help'], around);
    around.out(programHelp(PROGRAM, around.columns));
    return 0;
  }
  if (name === undefined) {
    around.err(programHelp(PROGRAM, around.columns));
    return 2;
  }
  const what = name.startsWith('-') ? 'option' : 'command';
  const like = suggestion(PROGRAM, name);
  around.err(
    `vnet: there is no ${what} "${name}"${like === '' ? '' : ` ${like}`}; \`vnet --help\` lists the commands:\n` +
      `  ${Object.keys(COMMANDS).join(' ')}\n`,
  );
  return 2;
}
