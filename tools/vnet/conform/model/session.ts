/** The Session machine as a model: what can happen to it, and in which state. */
import type { Reason } from '../../../../machines/protocol/errors.ts';
import type { AuthMethod, SessionEvent, SessionInput } from '../../../../machines/session/events.ts';
import { type SessionContext, sessionMachine } from '../../../../machines/session/machine.ts';
import type { Target } from '../target.ts';
import type { Model, View } from './graph.ts';
import { LINES, type LineStimulus } from './session-lines.ts';

export type SessionStep = SessionEvent & { readonly label: string };
export type SessionView = View<SessionContext>;

/** Stand in the model for what only the server knows; the driver puts the real ones in their place. */
export const MODEL_SESSION = 'SESSION-ID';
export const MODEL_HANDLER = 'HANDLER-ID';
export const MODEL_IDENTITY = 'IDENTITY';

const METHODS: readonly AuthMethod[] = ['local', 'cert', 'password'];
const HELLO_ARGS = {
  password: { method: 'password', identity: 'default', secret: 'secret:x' },
  cert: { method: 'cert' },
  local: { method: 'local' },
} as const;

/** HANDLE's ways to fail once it is under way, as the stand-in or the onlooker bring them about. */
export const FAILURES: readonly (readonly [string, Reason])[] = [
  ['refused', 'remote-refused'],
  ['garbage', 'remote-protocol'],
  ['cut', 'remote-unreachable'],
  ['closed', 'handler-closed'],
  ['late', 'remote-timeout'],
];
/** BEGIN's. */
export const BEGIN_FAILURES: readonly (readonly [string, Reason])[] = [
  ['device', 'internal'],
  ['closed', 'handler-closed'],
  ['overtaken', 'handler-exists'],
];

const ABOUT_HANDLER: ReadonlySet<string> = new Set(['BEGIN', 'CLOSE', 'STATS?', 'PING?']);

function lineEvent({ label, verb, reason }: LineStimulus): SessionStep {
  if (verb === undefined) {
    return { type: 'bad-line', label, reason: reason ?? 'internal', length: 1 };
  }
  const args = ABOUT_HANDLER.has(verb) ? { handler: MODEL_HANDLER } : {};
  return {
    type: verb,
    label,
    args,
    ...(verb === 'HANDLE' ? { handler: MODEL_HANDLER } : {}),
    ...(reason === undefined ? {} : { objection: { reason } }),
  } as unknown as SessionStep;
}

const hello = (method: AuthMethod): SessionStep =>
  ({ type: 'HELLO', label: `HELLO ${method}`, args: HELLO_ARGS[method] }) as unknown as SessionStep;

const about = { handler: MODEL_HANDLER } as const;

function happenings(): readonly SessionStep[] {
  const failed = (list: typeof FAILURES, request: string) =>
    list.map(
      ([how, reason]) =>
        ({ type: 'handler-failed', label: `${request} fails: ${how}`, ...about, reason }) as const,
    );
  return [
    { type: 'verified', label: 'verified', identity: MODEL_IDENTITY },
    { type: 'rejected', label: 'rejected', reason: 'authentication-failed' },
    { type: 'rejected', label: 'rejected: overload', reason: 'too-many-attempts' },
    { type: 'handler-up', label: 'handler-up', ...about, offload: false, mtu: 1500 },
    ...failed(FAILURES, 'HANDLE'),
    ...failed(BEGIN_FAILURES, 'BEGIN'),
    { type: 'handler-closed', label: 'handler-closed', ...about },
    { type: 'pinged', label: 'pinged', sent: 1, received: 1, min: 1, median: 1, max: 1 },
    { type: 'empty-line', label: 'empty line' },
    { type: 'early-bytes', label: 'early bytes' },
    { type: 'timer', label: 'timer hello', timer: 'hello' },
    { type: 'timer', label: 'timer idle', timer: 'idle' },
    { type: 'end', label: 'end of stream' },
    { type: 'lost', label: 'connection lost', why: 'cut' },
    { type: 'evicted', label: 'evicted' },
    { type: 'wire-ended', label: 'wire ended' },
    { type: 'shutdown', label: 'shutdown' },
    { type: 'restart', label: 'restart' },
  ];
}

/** @param methods of HELLO that the greeting offers */
export function sessionModel(
  target: Target,
  methods: readonly string[],
): Model<SessionContext, SessionStep> & { readonly input: SessionInput } {
  const offered = METHODS.filter((method) => methods.includes(method));
  // The ones that are not offered first: a refusal that costs no secret costs no delay.
  const hellos = [...METHODS.filter((method) => !offered.includes(method)), target.login.method];
  return {
    machine: sessionMachine,
    input: {
      id: MODEL_SESSION,
      scheme: target.scheme,
      peer: 'suite',
      address: 'suite',
      methods: offered,
      limits: { hello: 10_000, idle: 600_000, failedHellos: 3 },
    },
    events: [...hellos.map(hello), ...LINES.map(lineEvent), ...happenings()],
    serialize,
    feasible: (view, event) => feasible(view, event, target),
  };
}

const PENDING = { verify: 'checking', close: 'closing', ping: 'pinging' } as const;

function serialize({ value, context }: SessionView): string {
  const { pending, overdue, watching, failedHellos, request } = context;
  return [
    value,
    value === 'unauthenticated' && failedHellos > 0 ? `after ${failedHellos} failed` : '',
    pending === null ? '' : PENDING[pending],
    overdue && value === 'unauthenticated' ? 'overdue' : '',
    watching ? 'watching' : '',
    value === 'handling' ? `(${request})` : '',
  ]
    .filter(Boolean)
    .join(' ');
}

const LINE_LABELS: ReadonlySet<string> = new Set(LINES.map(({ label }) => label));
/** Lines with wrong arguments: tried in one state of a kind only, where they get no further than in the others. */
const WRONG_ARGUMENTS: ReadonlySet<string> = new Set(
  LINES.filter(({ verb, reason }) => reason !== undefined && verb !== undefined && verb !== 'HELLO').map(
    ({ label }) => label,
  ),
);
const isLine = ({ label, type }: SessionStep): boolean =>
  LINE_LABELS.has(label) || type === 'HELLO' || type === 'empty-line';

function feasible({ value, context }: SessionView, event: SessionStep, target: Target): boolean {
  const { pending, request, watching, failedHellos } = context;
  const first = value === 'unauthenticated' ? failedHellos === 0 : !watching;
  if (!first && WRONG_ARGUMENTS.has(event.label)) return false;
  const owned = target.control !== undefined;
  if (event.type === 'restart' || event.type === 'shutdown') {
    // Only the check of a password takes long enough for something to happen meanwhile.
    const checking = value === 'unauthenticated' && pending === 'verify';
    if (checking && target.login.method !== 'password') return false;
    return owned && !(value === 'binary' && event.type === 'shutdown');
  }
  switch (value) {
    case 'unauthenticated':
      return pending === null ? whileAsked(event, owned, 'hello') : whileChecked(event, target, context);
    case 'authenticated':
      if (pending === 'close') return event.type === 'handler-closed';
      if (pending === 'ping') return event.type === 'pinged';
      return whileAsked(event, owned && !watching, 'idle');
    case 'handling':
      return request === 'HANDLE' ? whileHandle(event, owned) : whileBegin(event, target);
    case 'binary':
      return event.type === 'wire-ended';
    default:
      return false;
  }
}

function whileAsked(event: SessionStep, clock: boolean, timer: 'hello' | 'idle'): boolean {
  if (event.type === 'timer') return clock && event.timer === timer;
  if (event.type === 'evicted') return clock && timer === 'hello';
  return isLine(event) || event.type === 'end' || event.type === 'lost';
}

function whileChecked(event: SessionStep, target: Target, context: SessionContext): boolean {
  const owned = target.control !== undefined;
  if (event.type === 'verified') return true;
  if (event.type === 'rejected') {
    return target.login.method === 'password' && (event.reason === 'authentication-failed' || owned);
  }
  if (!owned || target.login.method !== 'password') return false;
  if (event.type === 'timer') return event.timer === 'hello' && !context.overdue;
  return event.type === 'lost' || event.type === 'evicted';
}

function whileHandle(event: SessionStep, owned: boolean): boolean {
  if (event.type === 'handler-failed') {
    if (!event.label.startsWith('HANDLE')) return false;
    return event.reason !== 'remote-timeout' || owned;
  }
  return event.type === 'handler-up';
}

function whileBegin(event: SessionStep, target: Target): boolean {
  const owned = target.control !== undefined;
  if (event.type === 'handler-up' || event.type === 'early-bytes') return true;
  if (event.type === 'handler-failed') return owned && event.label.startsWith('BEGIN');
  // Only a reset is noticed before the answer; an end of stream waits for it, as with every other line.
  return owned && target.scheme === 'tcp' && event.type === 'lost';
}
