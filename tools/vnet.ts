#!/usr/bin/env node
/** The `vnet` command: looks the subcommand up and runs it. A subcommand is loaded when it is used, and not before. */
import type { Command } from './cli/command.ts';
import { programVersion } from './cli/version.ts';

interface Entry {
  readonly about: string;
  load(): Promise<Command>;
}

type Group = Readonly<Record<string, Entry>>;

const SERVER: Group = {
  serve: {
    about: 'run a server',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  passwd: {
    about: 'make a line for a password file',
    load: async () => (await import('./commands/passwd.ts')).passwd,
  },
  keygen: {
    about: 'make a key and a certificate',
    load: async () => (await import('./commands/keygen.ts')).keygen,
  },
};

const CLIENT: Group = {
  devices: {
    about: 'list the interfaces of a server',
    load: async () => (await import('./commands/devices.ts')).devices,
  },
  handlers: {
    about: 'list the Handlers that stand, with their counters',
    load: async () => (await import('./commands/handlers.ts')).handlers,
  },
  handle: {
    about: 'open a Handler to another server',
    load: async () => (await import('./commands/handle.ts')).handle,
  },
  close: {
    about: 'close a Handler at both ends',
    load: async () => (await import('./commands/close.ts')).close,
  },
  stats: {
    about: 'all counters of a Handler',
    load: async () => (await import('./commands/stats.ts')).stats,
  },
  status: {
    about: 'how a server does',
    load: async () => (await import('./commands/status.ts')).status,
  },
  watch: {
    about: 'show what happens on a server as it happens',
    load: async () => (await import('./commands/watch.ts')).watch,
  },
};

const TOOLS: Group = {
  replay: {
    about: 'play a log again and check every state',
    load: async () => (await import('./commands/replay.ts')).replay,
  },
  log: {
    about: 'show, verify, repair or export a log',
    load: async () => (await import('./commands/log.ts')).log,
  },
  demo: {
    about: 'see it all work on this machine',
    load: async () => (await import('./commands/demo.ts')).demo,
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

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${programVersion()}\n`);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const entry = Object.hasOwn(COMMANDS, args[0] ?? '') ? COMMANDS[args[0]!] : undefined;
    if (entry !== undefined) return (await entry.load())(['--help']);
    process.stdout.write(help());
    return 0;
  }
  if (name === undefined) {
    process.stderr.write(help());
    return 2;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    const what = name.startsWith('-') ? 'option' : 'command';
    process.stderr.write(
      `vnet: there is no ${what} "${name}"; \`vnet --help\` lists the commands:\n  ${Object.keys(COMMANDS).join(' ')}\n`,
    );
    return 2;
  }
  return (await entry.load())(args);
}

/** Whoever reads our output may stop early, as `head` does: that is no error of ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const status = await main(process.argv.slice(2));
// Output is written by now (pipes and files are written at once on Linux); nothing that still stands open, such as
// a connection that ends slowly, is worth waiting for.
process.exit(status);
