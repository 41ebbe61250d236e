/** What passed between client, server and peer at a step: the arrows of a sequence diagram. */
import type { EffectView } from '../../../machines/log/registry.ts';
import { describeFields } from './describe.ts';
import type { MergedStep } from './merged-steps.ts';
import { effectsOf } from './text.ts';

export type Party = 'client' | 'server' | 'peer';

/** An arrow, or a note over the server. */
export interface Arrow {
  readonly from: Party;
  readonly to: Party;
  readonly text: string;
  /** An answer, drawn dashed. */
  readonly answer?: boolean;
}

const VERB = /^[A-Z]+\??$/;

/**
 * @param ofPeer whether a session is that of another server
 * @param received whether what came from the peer is wanted; not where the peer's own log tells that it sent it
 */
export function arrowsOf(
  step: MergedStep,
  ofPeer: (actor: string) => boolean,
  received: boolean,
): readonly Arrow[] {
  const { actor } = step.record;
  if (actor.startsWith('session:')) {
    const party = ofPeer(actor) ? 'peer' : 'client';
    return sessionArrows(step, party, received || party === 'client');
  }
  if (actor.startsWith('handler:')) return handlerArrows(step, received);
  return noteOf(step, actor);
}

function sessionArrows(step: MergedStep, party: Party, received: boolean): Arrow[] {
  const { event, from, to } = step.record;
  const arrows: Arrow[] = [];
  const input = event.input as { readonly peer?: string } | undefined;
  if (event.type === '@created') {
    if (received) arrows.push({ from: party, to: 'server', text: `connects from ${input?.peer ?? '?'}` });
  } else if (VERB.test(event.type)) {
    if (received) arrows.push({ from: party, to: 'server', text: lineText(event) });
  } else if (['end', 'lost', 'timer', 'evicted', 'early-bytes'].includes(event.type) && from !== to) {
    arrows.push(note(`${party}: ${event.type}`));
  }
  for (const effect of effectsOf(step)) arrows.push(...sessionAnswer(effect, party));
  return arrows;
}

function lineText({ type, args, objection: _, length: __, ...rest }: MergedStep['record']['event']): string {
  const fields = typeof args === 'object' && args !== null ? { ...args } : rest;
  return `${type} ${describeFields(fields as Record<string, unknown>, 70)}`.trimEnd();
}

function sessionAnswer({ type, params }: EffectView, party: Party): Arrow[] {
  const fields = (params ?? {}) as Readonly<Record<string, string>>;
  const say = (text: string): Arrow[] => [{ from: 'server', to: party, text, answer: true }];
  if (type === 'greet') return say('OK VNET/1 …');
  if (type === 'answer' || type === 'becomeWire') return say(fields.line ?? 'OK');
  if (type === 'refuse') return say(`ERR ${fields.reason}`);
  return type === 'report' ? say(`answer to ${fields.what}`) : [];
}

const HEARD: Readonly<Record<string, string>> = {
  dialled: 'greeting',
  'hello-taken': 'OK session=…',
  'begin-taken': 'OK handler=…',
};
const SAID: Readonly<Record<string, string>> = { dial: 'connects', sayHello: 'HELLO', sayBegin: 'BEGIN' };
const NOTED = new Set([
  'wire-lost',
  'device-gone',
  'device-away',
  'device-back',
  'protocol-error',
  'device-failed',
  'first-record',
  'restart',
]);

function handlerArrows(step: MergedStep, received: boolean): Arrow[] {
  const { actor, event, from, to } = step.record;
  const arrows: Arrow[] = [];
  const heard = HEARD[event.type];
  if (heard !== undefined && received) arrows.push({ from: 'peer', to: 'server', text: heard, answer: true });
  if (event.type === 'dial-failed') {
    if (event.remote === undefined) arrows.push(note(`dial failed: ${String(event.reason)}`));
    else if (received)
      arrows.push({ from: 'peer', to: 'server', text: `ERR ${String(event.remote)}`, answer: true });
  }
  if (event.type === 'bye' && received)
    arrows.push({ from: 'peer', to: 'server', text: `BYE ${String(event.reason)}` });
  if (NOTED.has(event.type)) arrows.push(note(`${event.type} ${describeFields(event, 50)}`.trimEnd()));
  for (const { type, params } of effectsOf(step)) {
    const said = type === 'farewell' ? `BYE ${(params as { reason?: string }).reason ?? ''}` : SAID[type];
    // The farewell of a Handler that has no wire is said to nobody.
    if (said !== undefined && (type !== 'farewell' || from === 'binary')) {
      arrows.push({ from: 'server', to: 'peer', text: said });
    }
  }
  if (from !== to) arrows.push(note(`${shortName(actor)} ${to}`));
  return arrows;
}

function noteOf({ record: { event, from, to } }: MergedStep, actor: string): Arrow[] {
  if (from === to && !['gap', 'restored', 'counted'].includes(event.type)) return [];
  return [note(`${shortName(actor)} ${to}${event.type === '@created' ? '' : ` (${event.type})`}`)];
}

function note(text: string): Arrow {
  return { from: 'server', to: 'server', text };
}

/** `handler 3f2a91bc` */
export function shortName(actor: string): string {
  const [kind = '', id = ''] = actor.split(/:(.*)/s);
  return id === '' ? kind : `${kind} ${/^[0-9a-f]{9,}/.test(id) ? id.slice(0, 8) : id}`;
}
