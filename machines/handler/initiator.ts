/**
 * The Handler machine at the server that got HANDLE and dials (PROTOCOL.md section 4).
 *
 *     unauthenticated ──dialled, HELLO──► authenticated ──BEGIN──► handling ──OK──► binary
 *            ▲                                                                        │
 *            └───────────────── the wire broke: wait, dial again ◄────────────────────┘
 *
 * Before it was `binary` once, any failure closes it and fails HANDLE. After that only CLOSE, a 410 to BEGIN and a BYE
 * that ends the Handler do, and a device that is gone and does not come back in ten minutes.
 */
import { setup } from 'xstate';
import type { Reason } from '../protocol/errors.ts';
import type { HandlerEffects, InitiatorEvent, InitiatorInput } from './events.ts';
import {
  AWAY_MS,
  announces,
  type InitiatorContext,
  isTrying,
  notAway,
  redialDelay,
} from './initiator-context.ts';
import {
  missingWires,
  othersStand,
  type WiresContext,
  wiresOf,
  withoutWire,
  withoutWires,
  withWire,
} from './wires.ts';

export type { InitiatorContext } from './initiator-context.ts';

type Of<T extends InitiatorEvent['type']> = Extract<InitiatorEvent, { readonly type: T }>;
type Scope = { readonly context: InitiatorContext; readonly event: InitiatorEvent };
type OwnEffect = Exclude<keyof HandlerEffects, 'remember' | 'replaceWire'>;
const effect = <T extends OwnEffect>(_type: T) =>
  (() => undefined) as (_: unknown, params: HandlerEffects[T]) => void;

const initiatorSetup = setup({
  types: {
    context: {} as InitiatorContext,
    events: {} as InitiatorEvent,
    input: {} as InitiatorInput,
  },
  actions: {
    openDevice: effect('openDevice'),
    leaveDevice: effect('leaveDevice'),
    awaitDevice: effect('awaitDevice'),
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

/** Whether this number may be dialled: granted, and without a wire. */
function awaits(wires: WiresContext | undefined, wire: number | undefined): boolean {
  return wires !== undefined && wire !== undefined && missingWires(wires).includes(wire);
}

function wireOfTimer(timer: string): number | undefined {
  return timer.startsWith('wire-') ? Number(timer.slice('wire-'.length)) : undefined;
}

const empty = <T extends OwnEffect>(type: T) => ({ type, params: {} }) as const;
const jitterOf = ({ event }: Scope): number => ('jitter' in event ? event.jitter : 0);

/** Why it closed or fell back, for HANDLERS? and the log. */
const because = (why: (event: InitiatorEvent) => string) =>
  initiatorSetup.assign({ why: ({ event }) => why(event) });
const cancel = (timer: HandlerEffects['cancel']['timer']) => ({ type: 'cancel', params: { timer } }) as const;
const cancelAll = [cancel('handle'), cancel('dial'), cancel('redial'), cancel('stable')] as const;
const armTry = {
  type: 'arm',
  params: ({ context }: Scope) =>
    context.everBinary
      ? { timer: 'dial' as const, ms: context.limits.dial }
      : { timer: 'handle' as const, ms: context.limits.handle },
} as const;
const armRedial = {
  type: 'arm',
  params: (scope: Scope) => ({
    timer: 'redial' as const,
    ms: redialDelay(scope.context.limits, scope.context.attempt, jitterOf(scope)),
  }),
} as const;
const tellFailure = (reason: (scope: Scope) => Reason) =>
  ({
    type: 'news',
    params: (scope: Scope) => {
      const { context, event } = scope;
      const remote = event.type === 'dial-failed' ? event.remote : undefined;
      return {
        session: context.session,
        news: {
          type: 'handler-failed' as const,
          handler: context.id,
          reason: reason(scope),
          ...(remote === undefined ? {} : { remote }),
        },
      };
    },
  }) as const;
const farewell = (reason: HandlerEffects['farewell']['reason']) =>
  ({ type: 'farewell', params: { reason } }) as const;

const failed = (event: InitiatorEvent): string => {
  if (event.type === 'dial-failed') return event.remote ? `${event.reason} (${event.remote})` : event.reason;
  return event.type === 'device-failed' ? event.reason : event.type;
};
const wait = initiatorSetup.assign(({ context }) => ({
  phase: 'waiting' as const,
  heard: false,
  attempt: context.attempt + 1,
  ...noWires(context),
}));
/** Of a Handler that may have several wires: none stands. */
function noWires({ wires }: InitiatorContext): { readonly wires?: WiresContext } {
  return wires === undefined ? {} : { wires: withoutWires(wires) };
}
/** Changes what is known of the wires; a Handler of one wire knows nothing of them. */
const setWires = (change: (wires: WiresContext, scope: Scope) => WiresContext) =>
  initiatorSetup.assign(({ context, event }) =>
    context.wires === undefined ? {} : { wires: change(context.wires, { context, event }) },
  );
/** This wire is gone: it is dialled again after a while, the Handler goes on over the others. */
const redialWire = (wireOf: (event: InitiatorEvent) => number) =>
  [
    setWires((wires, { context, event }) => {
      const stood = event.type === 'wire-lost' || event.type === 'bye' ? (event.stood ?? 0) : 0;
      return withoutWire(wires, wireOf(event), stood >= context.limits.stable);
    }),
    {
      type: 'arm',
      params: (scope: Scope) => {
        const wire = wireOf(scope.event);
        const attempt = (scope.context.wires?.attempts[wire] ?? 1) - 1;
        return {
          timer: `wire-${wire}` as const,
          ms: redialDelay(scope.context.limits, attempt, jitterOf(scope)),
        };
      },
    },
  ] as const;
/** What BEGIN says of us, and how many wires it asks for. */
function beginTerms({ mtu, options, limits }: InitiatorContext): HandlerEffects['sayBegin'] {
  const most = options.wires ?? limits.wires ?? 1;
  return { mtu: mtu ?? 0, ...(most > 1 ? { wires: most } : {}) };
}
const dialWires = (which: (scope: Scope) => readonly number[]) =>
  ({
    type: 'dialWires',
    params: (scope: Scope) => ({ dial: which(scope), ...beginTerms(scope.context) }),
  }) as const;
const lostWire = (event: InitiatorEvent): number => (event as Of<'wire-lost'>).wire ?? 0;
const release = [empty('dropWire'), empty('leaveDevice'), ...cancelAll] as const;
const giveUp = {
  target: '#initiator.closed',
  actions: [because(failed), ...release, tellFailure(({ event }) => (event as Of<'dial-failed'>).reason)],
} as const;

/** The try came to nothing, in whatever state. */
const dialFailed = [
  { guard: 'final', ...giveUp },
  {
    guard: 'diallingAgain',
    target: '#initiator.unauthenticated',
    actions: [because(failed), empty('dropWire'), cancel('dial'), armRedial, wait],
  },
  { guard: 'dialling', ...giveUp },
] as const;

const tryTimer = [
  {
    guard: 'handleTimer',
    target: '#initiator.closed',
    actions: [because(() => 'remote-timeout'), ...release, tellFailure(() => 'remote-timeout')],
  },
  {
    guard: 'dialTimer',
    target: '#initiator.unauthenticated',
    actions: [because(() => 'remote-timeout'), empty('dropWire'), armRedial, wait],
  },
] as const;

const wireLost = {
  target: 'unauthenticated',
  actions: [
    because((event) => (event.type === 'bye' ? `bye ${event.reason}` : (event as Of<'wire-lost'>).why)),
    empty('dropWire'),
    cancel('stable'),
    armRedial,
    wait,
  ],
} as const;

/** What a Handler of one wire does without, as those did before there were several. */
function several(most: number): { readonly wires?: WiresContext } {
  return most > 1 ? { wires: wiresOf(most) } : {};
}

export const initiatorMachine = initiatorSetup.createMachine({
  id: 'initiator',
  context: ({ input }) => ({
    id: input.id,
    side: 'initiator',
    identity: input.identity,
    remote: input.remote,
    auth: input.auth,
    options: input.options,
    limits: input.limits,
    since: input.since,
    localDevice: input.localDevice,
    remoteDevice: input.remoteDevice,
    localConfig: input.localConfig,
    remoteConfig: input.remoteConfig,
    macs: input.macs,
    session: input.session,
    phase: 'device',
    deviceOpen: false,
    mtu: null,
    elastic: false,
    farMtu: null,
    offload: false,
    peer: null,
    everBinary: false,
    attempt: 0,
    heard: false,
    why: null,
    ...several(input.options.wires ?? input.limits.wires ?? 1),
  }),
  entry: [empty('openDevice'), armTry],
  initial: 'unauthenticated',
  /** After a crash nothing of the run before is there any more. */
  on: {
    restart: [
      {
        guard: 'resumes',
        target: '.unauthenticated',
        actions: [
          initiatorSetup.assign(({ context }) => ({
            phase: 'device' as const,
            deviceOpen: false,
            session: null,
            heard: false,
            attempt: 0,
            ...notAway(context),
            ...noWires(context),
          })),
          empty('openDevice'),
          armTry,
        ],
      },
      {
        target: '.unauthenticated',
        actions: initiatorSetup.assign(({ context }) => ({
          phase: 'idle' as const,
          deviceOpen: false,
          session: null,
          heard: false,
          ...notAway(context),
          ...noWires(context),
        })),
      },
    ],
    close: {
      target: '.closed',
      actions: [
        because(() => 'CLOSE'),
        farewell('closed'),
        empty('leaveDevice'),
        ...cancelAll,
        tellFailure(() => 'handler-closed'),
        { type: 'tellClosed', params: ({ event }) => ({ sessions: [(event as Of<'close'>).session] }) },
      ],
    },
    'device-away': {
      guard: 'hasStood',
      target: '.unauthenticated',
      actions: [
        because((event) => `device gone: ${(event as Of<'device-away'>).why}`),
        initiatorSetup.assign(({ context }) => ({
          phase: 'away' as const,
          away: true,
          deviceOpen: false,
          heard: false,
          attempt: 0,
          ...noWires(context),
        })),
        farewell('device-away'),
        empty('awaitDevice'),
        ...cancelAll,
        {
          type: 'arm',
          params: ({ context }) => ({ timer: 'away' as const, ms: context.limits.away ?? AWAY_MS }),
        },
      ],
    },
    'device-gone': {
      target: '.closed',
      actions: [
        because((event) => `device gone: ${(event as Of<'device-gone'>).why}`),
        farewell('device-gone'),
        empty('leaveDevice'),
        ...cancelAll,
        tellFailure(() => 'no-such-device'),
      ],
    },
    shutdown: {
      target: '.unauthenticated',
      actions: [
        because(() => 'shutdown'),
        initiatorSetup.assign(({ context }) => ({
          phase: 'idle' as const,
          heard: false,
          ...notAway(context),
          ...noWires(context),
        })),
        farewell('shutting-down'),
        ...cancelAll,
      ],
    },
  },
  states: {
    unauthenticated: {
      on: {
        'device-open': {
          guard: 'awaitsDevice',
          actions: [
            initiatorSetup.assign(({ context, event }) => ({
              deviceOpen: true,
              phase: 'dialling' as const,
              mtu: (event as Of<'device-open'>).mtu,
              elastic: (event as Of<'device-open'>).elastic,
              ...notAway(context),
            })),
            empty('dial'),
          ],
        },
        'device-away': { guard: 'hasStoodAndLies', actions: initiatorSetup.assign({ deviceOpen: false }) },
        'device-back': {
          guard: 'awaitsReturn',
          actions: [initiatorSetup.assign({ phase: 'device' }), empty('openDevice'), armTry],
        },
        'device-failed': [
          {
            guard: 'awaitsDeviceInVain',
            actions: [initiatorSetup.assign({ phase: 'away' }), cancel('dial'), empty('awaitDevice')],
          },
          {
            guard: 'awaitsDeviceAgain',
            actions: [because(failed), cancel('dial'), armRedial, wait],
          },
          {
            guard: 'awaitsDevice',
            target: 'closed',
            actions: [
              because(failed),
              ...release,
              tellFailure(({ event }) => (event as Of<'device-failed'>).reason),
            ],
          },
        ],
        dialled: {
          guard: 'dialling',
          actions: [
            initiatorSetup.assign({ peer: ({ event }) => (event as Of<'dialled'>).peer }),
            empty('sayHello'),
          ],
        },
        'hello-taken': {
          guard: 'dialling',
          target: 'authenticated',
          actions: [{ type: 'sayBegin', params: ({ context }) => beginTerms(context) }],
        },
        'dial-failed': dialFailed,
        timer: [
          {
            guard: 'awayTimer',
            target: 'closed',
            actions: [because(() => 'device gone, and not back in time'), ...release],
          },
          ...tryTimer,
          {
            guard: 'redialWithDevice',
            actions: [initiatorSetup.assign({ phase: 'dialling' }), empty('dial'), armTry],
          },
          {
            guard: 'redialWithoutDevice',
            actions: [initiatorSetup.assign({ phase: 'device' }), empty('openDevice'), armTry],
          },
        ],
      },
    },
    authenticated: {
      on: {
        'begin-sent': { target: 'handling' },
        'dial-failed': dialFailed,
        timer: tryTimer,
      },
    },
    handling: {
      on: {
        'begin-taken': [
          {
            // The other end holds frames against the MTU that BEGIN told it: it has to be told the new one.
            guard: 'widens',
            target: 'unauthenticated',
            actions: [
              { type: 'adoptMtu', params: ({ event }) => ({ mtu: (event as Of<'begin-taken'>).mtu }) },
              initiatorSetup.assign({
                phase: 'dialling',
                mtu: ({ event }) => (event as Of<'begin-taken'>).mtu,
              }),
              empty('dropWire'),
              empty('dial'),
            ],
          },
          {
            target: 'binary',
            actions: [
              setWires((wires, { event }) =>
                withWire({ ...withoutWires(wires), most: (event as Of<'begin-taken'>).wires ?? 1 }, 0),
              ),
              initiatorSetup.assign({
                everBinary: true,
                heard: false,
                why: null,
                farMtu: ({ event }) => (event as Of<'begin-taken'>).mtu,
                offload: ({ context, event }) =>
                  context.options.offload && (event as Of<'begin-taken'>).offload,
              }),
              cancel('handle'),
              cancel('dial'),
              { type: 'adoptMtu', params: ({ event }) => ({ mtu: (event as Of<'begin-taken'>).mtu }) },
              {
                type: 'connect',
                params: ({ context, event }) => ({
                  offload: context.offload,
                  farMtu: (event as Of<'begin-taken'>).mtu,
                  announce: announces(context),
                }),
              },
              { type: 'arm', params: ({ context }) => ({ timer: 'stable', ms: context.limits.stable }) },
              {
                type: 'news',
                params: ({ context }) => ({
                  session: context.session,
                  news: {
                    type: 'handler-up',
                    handler: context.id,
                    offload: context.offload,
                    mtu: context.farMtu ?? 0,
                  },
                }),
              },
              initiatorSetup.assign({ session: null }),
            ],
          },
        ],
        'dial-failed': dialFailed,
        timer: tryTimer,
      },
    },
    binary: {
      on: {
        'first-record': { guard: 'deaf', actions: initiatorSetup.assign({ heard: true }) },
        'wire-lost': [{ guard: 'othersStand', actions: redialWire(lostWire) }, wireLost],
        far: {
          guard: 'maySpread',
          actions: [
            setWires((wires) => ({ ...wires, far: true })),
            dialWires(({ context }) => (context.wires === undefined ? [] : missingWires(context.wires))),
          ],
        },
        'wire-up': {
          guard: 'awaitsWire',
          actions: [
            setWires((wires, { event }) => withWire(wires, (event as Of<'wire-up'>).wire)),
            initiatorSetup.assign({
              farMtu: ({ context, event }) => (event as Of<'wire-up'>).mtu ?? context.farMtu,
            }),
            {
              type: 'connectWire',
              params: ({ context, event }) => ({
                wire: (event as Of<'wire-up'>).wire,
                offload: context.offload,
                farMtu: context.farMtu ?? 0,
              }),
            },
          ],
        },
        'wire-failed': [
          {
            guard: 'awaitsWireAndFinal',
            target: 'closed',
            actions: [because((event) => `wire ${(event as Of<'wire-failed'>).wire}: 410`), ...release],
          },
          {
            guard: 'awaitsWire',
            actions: redialWire((event) => (event as Of<'wire-failed'>).wire),
          },
        ],
        bye: [
          {
            guard: 'endsHandler',
            target: 'closed',
            actions: [
              because((event) => `bye ${(event as Of<'bye'>).reason}`),
              empty('dropWire'),
              empty('leaveDevice'),
              ...cancelAll,
            ],
          },
          { guard: 'replacedOneOfSeveral', actions: redialWire(lostWire) },
          wireLost,
        ],
        'protocol-error': {
          target: 'closed',
          actions: [
            because((event) => `protocol error: ${(event as Of<'protocol-error'>).why}`),
            empty('leaveDevice'),
            ...cancelAll,
          ],
        },
        timer: [
          { guard: 'stableTimer', actions: initiatorSetup.assign({ attempt: 0 }) },
          {
            guard: 'wireTimer',
            actions: [dialWires(({ event }) => [wireOfTimer((event as Of<'timer'>).timer) ?? 0])],
          },
        ],
      },
    },
    closed: { type: 'final' },
  },
});
