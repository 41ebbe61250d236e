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
  const answerers = await vmsBehind(far);
  for (const { next: device, handler = '' } of lastDevices(there.arrived)) {
    const way = await oneWay(far, near, quote(device), answerTo(frame, answerers.get(handler)));
    answered ||= way.arrived.length > 0;
    back.push(...way.steps);
  }
  const titled = back.map((step, i) => (i === 0 ? { ...step, title: 'and back\n' } : step));
  return { steps: [...steps, ...titled], arrives: there.arrived.length > 0 && answered };
}

/** Each device that it comes to, once. */
function lastDevices(arrived: readonly Step[]): readonly Step[] {
  return [...new Map(arrived.map((step) => [step.next, step])).values()];
}

/** The first VM of each Handler whose VMs are on that server's side. */
async function vmsBehind(server: Conversation): Promise<ReadonlyMap<string, string>> {
  const { data } = await server.ask('HANDLERS?', ANSWER_TIME);
  return new Map(
    data
      .filter(({ fields }) => fields.local_config === 'HOST')
      .map(({ words: [id = ''], fields: { macs = '' } }) => [id, macs.split(',')[0] ?? '']),
  );
}

/**
 * The same frame the other way round. A question to a group is answered by the VM there, or by a machine of that LAN,
 * for which a locally administered address stands.
 */
function answerTo(frame: Buffer, vm = '02:fe:ed:fe:ed:01'): Buffer {
  const answer = Buffer.from(frame);
  frame.copy(answer, 0, 6, 12);
  frame.copy(answer, 6, 0, 6);
  if ((answer[6]! & 1) === 1) Buffer.from(vm.replaceAll(':', ''), 'hex').copy(answer, 6);
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
