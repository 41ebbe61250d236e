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
import type { Reason } from '../protocol/errors.ts';
import type { HandlerEffects, InitiatorEvent } from './events.ts';
import { AWAY_MS, announces, notAway } from './initiator-context.ts';
import {
  armRedial,
  armTry,
  because,
  cancel,
  cancelAll,
  empty,
  initiatorSetup,
  type Of,
  release,
  type Scope,
} from './initiator-setup.ts';
import {
  beginTerms,
  furtherWires,
  lostOneOfSeveral,
  noWires,
  replacedOneOfSeveral,
  setWires,
  several,
  wireTimer,
} from './initiator-wires.ts';
import { withoutWires, withWire } from './wires.ts';

export type { InitiatorContext } from './initiator-context.ts';

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
const giveUp = {
  target: '#initiator.closed',
  actions: [because(failed), ...release, tellFailure(({ event }) => (event as Of<'dial-failed'>).reason)],
} as const;

const resized = initiatorSetup.assign({
  mtu: ({ event }) => (event as Of<'device-mtu'>).mtu,
  elastic: ({ event }) => (event as Of<'device-mtu'>).elastic,
});
const dialAnew = initiatorSetup.assign(({ context }) => ({
  phase: 'dialling' as const,
  heard: false,
  ...noWires(context),
}));

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
    'device-mtu': { guard: 'otherMtu', actions: [resized, empty('tellMtu')] },
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
        'device-mtu': [
          {
            guard: 'otherMtuUntold',
            target: 'unauthenticated',
            actions: [resized, dialAnew, empty('dropWire'), empty('dial')],
          },
          { guard: 'otherMtu', actions: resized },
        ],
        'dial-failed': dialFailed,
        timer: tryTimer,
      },
    },
    binary: {
      on: {
        'device-mtu': [
          {
            guard: 'otherMtuUntold',
            target: 'unauthenticated',
            actions: [resized, dialAnew, empty('dropWire'), cancel('stable'), empty('dial'), armTry],
          },
          { guard: 'otherMtu', actions: [resized, empty('tellMtu')] },
        ],
        'far-mtu': {
          guard: 'otherFarMtu',
          actions: [
            initiatorSetup.assign({ farMtu: ({ event }) => (event as Of<'far-mtu'>).mtu }),
            { type: 'followFarMtu', params: ({ event }) => ({ mtu: (event as Of<'far-mtu'>).mtu }) },
            { type: 'adoptMtu', params: ({ event }) => ({ mtu: (event as Of<'far-mtu'>).mtu }) },
          ],
        },
        'first-record': { guard: 'deaf', actions: initiatorSetup.assign({ heard: true }) },
        'wire-lost': [lostOneOfSeveral, wireLost],
        ...furtherWires,
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
          replacedOneOfSeveral,
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
        timer: [{ guard: 'stableTimer', actions: initiatorSetup.assign({ attempt: 0 }) }, wireTimer],
      },
    },
    closed: { type: 'final' },
  },
});
