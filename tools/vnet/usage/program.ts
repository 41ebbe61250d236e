/** All that `vnet` can be told. A new command is declared here, and loaded in `cli/main.ts`. */
import type { Program } from '../cli/declaration.ts';
import { CLOSE, DEVICES, HANDLE, HANDLERS, STATS, STATUS, WATCH } from './client.ts';
import { CAPTURE, DOCTOR, DROPS, PING, TOP, TRACE } from './frames.ts';
import { LOG, REPLAY } from './log.ts';
import { KEYGEN, PASSWD, SERVE } from './server.ts';
import { COMPLETIONS, CONFORM, DEMO } from './tools.ts';

const SERVERS = { serve: SERVE, passwd: PASSWD, keygen: KEYGEN };

const CLIENTS = {
  devices: DEVICES,
  handlers: HANDLERS,
  handle: HANDLE,
  close: CLOSE,
  stats: STATS,
  status: STATUS,
  watch: WATCH,
};

const FRAMES = { trace: TRACE, capture: CAPTURE, drops: DROPS, ping: PING, doctor: DOCTOR, top: TOP };

const TOOLS = { replay: REPLAY, log: LOG, conform: CONFORM, demo: DEMO, completions: COMPLETIONS };

/** Every command by the word behind `vnet`. */
export const COMMANDS = { ...SERVERS, ...CLIENTS, ...FRAMES, ...TOOLS };

export type CommandName = keyof typeof COMMANDS;

export const PROGRAM: Program = {
  name: 'vnet',
  about: "make a machine far away stand on one's own LAN",
  description: [
    'VNET makes a machine far away stand on your own LAN: two servers, each with a network interface in its hands, and a long wire between them that carries Ethernet frames.',
  ],
  sections: [
    { title: 'Servers', commands: SERVERS },
    { title: 'Talking to a server (say which by --server URL or $VNET_SERVER)', commands: CLIENTS },
    { title: 'Why a frame did not arrive', commands: FRAMES },
    { title: 'The event log, and all the rest', commands: TOOLS },
  ],
  closing: ['`vnet <command> --help` tells all about a command. To begin with: `vnet demo`.'],
};
