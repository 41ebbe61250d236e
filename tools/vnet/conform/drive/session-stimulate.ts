/** Brings about what happens to a session besides lines: verdicts, ends, time-outs, what becomes of its Handler. */
import { formatHello } from '../../../../machines/protocol/format.ts';
import type { Visit } from '../fake-peer.ts';
import type { SessionStep } from '../model/session.ts';
import { beginLine } from '../names.ts';
import { NotApplicable } from '../nonconformity.ts';
import type { DrivenSession } from './driven-session.ts';

/** Milliseconds past a time-out that are enough for it. */
const BEYOND = 50;

/** @param rest what the case is going to do then */
export async function stimulate(
  drive: DrivenSession,
  event: SessionStep,
  rest: readonly SessionStep[],
): Promise<void> {
  const { talk, bench } = drive;
  switch (event.type) {
    case 'HELLO':
      return hello(drive, event, rest);
    case 'verified':
    case 'rejected':
      if (drive.verdictHeld) bench.control.releaseVerdict();
      return;
    case 'empty-line':
      return talk.raw('\n', '(empty line)');
    case 'end':
      return talk.end();
    case 'lost':
      talk.reset();
      return gone(drive);
    case 'handler-up':
      if (drive.view.context.request === 'HANDLE') {
        drive.visit!.takeBegin({ handler: drive.handler, options: OPTIONS, mtu: 1500 });
      } else if (drive.devicesHeld) bench.control.openDevice();
      return;
    case 'handler-failed':
      return drive.view.context.request === 'HANDLE' ? failHandle(drive, event) : failBegin(drive, event);
    case 'pinged': {
      // Its PING comes over the wire that the suite holds.
      const { wire } = drive.standing!;
      return bench.until('the answer to PING?', async () => {
        await wire.ping();
        return talk.held > 0;
      });
    }
    case 'handler-closed':
      return drive.standing!.wire.talk.end();
    case 'early-bytes':
      return; // They went out together with BEGIN.
    case 'timer':
      return bench.control.advance((event.timer === 'hello' ? 10_000 : 600_000) + BEYOND);
    case 'evicted':
      return evict(drive);
    case 'wire-ended':
      return talk.end();
    case 'shutdown':
      drive.down = true;
      return void bench.control.stop();
    case 'restart':
      await bench.restart(true);
      return gone(drive);
    default:
      throw new NotApplicable(`nothing brings about ${event.label}`);
  }
}

const OPTIONS = { offload: false, announce: true, l2cp: false } as const;

function hello(drive: DrivenSession, event: SessionStep, rest: readonly SessionStep[]): void {
  const { talk, bench, view } = drive;
  const { login } = bench.target;
  const { method } = (event as unknown as { args: { method: 'password' | 'cert' | 'local' } }).args;
  if (view.value === 'unauthenticated' && method === login.method) hold(drive, rest);
  if (method !== 'password') return talk.say(`HELLO ${method}`);
  if (login.method !== 'password') return talk.say('HELLO password conformance', 'HELLO password (any)');
  const wrong = verdictIn(rest)?.label === 'rejected';
  const secret = wrong ? `${login.secret}-not` : login.secret;
  talk.say(formatHello({ ...login, secret }), `HELLO password (the ${wrong ? 'wrong' : 'right'} secret)`);
}

const isVerdict = ({ type }: SessionStep): boolean => type === 'verified' || type === 'rejected';
const verdictIn = (rest: readonly SessionStep[]): SessionStep | undefined => rest.find(isVerdict);

function hold(drive: DrivenSession, rest: readonly SessionStep[]): void {
  const { bench } = drive;
  const [next] = rest;
  if (verdictIn(rest)?.label === 'rejected: overload') bench.control.overload(true);
  if (next === undefined || isVerdict(next)) return;
  bench.control.holdVerdict();
  drive.verdictHeld = true;
}

/** The connection is gone: so is the session, as far as can be seen. */
async function gone(drive: DrivenSession): Promise<void> {
  const { bench, session } = drive;
  const { control } = bench.target;
  if (control === undefined || session === undefined) return;
  await bench.until(
    'the session to be closed',
    async () => control.stateOf(`session:${session}`) === undefined,
  );
}

async function failHandle(drive: DrivenSession, { label }: SessionStep): Promise<void> {
  const { bench, handler } = drive;
  const visit = drive.visit as Visit;
  if (label.endsWith('refused')) visit.talk.say('ERR 403 forbidden the stand-in says no');
  else if (label.endsWith('garbage')) visit.talk.say('220 mail.example ESMTP');
  else if (label.endsWith('cut')) visit.talk.end();
  else if (label.endsWith('late')) await bench.control.advance(15_000 + BEYOND);
  else bench.good(await bench.ask(`CLOSE ${handler}`), 'OK to CLOSE');
}

async function failBegin(drive: DrivenSession, { label }: SessionStep): Promise<void> {
  const { bench, handler } = drive;
  const { control } = bench;
  await control.deviceWanted();
  if (label.endsWith('device')) control.failDevice('internal');
  else if (label.endsWith('overtaken')) {
    const other = await bench.login('initiator that takes over');
    other.say(beginLine(drive.names));
  } else bench.good(await bench.ask(`CLOSE ${handler}`), 'OK to CLOSE');
}

/** Strangers come until the oldest has to go: one whose secret is being checked, where that holds for all of them. */
async function evict(drive: DrivenSession): Promise<void> {
  const { bench } = drive;
  bench.control.limit({ unauthenticated: MOST_STRANGERS });
  for (let count = 0; count < MOST_STRANGERS; count++) {
    const stranger = await bench.greeted(`stranger ${count + 1}`);
    if (drive.verdictHeld) stranger.say(bench.helloLine(), 'HELLO (credentials)');
  }
}

/** A bound for sessions that are not authenticated which eight connections of one address can reach. */
const MOST_STRANGERS = 4;
