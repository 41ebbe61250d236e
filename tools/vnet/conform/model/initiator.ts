/** The initiator's machine as a model: what the other server, the client and the world can do to it, and when. */

import type { InitiatorEvent, InitiatorInput } from '../../../../machines/handler/events.ts';
import { type InitiatorContext, initiatorMachine } from '../../../../machines/handler/initiator.ts';
import type { Target } from '../target.ts';
import { DEFAULT_TIMES } from '../times.ts';
import { COMMON_STEPS, MODEL_ENDS, MODEL_MTU, MODEL_OPTIONS, WIDE_MTU } from './ends.ts';
import type { Model, View } from './graph.ts';

export type InitiatorStep = InitiatorEvent & { readonly label: string };
export type InitiatorView = View<InitiatorContext>;

export const ASKER = 'asker';

const INPUT = {
  ...MODEL_ENDS,
  id: 'HANDLER-ID',
  identity: 'default',
  session: ASKER,
  options: MODEL_OPTIONS,
  since: '',
  remote: { kind: 'url', scheme: 'tcp', url: 'tcp://127.0.0.1:9' },
  auth: { kind: 'password', identity: 'default', secret: 'secret:x' },
  limits: DEFAULT_TIMES,
} as unknown as InitiatorInput;

const jitter = 0.5;

const EVENTS: readonly InitiatorStep[] = [
  { type: 'device-open', label: 'device open', mtu: MODEL_MTU, elastic: true },
  { type: 'dialled', label: 'greeted', peer: 'stand-in' },
  { type: 'hello-taken', label: 'HELLO taken' },
  { type: 'begin-sent', label: 'BEGIN sent' },
  { type: 'begin-taken', label: 'BEGIN taken', offload: false, mtu: MODEL_MTU },
  { type: 'begin-taken', label: 'BEGIN taken by a wider device', offload: false, mtu: WIDE_MTU },
  { type: 'dial-failed', label: 'cut', reason: 'remote-unreachable', final: false, jitter },
  { type: 'dial-failed', label: 'garbage', reason: 'remote-protocol', final: false, jitter },
  {
    type: 'dial-failed',
    label: 'ERR 403',
    reason: 'remote-refused',
    remote: '403 forbidden',
    final: false,
    jitter,
  },
  {
    type: 'dial-failed',
    label: 'ERR 410',
    reason: 'remote-refused',
    remote: '410 handler-closed',
    final: true,
    jitter,
  },
  ...(COMMON_STEPS.filter(({ type }) => type !== 'device-open') as readonly InitiatorStep[]),
  { type: 'timer', label: 'timer handle', timer: 'handle', jitter },
  { type: 'timer', label: 'timer dial', timer: 'dial', jitter },
  { type: 'timer', label: 'timer redial', timer: 'redial', jitter },
  { type: 'timer', label: 'timer stable', timer: 'stable', jitter },
  { type: 'restart', label: 'restart', resume: true, jitter },
  { type: 'restart', label: 'restart without resuming', resume: false, jitter },
];

export function initiatorModel(target: Target): Model<InitiatorContext, InitiatorStep> {
  return {
    machine: initiatorMachine,
    input: INPUT,
    events: EVENTS,
    serialize,
    feasible: (view, event) => feasible(view, event, target.control !== undefined),
  };
}

function serialize({ value, context }: InitiatorView): string {
  const { phase, deviceOpen, everBinary, heard, session, away } = context;
  return [
    value,
    value === 'unauthenticated' ? phase : '',
    value === 'unauthenticated' && !deviceOpen && phase !== 'device' ? 'without device' : '',
    value === 'unauthenticated' && away ? 'waited for' : '',
    value !== 'closed' && everBinary ? 'again' : '',
    value !== 'closed' && value !== 'binary' && !everBinary && session === null ? 'resumed' : '',
    wide({ value, context }) ? 'wide' : '',
    value === 'binary' && heard ? 'heard' : '',
    stopped({ context }) ? 'stopped' : '',
  ]
    .filter(Boolean)
    .join(' ');
}

/** The server that has it is at its end. */
const stopped = ({ context }: Pick<InitiatorView, 'context'>): boolean =>
  context.phase === 'idle' && context.why === 'shutdown' && context.deviceOpen;

/** The device has followed the far one, and the Handler is made with its new MTU. */
const wide = ({ value, context }: Pick<InitiatorView, 'value' | 'context'>): boolean =>
  context.mtu === WIDE_MTU && !context.everBinary && value !== 'closed';

/** What leads on from there; that everything else is as before needs no case of its own. */
const ONWARD: ReadonlySet<string> = new Set(['dialled', 'hello-taken', 'begin-sent', 'begin-taken']);

function feasible(view: InitiatorView, event: InitiatorStep, owned: boolean): boolean {
  const { value, context } = view;
  if (wide(view) && !ONWARD.has(event.type)) return false;
  if (event.type === 'begin-taken' && event.mtu === WIDE_MTU) return owned && widens(view);
  if (event.type === 'restart') return owned;
  if (stopped(view)) return false;
  if (event.type === 'shutdown') return owned && context.phase !== 'idle' && !passing(view);
  if (event.type === 'close') return owned ? !passing(view) || value === 'unauthenticated' : !passing(view);
  if (event.type === 'device-gone' || event.type === 'device-away') {
    const waits = context.everBinary && context.phase !== 'idle';
    return owned && context.deviceOpen && !passing(view) && waits === (event.type === 'device-away');
  }
  switch (value) {
    case 'unauthenticated':
      return whileUnauthenticated(view, event, owned);
    case 'authenticated':
      return event.type === 'begin-sent' || tryTimer(view, event, owned);
    case 'handling':
      if (event.type === 'begin-taken' || event.type === 'dial-failed') return true;
      return tryTimer(view, event, owned);
    case 'binary':
      return whileBinary(view, event, owned);
    default:
      return false;
  }
}

/** Only a TAP of the server's own takes another MTU, and it is looked at once. */
const widens = ({ value, context }: InitiatorView): boolean =>
  value === 'handling' && context.mtu !== WIDE_MTU && !context.everBinary && context.session !== null;

/** States that last only as long as the server itself takes. */
function passing({ value, context }: InitiatorView): boolean {
  return value === 'authenticated' || (value === 'unauthenticated' && context.phase === 'device');
}

function tryTimer({ context }: InitiatorView, event: InitiatorStep, owned: boolean): boolean {
  if (event.type !== 'timer' || !owned) return false;
  return event.timer === (context.everBinary ? 'dial' : 'handle');
}

function whileUnauthenticated(view: InitiatorView, event: InitiatorStep, owned: boolean): boolean {
  const { phase } = view.context;
  if (phase === 'device') {
    return (
      event.type === 'device-open' ||
      (event.type === 'device-failed' && owned) ||
      tryTimer(view, event, owned)
    );
  }
  if (phase === 'waiting') return event.type === 'timer' && event.timer === 'redial';
  if (phase === 'away') {
    return owned && event.type === 'device-back';
  }
  if (phase === 'idle') return false;
  // 410 ends a Handler only where it answers BEGIN.
  if (event.type === 'dial-failed') return !event.final;
  return event.type === 'dialled' || event.type === 'hello-taken' || tryTimer(view, event, owned);
}

function whileBinary({ context }: InitiatorView, event: InitiatorStep, owned: boolean): boolean {
  if (event.type === 'first-record') return !context.heard;
  if (event.type === 'wire-lost') return event.why === 'cut' || owned;
  // BYE is a record itself.
  if (event.type === 'bye') return context.heard;
  if (event.type === 'timer') return owned && event.timer === 'stable';
  return event.type === 'protocol-error';
}
