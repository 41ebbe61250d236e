/** Follows a frame from a device or a wire to the last device, by what servers answer to TRACE?. */
import { formatFrame } from '../../../machines/protocol/questions.ts';
import { quote } from '../../../machines/protocol/tokens.ts';
import { ANSWER_TIME } from '../client/connect.ts';
import type { Conversation } from '../client/conversation.ts';

/** What one Handler at one server does with the frame; without a Handler: nobody there wants it. */
export interface Step {
  readonly server: string;
  /** The device or the Handler that was asked about. */
  readonly place: string;
  readonly handler?: string;
  readonly direction: string;
  readonly verdict: string;
  readonly counter: string;
  readonly check: string;
  readonly next: string;
  /** Stands above the first step of a way. */
  readonly title?: string;
}

export interface Route {
  readonly steps: readonly Step[];
  /** Whether it comes to its last device at least one way; with both ways asked for: and the answer too. */
  readonly arrives: boolean;
}

/** @param place a device or a Handler of `near`, as it stands in a line @throws Refused, Failure */
export async function followFrame(
  near: Conversation,
  far: Conversation | undefined,
  place: string,
  frame: Buffer,
  both: boolean,
): Promise<Route> {
  const there = await oneWay(near, far, place, frame);
  if (!both || far === undefined) return { steps: there.steps, arrives: there.arrived.length > 0 };
  const steps = there.steps.map((step, i) => (i === 0 ? { ...step, title: 'there\n' } : step));
  const back: Step[] = [];
  let answered = false;
  for (const { place: device } of lastDevices(there.arrived)) {
    const way = await oneWay(far, near, quote(device), answerTo(frame));
    answered ||= way.arrived.length > 0;
    back.push(...way.steps);
  }
  const titled = back.map((step, i) => (i === 0 ? { ...step, title: 'and back\n' } : step));
  return { steps: [...steps, ...titled], arrives: there.arrived.length > 0 && answered };
}

/** Each device that it comes to, once. */
function lastDevices(arrived: readonly Step[]): readonly { readonly place: string }[] {
  return [...new Set(arrived.map(({ next }) => next))].map((place) => ({ place }));
}

/** The same frame the other way round. To a group the answer goes to the one who asked, from an address of its own kind. */
function answerTo(frame: Buffer): Buffer {
  const answer = Buffer.from(frame);
  frame.copy(answer, 0, 6, 12);
  frame.copy(answer, 6, 0, 6);
  // A group address is nobody's source: some machine on that LAN answers (a locally administered address stands for it).
  if ((answer[6]! & 1) === 1) Buffer.from('02feedfeed01', 'hex').copy(answer, 6);
  return answer;
}

async function oneWay(
  from: Conversation,
  to: Conversation | undefined,
  place: string,
  frame: Buffer,
): Promise<{ readonly steps: readonly Step[]; readonly arrived: readonly Step[] }> {
  const first = await ask(from, place, frame);
  const steps: Step[] = [];
  const arrived: Step[] = [];
  for (const step of first) {
    steps.push(step);
    if (step.verdict !== 'carried') continue;
    if (step.direction === 'rx' || to === undefined || step.handler === undefined) {
      arrived.push(step);
      continue;
    }
    const last = await ask(to, step.handler, frame);
    steps.push(...last);
    arrived.push(...last.filter(({ verdict }) => verdict === 'carried'));
  }
  return { steps, arrived };
}

async function ask(server: Conversation, place: string, frame: Buffer): Promise<Step[]> {
  const { data } = await server.ask(`TRACE? ${place} ${formatFrame(frame)}`, ANSWER_TIME);
  const name = server.server;
  if (data.length === 0) {
    const none = { direction: 'tx', verdict: 'unselected', counter: '-', next: '-' };
    return [{ server: name, place, ...none, check: `no Handler is on ${place}` }];
  }
  return data.map(
    ({ fields: { handler = '', direction = '', verdict = '', counter = '', check = '', next = '' } }) => ({
      server: name,
      place,
      handler,
      direction,
      verdict,
      counter,
      check,
      next,
    }),
  );
}
