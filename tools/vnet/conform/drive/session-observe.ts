/** What is to be seen on a session's connection after an event, by the effects that the machine asks for. */
import { parseAnswerLine, parseGreeting } from '../../../../machines/protocol/answers.ts';
import { COMMANDS } from '../../../../machines/protocol/commands.ts';
import type { Reason } from '../../../../machines/protocol/errors.ts';
import { isName } from '../../../../machines/protocol/ids.ts';
import { type State, VERBS } from '../../../../machines/protocol/types.ts';
import { answerText } from '../case-context.ts';
import type { Effect } from '../model/graph.ts';
import { MODEL_HANDLER, MODEL_IDENTITY, MODEL_SESSION } from '../model/session.ts';
import { demand, Nonconformity } from '../nonconformity.ts';
import type { WholeAnswer } from '../talk.ts';
import { Wire } from '../wire.ts';
import type { DrivenSession } from './driven-session.ts';
import { awaitBegin } from './preconditions.ts';

const DATA_WORDS: Readonly<Record<string, string>> = {
  'DEVICES?': 'DEVICE',
  'HANDLERS?': 'HANDLER',
  'STATS?': 'STAT',
  'TRACE?': 'TRACE',
  'DROPS?': 'DROP',
  'CHECK?': 'CHECK',
  'STATUS?': 'STATUS',
  'HELP?': 'HELP',
};

/** Compares what the server does with what the machine asks for, in order. */
export async function observe(drive: DrivenSession, effects: readonly Effect[]): Promise<void> {
  for (const { type, params } of effects) await observeOne(drive, type, params);
}

async function observeOne(drive: DrivenSession, type: string, params: Effect['params']): Promise<void> {
  const { bench, talk } = drive;
  switch (type) {
    case 'greet':
      return greeted(drive, params.methods as readonly string[]);
    case 'answer': {
      const line = params.line as string;
      return line.startsWith('OK sent=') ? pinged(drive) : answered(drive, line);
    }
    case 'refuse':
      return bench.refused(await next(drive, `ERR ${params.reason}`), params.reason as Reason);
    case 'report':
      return reported(drive, params.what as string, params.state as State);
    case 'open': {
      const { visit, id } = await awaitBegin(drive.standIn!);
      drive.visit = visit;
      drive.handler = id;
      return bench.closeLater(id);
    }
    case 'close':
      return closing(drive);
    case 'watch':
      drive.watched = true;
      await bench.ask('STATUS?');
      return eventSeen(drive);
    case 'capture':
      drive.watched = true;
      return;
    case 'becomeWire':
      await answered(drive, params.line as string);
      return new Wire(talk).ping();
    case 'abandon':
      return drive.down ? undefined : bench.handlerIs(drive.handler, 'closed', 'responder');
    case 'hangUp':
      return over(drive);
  }
}

async function next(drive: DrivenSession, what: string): Promise<WholeAnswer> {
  return drive.talk.answer(what, drive.watched);
}

async function greeted({ talk, bench }: DrivenSession, methods: readonly string[]): Promise<void> {
  const line = await talk.line('the greeting');
  const greeting = parseGreeting(line);
  demand(greeting.ok, 'OK VNET/1 server=<name> auth=<methods>', JSON.stringify(line));
  const wanted = bench.target.login.method;
  demand(methods.includes(wanted), `auth= with ${wanted}`, line);
}

async function answered(drive: DrivenSession, line: string): Promise<void> {
  const answer = await next(drive, line);
  demand(answer.data.length === 0, `${line} alone`, answerText(answer));
  const wanted = parseAnswerLine(line);
  const { parsed } = answer;
  if (wanted.kind !== 'ok' || parsed.kind !== 'ok') throw new Nonconformity(line, answer.last);
  for (const [key, value] of Object.entries(wanted.fields)) {
    const seen = parsed.fields[key] ?? '';
    const good =
      value === MODEL_SESSION
        ? seen !== ''
        : value === MODEL_HANDLER
          ? seen === drive.handler
          : value === MODEL_IDENTITY
            ? fits(seen, identityOf(drive))
            : key === 'mtu'
              ? /^\d+$/.test(seen)
              : seen === value;
    demand(good, `${key}=${value} in ${line}`, answer.last);
    if (value === MODEL_SESSION) drive.session = seen;
  }
}

/** The answer to PING? with count=1 for a Handler with one wire, which the suite answered. */
async function pinged(drive: DrivenSession): Promise<void> {
  const answer = await next(drive, 'the answer to PING?');
  demand(
    answer.data.length === 1 && /^PONG wire=0 rtt_us=\d+$/.test(answer.data[0] ?? ''),
    'one line PONG wire=0 rtt_us=<n>',
    answerText(answer),
  );
  const wanted = /^OK sent=1 received=1 min_us=(\d+) median_us=\1 max_us=\1$/;
  demand(wanted.test(answer.last), 'OK sent=1 received=1 min_us= median_us= max_us=', answer.last);
}

/** Undefined: nobody told the suite whom the server takes a certificate for. */
function identityOf({ bench }: DrivenSession): string | undefined {
  const { login } = bench.target;
  if (login.method === 'password') return login.identity;
  return login.method === 'local' ? 'local' : bench.target.identity;
}

const fits = (seen: string, identity: string | undefined): boolean =>
  identity === undefined ? isName(seen) : seen === identity;

async function reported(drive: DrivenSession, what: string, state: State): Promise<void> {
  const answer = await next(drive, `the answer to ${what}`);
  drive.bench.good(answer, `OK to ${what}`);
  const word = DATA_WORDS[what];
  const data = answer.data.map((line) => parseAnswerLine(line));
  const stray = data.find((line) => line.kind !== 'data' || (line.word !== word && what !== 'HELP?'));
  demand(stray === undefined, `data lines that begin ${word}`, answerText(answer));
  if (what === 'HELP?') return helpFits(answer, state);
  const count = answer.parsed.kind === 'ok' ? answer.parsed.fields.count : undefined;
  demand(count === String(data.length), `OK count=${data.length}`, answer.last);
}

/** HELP? names exactly the commands that are good in this state. */
function helpFits(answer: WholeAnswer, state: State): void {
  const seen = answer.data.map((line) => line.split(/\s+/)[1] ?? '').sort();
  const wanted = VERBS.filter((verb) => COMMANDS[verb].states.includes(state)).sort();
  const same = seen.length === wanted.length && seen.every((verb, index) => verb === wanted[index]);
  demand(same, `HELP lines of state ${state}: ${wanted.join(' ')}`, seen.join(' ') || 'none');
}

/** CLOSE is under way: the other end is told, and the answer waits for it. */
async function closing({ standing }: DrivenSession): Promise<void> {
  const record = await standing!.wire.next('BYE closed');
  const seen = `type ${record.type} ${record.payload.toString('utf8')}`;
  demand(record.type === 4 && record.payload.toString('utf8') === 'closed', 'BYE closed', seen);
}

async function eventSeen({ talk }: DrivenSession): Promise<void> {
  const line = await talk.line('an EVENT line');
  demand(isTold(line), 'an EVENT line', line);
}

async function over({ talk, watched }: DrivenSession): Promise<void> {
  while (watched && talk.ended === 'open') {
    await talk.anything('the end of the connection');
    if (talk.held === 0) break;
    const line = await talk.line('an EVENT line');
    demand(isTold(line), 'the end of the connection', line);
  }
  await talk.over();
}

/** A line of WATCH or CAPTURE. */
const isTold = (line: string): boolean => /^(EVENT|CAPTURED) /.test(line);

/** Looks from outside where the session stands now. */
export async function probe(drive: DrivenSession): Promise<void> {
  const { view, talk } = drive;
  const { value, context } = view;
  if (value === 'unauthenticated' || value === 'authenticated') {
    if (context.pending !== null || talk.ended !== 'open') return;
    talk.say('HELP?');
    const answer = await next(drive, 'the answer to HELP?');
    drive.bench.good(answer, 'OK to HELP?');
    return helpFits(answer, value);
  }
  if (value === 'handling') {
    while (drive.watched && talk.held > 0) await eventSeen(drive);
    demand(talk.held === 0, 'no answer while a request is under way', `${talk.held} bytes`);
  }
  if (value === 'closed') {
    await drive.bench.until('the connection to be closed', async () => talk.ended !== 'open');
  }
}
