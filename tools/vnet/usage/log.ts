/** Commands that read event logs. */
import { declare, type GroupDeclaration } from '../cli/declaration.ts';

const DIR = { name: 'dir', kind: 'directory', text: 'the directory of the log' } as const;
const ONE_DIRECTORY = 'it takes one directory, that of a log';
const EXIT = [
  [0, 'done, and all is well'],
  [1, 'not possible'],
  [2, 'the log is damaged or not there, or wrong usage'],
] as const;

export const LOG_SHOW = declare({
  name: 'log show',
  about: 'print records, all or some',
  description: [
    'Prints records: time, number, actor, its state before and after, what happened. A server may be writing the log meanwhile.',
  ],
  arguments: [DIR],
  hint: ONE_DIRECTORY,
  options: {
    actor: {
      value: 'A',
      text: 'of this actor (handler:3f…) or of this kind (handler, session, device, server)',
    },
    event: { value: 'E', text: 'with this event, e.g. rejected, wire-lost, HANDLE' },
    since: {
      value: 'X',
      text: 'from record number X or time X on (UTC, e.g. 2026-01-31T12:00)',
    },
    until: { value: 'X', text: 'up to record number X or time X' },
    follow: { short: 'f', text: 'and those that come, until ^C' },
    json: { text: 'as they stand in the log, one JSON object a line' },
  },
  exit: EXIT,
});

export const LOG_VERIFY = declare({
  name: 'log verify',
  about: 'check form and hashes',
  description: [
    'Checks the form of every record and the chain of hashes, and plays nothing (`vnet replay` does). A server may be writing the log meanwhile.',
  ],
  arguments: [DIR],
  hint: ONE_DIRECTORY,
  options: {},
  exit: EXIT,
});

export const LOG_REPAIR = declare({
  name: 'log repair',
  about: 'keep what can be kept of a damaged log',
  description: [
    'Shows what could be kept of a damaged log, and does it only with --yes. What is cut off is moved aside, never deleted. A torn last line needs no repair: a server cuts it off when it starts. No server may be writing the log.',
  ],
  arguments: [DIR],
  hint: ONE_DIRECTORY,
  options: {
    keep: {
      value: 'PART',
      choices: ['before', 'after'],
      text: 'which part is kept, that before the damage or that after it',
      otherwise: 'after, where that is possible',
    },
    yes: { text: 'do it' },
  },
  exit: EXIT,
});

export const LOG_EXPORT = declare({
  name: 'log export',
  about: "print one actor's records, to be played elsewhere",
  description: [
    "Prints one actor's records, with all that `vnet replay FILE` needs to play them elsewhere. A server may be writing the log meanwhile.",
  ],
  arguments: [DIR],
  hint: ONE_DIRECTORY,
  options: { actor: { value: 'A', text: 'whose records, e.g. handler:3f…; must be given' } },
  exit: EXIT,
});

export const LOG = {
  name: 'log',
  about: 'show, verify, repair or export a log',
  description: [
    'The event log that `vnet serve --log` writes. All but repair may be used while a server writes to it. `vnet log show --help` and so on tell the options of each.',
  ],
  commands: { show: LOG_SHOW, verify: LOG_VERIFY, repair: LOG_REPAIR, export: LOG_EXPORT },
} as const satisfies GroupDeclaration;

export const REPLAY = declare({
  name: 'replay',
  about: 'play a log again and check every state',
  description: [
    'Plays an event log again, through the same machines and without any network, and checks that every record leads to the state that it says. Without options every transition is printed, and the verdict last.',
    'With two, the logs of two servers, they are told as one story: every record stands behind those of the other server that led to it, whatever the two clocks say.',
  ],
  arguments: [
    {
      name: 'dir',
      kind: 'directory',
      text: 'what `vnet serve --log` was given (a server may be writing to it), or a file that `vnet log export` wrote',
    },
    { name: 'dir2', kind: 'directory', optional: true, text: 'the log of the other server' },
  ],
  hint: 'it takes the directory of a log, or two of them',
  options: {
    actor: { value: 'A', text: "this actor's transitions only, e.g. handler:3f… (all are checked)" },
    until: {
      value: 'X',
      text: 'stop behind record number X, or at the time X (UTC, e.g. 2026-01-31T12:00:00)',
    },
    format: {
      value: 'F',
      choices: ['text', 'json', 'mermaid', 'html'],
      text: 'text: a line for each transition. json: the same as a JSON object each, the last line is the verdict. mermaid: a sequence diagram and a state diagram with visits counted, in Markdown. html: one file for a browser, without network: time line, machines, every transition',
      otherwise: 'text',
    },
    step: { text: 'one transition at a time, forward and back, with all that it changed' },
    quiet: { short: 'q', text: 'the verdict only' },
  },
  exit: [
    [0, 'all agrees'],
    [1, 'a record does not (the first one is shown)'],
    [2, 'the log is damaged or not there, or wrong usage'],
  ],
});
