/** The table of commands (PROTOCOL.md section 3), by verb: the states it is good in, its syntax, its arguments. */
import { parseBegin, parseHandle, parseHandler, parseHello, parseJoin, parseNone } from './arguments.ts';
import type { Refusal, Result } from './errors.ts';
import { parseCapture, parseDrops, parsePing, parseTrace } from './questions.ts';
import { quoted, type Token } from './tokens.ts';
import { type Arguments, type KeepSecret, STATES, type State, VERBS, type Verb } from './types.ts';

export interface CommandEntry<V extends Verb> {
  /** States of a session in which it is carried out. */
  readonly states: readonly State[];
  /** Its forms, verb included, as HELP? shows them. */
  readonly syntax: string;
  /** What it is good for, in a few words. */
  readonly about: string;
  /** Reads the words behind the verb. */
  parse(tokens: readonly Token[], keep: KeepSecret): Result<Arguments[V]>;
}

const TEXT_STATES: readonly State[] = ['unauthenticated', 'authenticated', 'handling'];
const AUTHENTICATED: readonly State[] = ['authenticated'];

export const COMMANDS: { readonly [V in Verb]: CommandEntry<V> } = {
  HELLO: {
    states: ['unauthenticated'],
    syntax: 'HELLO password [<identity>] <secret> | HELLO cert | HELLO local',
    about: 'say who you are; without an identity you are default',
    parse: parseHello,
  },
  DONE: { states: TEXT_STATES, syntax: 'DONE', about: 'end this session; Handlers stay', parse: parseNone },
  'DEVICES?': {
    states: AUTHENTICATED,
    syntax: 'DEVICES?',
    about: 'list the interfaces of this machine',
    parse: parseNone,
  },
  'HANDLERS?': {
    states: AUTHENTICATED,
    syntax: 'HANDLERS?',
    about: 'list the Handlers that stand, with their counters',
    parse: parseNone,
  },
  HANDLE: {
    states: AUTHENTICATED,
    syntax:
      'HANDLE <remote> <auth> <local_device> <remote_device> <local_config> <remote_config> <mac>+' +
      ' [offload=on|off] [announce=on|off] [l2cp=on|off] [rate=<bits/s>] [bcast-rate=<frames/s>] [wires=<n>]',
    about: 'open a Handler to another server',
    parse: parseHandle,
  },
  BEGIN: {
    states: AUTHENTICATED,
    syntax:
      'BEGIN <handler> <local_device> <remote_device> <local_config> <remote_config> <mac>+' +
      ' offload=on|off mtu=<n> [announce=on|off] [l2cp=on|off] [rate=<bits/s>] [bcast-rate=<frames/s>] [wires=<n>]',
    about: 'between servers: make this connection the wire of a Handler',
    parse: parseBegin,
  },
  JOIN: {
    states: AUTHENTICATED,
    syntax: 'JOIN <handler> <wire>',
    about: 'between servers: make this connection another wire of a Handler that stands',
    parse: parseJoin,
  },
  CLOSE: {
    states: AUTHENTICATED,
    syntax: 'CLOSE <handler>',
    about: 'close a Handler at both ends',
    parse: parseHandler,
  },
  'STATS?': {
    states: AUTHENTICATED,
    syntax: 'STATS? <handler>',
    about: 'all counters of a Handler',
    parse: parseHandler,
  },
  'TRACE?': {
    states: AUTHENTICATED,
    syntax: 'TRACE? <device>|<handler> <frame in hex>',
    about: 'say what would become of a frame that the device reads, or that the other end sends',
    parse: parseTrace,
  },
  'DROPS?': {
    states: AUTHENTICATED,
    syntax: 'DROPS? [<handler>]',
    about: 'the newest frames that were dropped, and why',
    parse: parseDrops,
  },
  CAPTURE: {
    states: AUTHENTICATED,
    syntax: 'CAPTURE <device>|<handler> [snap=<bytes>] [only=dropped|carried] [mac=<address>] [type=0x<hex>]',
    about: 'show frames and what becomes of each; an empty line ends it',
    parse: parseCapture,
  },
  'PING?': {
    states: AUTHENTICATED,
    syntax: 'PING? <handler> [count=<n>]',
    about: 'measure the round trip of each wire of a Handler',
    parse: parsePing,
  },
  'CHECK?': {
    states: AUTHENTICATED,
    syntax: 'CHECK?',
    about: 'what is well and what is not, and what to do about it',
    parse: parseNone,
  },
  'STATUS?': { states: AUTHENTICATED, syntax: 'STATUS?', about: 'how this server does', parse: parseNone },
  WATCH: {
    states: AUTHENTICATED,
    syntax: 'WATCH',
    about: 'show each record of the log as it is written; an empty line ends it',
    parse: parseNone,
  },
  'HELP?': {
    states: STATES,
    syntax: 'HELP?',
    about: 'list the commands that are good now',
    parse: parseNone,
  },
};

/** The data lines that answer HELP?, one for each command that is good in this state. */
export function helpLines(state: State): string[] {
  return VERBS.filter((verb) => COMMANDS[verb].states.includes(state)).map(
    (verb) => `HELP ${COMMANDS[verb].syntax} about=${quoted(COMMANDS[verb].about)}`,
  );
}

/** Why a command is not carried out in this state: 401 before HELLO was taken, 405 else; undefined where it is good. */
export function refuseState(verb: Verb, state: State): Refusal | undefined {
  const { states } = COMMANDS[verb];
  if (states.includes(state)) return undefined;
  if (state === 'unauthenticated')
    return { reason: 'not-authenticated', text: `${verb} needs a HELLO before it` };
  const text = `${verb} is not good in state ${state}, only in ${states.join(', ')}`;
  return { reason: 'wrong-state', text };
}
