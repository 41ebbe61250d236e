/** Looks a subcommand up and runs it. It is loaded when it is used, and not before, so that the start is quick. */
import type { Command } from './command.ts';
import { type CommandIo, processIo } from './command-io.ts';
import { programVersion } from './version.ts';

interface Entry {
  readonly about: string;
  load(): Promise<Command>;
}

type Group = Readonly<Record<string, Entry>>;

const SERVER: Group = {
  serve: {
    about: 'run a server',
    load: async () => (await import('../commands/serve.ts')).serve,
  },
  passwd: {
    about: 'make a line for a password file',
    load: async () => (await import('../commands/passwd.ts')).passwd,
  },
  keygen: {
    about: 'make a key and a certificate',
    load: async () => (await import('../commands/keygen.ts')).keygen,
  },
};

const CLIENT: Group = {
  devices: {
    about: 'list the interfaces of a server',
    load: async () => (await import('../commands/devices.ts')).devices,
  },
  handlers: {
    about: 'list the Handlers that stand, with their counters',
    load: async () => (await import('../commands/handlers.ts')).handlers,
  },
  handle: {
    about: 'open a Handler to another server',
    load: async () => (await import('../commands/handle.ts')).handle,
  },
  close: {
    about: 'close a Handler at both ends',
    load: async () => (await import('../commands/close.ts')).close,
  },
  stats: {
    about: 'all counters of a Handler',
    load: async () => (await import('../commands/stats.ts')).stats,
  },
  status: {
    about: 'how a server does',
    load: async () => (await import('../commands/status.ts')).status,
  },
  watch: {
    about: 'show what happens on a server as it happens',
    load: async () => (await import('../commands/watch.ts')).watch,
  },
};

const TOOLS: Group = {
  replay: {
    about: 'play a log again and check every state',
    load: async () => (await import('../commands/replay.ts')).replay,
  },
  log: {
    about: 'show, verify, repair or export a log',
    load: async () => (await import('../commands/log.ts')).log,
  },
  conform: {
    about: 'hold a server, ours or not, to the protocol',
    load: async () => (await import('../commands/conform.ts')).conform,
  },
  demo: {
    about: 'see it all work on this machine',
    load: async () => (await import('../commands/demo.ts')).demo,
  },
};

/** Every subcommand by name. */
export const COMMANDS: Group = { ...SERVER, ...CLIENT, ...TOOLS };

function lines(group: Group): string {
  return Object.entries(group)
    .map(([name, { about }]) => `  ${name.padEnd(9)} ${about}\n`)
    .join('');
}

function help(): string {
  return `Usage: vnet <command> [argument…]

VNET makes a machine far away stand on your own LAN: two servers, each with a network interface in its
hands, and a long wire between them that carries Ethernet frames.

Servers:
${lines(SERVER)}
Talking to a server (say which by --server URL or $VNET_SERVER):
${lines(CLIENT)}
The event log, and all the rest:
${lines(TOOLS)}
\`vnet <command> --help\` tells all about a command, \`vnet --version\` which version this is.
To begin with: \`vnet demo\`.
`;
}

/** `vnet …`. @returns the exit status */
export async function main(
  [name, ...args]: readonly string[],
  around: CommandIo = processIo(),
): Promise<number> {
  if (name === '--version' || name === '-V') {
    around.out(`${programVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const entry = Object.hasOwn(COMMANDS, args[0] ?? '') ? COMMANDS[args[0]!] : undefined;
    if (entry !== undefined) return (await entry.load())(['--help'], around);
    around.out(help());
    return 0;
  }
  if (name === undefined) {
    around.err(help());
    return 2;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    const what = name.startsWith('-') ? 'option' : 'command';
    around.err(
      `vnet: there is no ${what} "${name}"; \`vnet --help\` lists the commands:\n  ${Object.keys(COMMANDS).join(' ')}\n`,
    );
    return 2;
  }
  return (await entry.load())(args, around);
}
