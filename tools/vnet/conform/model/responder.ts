/** The responder's machine as a model: what the initiator, the client and the world can do to it, and when. */
import type { ResponderEvent, ResponderInput } from '../../../../machines/handler/events.ts';
import { type ResponderContext, responderMachine } from '../../../../machines/handler/responder.ts';
import type { Target } from '../target.ts';
import { GRACE } from '../times.ts';
import { COMMON_STEPS, MODEL_ENDS, MODEL_MTU, MODEL_OPTIONS } from './ends.ts';
import type { Model, View } from './graph.ts';

export type ResponderStep = ResponderEvent & { readonly label: string };
export type ResponderView = View<ResponderContext>;

/** Sessions that bring BEGIN: the first, and whichever comes after. */
export const FIRST = 'first';
export const NEXT = 'next';

const INPUT: ResponderInput = {
  ...MODEL_ENDS,
  id: 'HANDLER-ID',
  identity: 'default',
  session: FIRST,
  options: MODEL_OPTIONS,
  since: '',
  peer: 'suite',
  farMtu: MODEL_MTU,
  limits: { grace: GRACE },
};

const EVENTS: readonly ResponderStep[] = [
  ...(COMMON_STEPS as unknown as readonly ResponderStep[]),
  {
    type: 'begin',
    label: 'BEGIN again',
    session: NEXT,
    peer: 'suite',
    farMtu: MODEL_MTU,
    options: MODEL_OPTIONS,
  },
  { type: 'abandoned', label: 'first session lost', session: FIRST },
  { type: 'yield', label: 'BEGIN of another Handler', to: 'OTHER-ID' },
  { type: 'timer', label: 'timer grace', timer: 'grace' },
  { type: 'restart', label: 'restart', resume: false, jitter: 0 },
];

export function responderModel(target: Target): Model<ResponderContext, ResponderStep> {
  return {
    machine: responderMachine,
    input: INPUT,
    events: EVENTS,
    serialize,
    feasible: (view, event) => feasible(view, event, target),
  };
}

function serialize({ value, context }: ResponderView): string {
  const { deviceOpen, heard, waiting, session, away } = context;
  return [
    value,
    value === 'handling' && away ? 'device away' : '',
    value === 'handling' ? (waiting ? 'waiting' : deviceOpen ? '' : 'opening') : '',
    value === 'handling' && !waiting && session === NEXT ? 'for the next' : '',
    value === 'binary' && heard ? 'heard' : '',
    stopped({ context }) ? 'stopped' : '',
  ]
    .filter(Boolean)
    .join(' ');
}

const stopped = ({ context }: Pick<ResponderView, 'context'>): boolean => context.why === 'shutdown';

function feasible(view: ResponderView, event: ResponderStep, target: Target): boolean {
  const { value, context } = view;
  const owned = target.control !== undefined;
  if (event.type === 'restart') return owned;
  if (stopped(view)) return false;
  if (event.type === 'shutdown') return owned;
  if (value === 'handling' && !context.waiting) return whileOpening(view, event, target);
  if (event.type === 'device-gone' || event.type === 'device-away') {
    const waits = context.heard || context.waiting;
    return owned && context.deviceOpen && waits === (event.type === 'device-away');
  }
  if (context.away) return whileAway(event, owned);
  if (value === 'handling') {
    return ['begin', 'yield', 'close'].includes(event.type) || (owned && event.type === 'timer');
  }
  return value === 'binary' && whileBinary(view, event, target);
}

function whileAway(event: ResponderStep, owned: boolean): boolean {
  if (event.type === 'device-back') return owned;
  return event.type === 'close';
}

function whileOpening({ context }: ResponderView, event: ResponderStep, target: Target): boolean {
  if (event.type === 'device-open') return true;
  if (target.control === undefined) return false;
  // A connection that is lost is noticed before the answer only where it can be reset.
  if (event.type === 'abandoned') return context.session === FIRST && target.scheme === 'tcp';
  if (event.type === 'begin') return context.session === FIRST;
  return event.type === 'device-failed' || event.type === 'close';
}

function whileBinary({ context }: ResponderView, event: ResponderStep, target: Target): boolean {
  const owned = target.control !== undefined;
  const abandonable = owned && target.scheme === 'tcp' && !context.heard && context.session === FIRST;
  if (event.type === 'first-record') return !context.heard;
  if (event.type === 'wire-lost') return event.why === 'cut' || owned;
  if (event.type === 'bye') return context.heard;
  if (event.type === 'abandoned') return abandonable;
  return event.type === 'protocol-error' || event.type === 'begin' || event.type === 'close';
}
