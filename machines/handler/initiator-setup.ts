/** What the initiator's machine is made of: its guards, the names of its effects, and the actions that several transitions share. */
import { setup } from 'xstate';
import type { HandlerEffects, InitiatorEvent, InitiatorInput } from './events.ts';
import { type InitiatorContext, isTrying, redialDelay } from './initiator-context.ts';
import { missingWires, othersStand, type WiresContext } from './wires.ts';

export type Of<T extends InitiatorEvent['type']> = Extract<InitiatorEvent, { readonly type: T }>;
export type Scope = { readonly context: InitiatorContext; readonly event: InitiatorEvent };
type OwnEffect = Exclude<keyof HandlerEffects, 'remember' | 'replaceWire'>;
const effect = <T extends OwnEffect>(_type: T) =>
  (() => undefined) as (_: unknown, params: HandlerEffects[T]) => void;

export const initiatorSetup = setup({
  types: {
    context: {} as InitiatorContext,
    events: {} as InitiatorEvent,
    input: {} as InitiatorInput,
  },
  actions: {
    openDevice: effect('openDevice'),
    leaveDevice: effect('leaveDevice'),
    awaitDevice: effect('awaitDevice'),
    tellMtu: effect('tellMtu'),
    followFarMtu: effect('followFarMtu'),
    dial: effect('dial'),
    sayHello: effect('sayHello'),
    sayBegin: effect('sayBegin'),
    connect: effect('connect'),
    adoptMtu: effect('adoptMtu'),
    farewell: effect('farewell'),
    dialWires: effect('dialWires'),
    connectWire: effect('connectWire'),
    dropWire: effect('dropWire'),
    news: effect('news'),
    tellClosed: effect('tellClosed'),
    arm: effect('arm'),
    cancel: effect('cancel'),
  },
  guards: {
    final: ({ context, event }) => context.phase === 'dialling' && (event as Of<'dial-failed'>).final,
    awaitsDevice: ({ context }) => context.phase === 'device',
    awaitsDeviceAgain: ({ context }) => context.phase === 'device' && context.everBinary,
    /** It was there, and is gone once more. */
    awaitsDeviceInVain: ({ context, event }) =>
      context.phase === 'device' &&
      context.away === true &&
      (event as Of<'device-failed'>).reason === 'no-such-device',
    otherMtu,
    /** The other end holds frames against the MTU that BEGIN told it, and would not hear of this one. */
    otherMtuUntold: (scope) => otherMtu(scope) && !(scope.event as Of<'device-mtu'>).told,
    otherFarMtu: ({ context, event }) => context.farMtu !== (event as Of<'far-mtu'>).mtu,
    awaitsReturn: ({ context }) => context.phase === 'away',
    awayTimer: ({ context, event }) => (event as Of<'timer'>).timer === 'away' && context.away === true,
    /** It has carried, and is to go on. */
    hasStood: ({ context }) => context.everBinary && context.phase !== 'idle',
    hasStoodAndLies: ({ context }) => context.everBinary && context.phase === 'idle',
    dialling: ({ context }) => context.phase === 'dialling',
    diallingAgain: ({ context }) => context.phase === 'dialling' && context.everBinary,
    redialWithDevice: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'redial' && context.phase === 'waiting' && context.deviceOpen,
    redialWithoutDevice: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'redial' && context.phase === 'waiting' && !context.deviceOpen,
    /** HANDLE took too long: only before it ever stood. */
    handleTimer: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'handle' && !context.everBinary && isTrying(context),
    dialTimer: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'dial' && context.everBinary && isTrying(context),
    stableTimer: ({ event }) => (event as Of<'timer'>).timer === 'stable',
    endsHandler: ({ event }) =>
      ['closed', 'device-gone', 'protocol-error'].includes((event as Of<'bye'>).reason),
    resumes: ({ event }) => (event as Of<'restart'>).resume,
    deaf: ({ context }) => !context.heard,
    /** It was one of several, and not the last: the Handler goes on. */
    othersStand: ({ context, event }) => othersStand(context.wires, (event as Of<'wire-lost'>).wire),
    replacedOneOfSeveral: ({ context, event }) =>
      (event as Of<'bye'>).reason === 'replaced' && othersStand(context.wires, (event as Of<'bye'>).wire),
    maySpread: ({ context }) => context.wires !== undefined && context.wires.most > 1 && !context.wires.far,
    /** It is one of ours and does not stand: it was dialled for. */
    awaitsWire: ({ context, event }) => awaits(context.wires, (event as Of<'wire-up'>).wire),
    awaitsWireAndFinal: ({ context, event }) =>
      (event as Of<'wire-failed'>).final && awaits(context.wires, (event as Of<'wire-failed'>).wire),
    wireTimer: ({ context, event }) => awaits(context.wires, wireOfTimer((event as Of<'timer'>).timer)),
    /** The far MTU is larger than what BEGIN said, and our device will follow it. */
    widens: ({ context, event }) => context.elastic && (event as Of<'begin-taken'>).mtu > (context.mtu ?? 0),
  },
});

function otherMtu({ context, event }: Scope): boolean {
  const { mtu, elastic } = event as Of<'device-mtu'>;
  return context.deviceOpen && (context.mtu !== mtu || context.elastic !== elastic);
}

/** Whether this number may be dialled: granted, and without a wire. */
function awaits(wires: WiresContext | undefined, wire: number | undefined): boolean {
  return wires !== undefined && wire !== undefined && missingWires(wires).includes(wire);
}

export function wireOfTimer(timer: string): number | undefined {
  return timer.startsWith('wire-') ? Number(timer.slice('wire-'.length)) : undefined;
}

export const empty = <T extends OwnEffect>(type: T) => ({ type, params: {} }) as const;
export const jitterOf = ({ event }: Scope): number => ('jitter' in event ? event.jitter : 0);

/** Why it closed or fell back, for HANDLERS? and the log. */
export const because = (why: (event: InitiatorEvent) => string) =>
  initiatorSetup.assign({ why: ({ event }) => why(event) });
export const cancel = (timer: HandlerEffects['cancel']['timer']) =>
  ({ type: 'cancel', params: { timer } }) as const;
export const cancelAll = [cancel('handle'), cancel('dial'), cancel('redial'), cancel('stable')] as const;
export const armTry = {
  type: 'arm',
  params: ({ context }: Scope) =>
    context.everBinary
      ? { timer: 'dial' as const, ms: context.limits.dial }
      : { timer: 'handle' as const, ms: context.limits.handle },
} as const;
export const armRedial = {
  type: 'arm',
  params: (scope: Scope) => ({
    timer: 'redial' as const,
    ms: redialDelay(scope.context.limits, scope.context.attempt, jitterOf(scope)),
  }),
} as const;
export const release = [empty('dropWire'), empty('leaveDevice'), ...cancelAll] as const;
