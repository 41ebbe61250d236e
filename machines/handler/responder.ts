/**
 * The Handler machine at the server that got BEGIN (PROTOCOL.md section 4). It is made in `handling`, and falls back
 * there when its wire breaks, to wait with its device kept open until the initiator says BEGIN again; or when its device
 * goes, to wait for that as long as the initiator goes on saying BEGIN.
 */
import { setup } from 'xstate';
import type { Reason } from '../protocol/errors.ts';
import type { Ends, HandlerOptions } from '../protocol/types.ts';
import type { HandlerEffects, ResponderEvent, ResponderInput, ResponderLimits } from './events.ts';
import { AWAY_MS, announces, notAway } from './initiator-context.ts';
import { othersStand, type WiresContext, wiresOf, withoutWire, withoutWires, withWire } from './wires.ts';

export interface ResponderContext extends Ends {
  readonly id: string;
  readonly side: 'responder';
  readonly identity: string;
  readonly options: HandlerOptions;
  readonly limits: ResponderLimits;
  readonly since: string;
  /** The session that brought the newest BEGIN. */
  readonly session: string | null;
  readonly peer: string;
  readonly deviceOpen: boolean;
  readonly mtu: number | null;
  readonly farMtu: number;
  readonly offload: boolean;
  /** Whether a record came over the wire that stands. */
  readonly heard: boolean;
  /** In `handling`: whether it has no wire and waits for the next BEGIN. */
  readonly waiting: boolean;
  readonly why: string | null;
  /** Whether its device is gone and waited for; not there before one ever was. */
  readonly away?: boolean;
  /** Only where it was asked for several wires. */
  readonly wires?: WiresContext;
}

type Of<T extends ResponderEvent['type']> = Extract<ResponderEvent, { readonly type: T }>;
type Scope = { readonly context: ResponderContext; readonly event: ResponderEvent };
type OwnEffect = Exclude<
  keyof HandlerEffects,
  'dial' | 'sayHello' | 'sayBegin' | 'dialWires' | 'connectWire'
>;
const effect = <T extends OwnEffect>(_type: T) =>
  (() => undefined) as (_: unknown, params: HandlerEffects[T]) => void;

function otherMtu({ context, event }: Scope): boolean {
  return context.deviceOpen && context.mtu !== (event as Of<'device-mtu'>).mtu;
}

const responderSetup = setup({
  types: {
    context: {} as ResponderContext,
    events: {} as ResponderEvent,
    input: {} as ResponderInput,
  },
  actions: {
    openDevice: effect('openDevice'),
    leaveDevice: effect('leaveDevice'),
    awaitDevice: effect('awaitDevice'),
    tellMtu: effect('tellMtu'),
    followFarMtu: effect('followFarMtu'),
    adoptMtu: effect('adoptMtu'),
    connect: effect('connect'),
    farewell: effect('farewell'),
    replaceWire: effect('replaceWire'),
    dropWire: effect('dropWire'),
    news: effect('news'),
    tellClosed: effect('tellClosed'),
    remember: effect('remember'),
    arm: effect('arm'),
    cancel: effect('cancel'),
  },
  guards: {
    opening: ({ context }) => !context.deviceOpen,
    /** BEGIN waits for the device. */
    beginning: ({ context }) => !context.deviceOpen && !context.waiting,
    waiting: ({ context }) => context.waiting,
    otherMtu,
    /** The initiator holds frames against the MTU that BEGIN's answer told it, and would not hear of this one. */
    otherMtuUntold: (scope) =>
      otherMtu(scope) && scope.context.heard && !(scope.event as Of<'device-mtu'>).told,
    otherFarMtu: ({ context, event }) => context.farMtu !== (event as Of<'far-mtu'>).mtu,
    /** It has carried, and its device was there. */
    hasStood: ({ context }) => context.deviceOpen && (context.heard || context.waiting),
    /** Its device is gone, and no BEGIN waits for it. */
    away: ({ context }) => context.away === true && context.waiting,
    /** BEGIN waits for the device that has come back. */
    beginningAgain: ({ context }) => context.away === true && !context.waiting,
    awayTimer: ({ context, event }) => (event as Of<'timer'>).timer === 'away' && context.away === true,
    heard: ({ context }) => context.heard,
    deaf: ({ context }) => !context.heard,
    mine: ({ context, event }) => (event as Of<'abandoned'>).session === context.session,
    minePending: ({ context, event }) =>
      (event as Of<'abandoned'>).session === context.session && !context.waiting,
    minePendingAgain: ({ context, event }) =>
      (event as Of<'abandoned'>).session === context.session && !context.waiting && context.away === true,
    /** It was one of several, and not the last: the Handler goes on. */
    othersStand: ({ context, event }) => othersStand(context.wires, (event as Of<'wire-lost'>).wire),
    replacedOneOfSeveral: ({ context, event }) =>
      (event as Of<'bye'>).reason === 'replaced' && othersStand(context.wires, (event as Of<'bye'>).wire),
    /** BEGIN while further wires stand: it is about wire 0 alone. */
    furtherStand: ({ context }) => othersStand(context.wires, 0),
    joins: ({ context, event }) => {
      const { wire } = event as Of<'join'>;
      return context.wires !== undefined && wire > 0 && wire < context.wires.most;
    },
    endsHandler: ({ event }) =>
      ['closed', 'device-gone', 'protocol-error'].includes((event as Of<'bye'>).reason),
  },
});

const empty = <T extends OwnEffect>(type: T) => ({ type, params: {} }) as const;
const because = (why: (event: ResponderEvent) => string) =>
  responderSetup.assign({ why: ({ event }) => why(event) });
const cancelGrace = { type: 'cancel', params: { timer: 'grace' } } as const;
const armGrace = {
  type: 'arm',
  params: ({ context }: Scope) => ({ timer: 'grace' as const, ms: context.limits.grace }),
} as const;
const farewell = (reason: HandlerEffects['farewell']['reason']) =>
  ({ type: 'farewell', params: { reason } }) as const;
const tellFailure = (reason: (scope: Scope) => Reason) =>
  ({
    type: 'news',
    params: (scope: Scope) => ({
      session: scope.context.session,
      news: { type: 'handler-failed' as const, handler: scope.context.id, reason: reason(scope) },
    }),
  }) as const;
const tellUp = {
  type: 'news',
  params: ({ context }: Scope) => ({
    session: context.session,
    news: {
      type: 'handler-up' as const,
      handler: context.id,
      offload: context.offload,
      mtu: context.mtu ?? 0,
      // Only who asked for several is told how many: others may not know the word.
      ...(context.options.wires === undefined ? {} : { wires: context.wires?.most ?? 1 }),
    },
  }),
} as const;
const connect = {
  type: 'connect',
  params: ({ context }: Scope) => ({
    offload: context.offload,
    farMtu: context.farMtu,
    announce: announces(context),
  }),
} as const;

/** A wire stands: the session answers OK and becomes it. */
const stand = [
  responderSetup.assign(({ context }) => ({
    waiting: false,
    heard: false,
    why: null,
    ...(context.wires === undefined ? {} : { wires: withWire(context.wires, 0) }),
  })),
  cancelGrace,
  connect,
  tellUp,
] as const;
const takeOver = responderSetup.assign({
  session: ({ event }) => (event as Of<'begin'>).session,
  peer: ({ event }) => (event as Of<'begin'>).peer,
  farMtu: ({ event }) => (event as Of<'begin'>).farMtu,
  options: ({ event }) => (event as Of<'begin'>).options,
  offload: ({ event }) => (event as Of<'begin'>).options.offload,
});
/** The number of wires that this BEGIN asks for; those that stand go on where it asks for several again. */
const takeOverWires = responderSetup.assign(({ context, event }) => {
  const granted = several((event as Of<'begin'>).options.wires, context.limits);
  if (granted.wires === undefined || context.wires === undefined) return granted;
  const { most } = granted.wires;
  return { wires: { ...granted.wires, standing: context.wires.standing.filter((wire) => wire < most) } };
});
/** Of a Handler that may have several wires: none stands. */
function noWires({ wires }: ResponderContext): { readonly wires?: WiresContext } {
  return wires === undefined ? {} : { wires: withoutWires(wires) };
}
/** What a Handler of one wire does without, as those did before there were several. */
function several(asked: number | undefined, limits: ResponderLimits): { readonly wires?: WiresContext } {
  const most = Math.min(asked ?? 1, limits.wires ?? 1);
  return most > 1 ? { wires: wiresOf(most) } : {};
}
/** One of several wires is gone: the initiator dials it again. */
const dropOne = responderSetup.assign(({ context, event }) =>
  context.wires === undefined
    ? {}
    : { wires: withoutWire(context.wires, (event as Of<'wire-lost'>).wire ?? 0, true) },
);
const resized = responderSetup.assign({ mtu: ({ event }) => (event as Of<'device-mtu'>).mtu });
const cancelAway = { type: 'cancel', params: { timer: 'away' } } as const;
const opened = responderSetup.assign(({ context, event }) => ({
  deviceOpen: true,
  mtu: (event as Of<'device-open'>).mtu,
  ...notAway(context),
}));
const release = [empty('dropWire'), empty('leaveDevice'), cancelGrace] as const;

const whyLost = (event: ResponderEvent): string =>
  event.type === 'bye' ? `bye ${event.reason}` : event.type === 'wire-lost' ? event.why : event.type;
const lost = [
  {
    guard: 'heard',
    target: '#responder.handling',
    actions: [
      because(whyLost),
      responderSetup.assign(({ context }) => ({
        waiting: true,
        heard: false,
        session: null,
        ...noWires(context),
      })),
      empty('dropWire'),
      armGrace,
    ],
  },
  { target: '#responder.closed', actions: [because(whyLost), ...release] },
] as const;

export const responderMachine = responderSetup.createMachine({
  id: 'responder',
  context: ({ input }) => ({
    id: input.id,
    side: 'responder',
    identity: input.identity,
    options: input.options,
    limits: input.limits,
    since: input.since,
    localDevice: input.localDevice,
    remoteDevice: input.remoteDevice,
    localConfig: input.localConfig,
    remoteConfig: input.remoteConfig,
    macs: input.macs,
    session: input.session,
    peer: input.peer,
    deviceOpen: false,
    mtu: null,
    farMtu: input.farMtu,
    offload: input.options.offload,
    heard: false,
    waiting: false,
    why: null,
    ...several(input.options.wires, input.limits),
  }),
  entry: [empty('openDevice')],
  initial: 'handling',
  on: {
    restart: { target: '.closed', actions: because(() => 'restart') },
    close: {
      target: '.closed',
      actions: [
        because(() => 'CLOSE'),
        empty('remember'),
        farewell('closed'),
        empty('leaveDevice'),
        cancelGrace,
        tellFailure(() => 'handler-closed'),
        { type: 'tellClosed', params: ({ event }) => ({ sessions: [(event as Of<'close'>).session] }) },
      ],
    },
    'device-mtu': { guard: 'otherMtu', actions: [resized, empty('tellMtu')] },
    'device-away': {
      guard: 'hasStood',
      target: '.handling',
      actions: [
        because((event) => `device gone: ${(event as Of<'device-away'>).why}`),
        responderSetup.assign(({ context }) => ({
          waiting: true,
          away: true,
          deviceOpen: false,
          heard: false,
          session: null,
          ...noWires(context),
        })),
        farewell('device-away'),
        empty('awaitDevice'),
        armGrace,
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
        cancelGrace,
        tellFailure(() => 'no-such-device'),
      ],
    },
    shutdown: {
      target: '.handling',
      actions: [
        because(() => 'shutdown'),
        responderSetup.assign(({ context }) => ({
          waiting: true,
          heard: false,
          session: null,
          ...noWires(context),
        })),
        farewell('shutting-down'),
        cancelGrace,
      ],
    },
  },
  states: {
    unauthenticated: {},
    authenticated: {},
    handling: {
      on: {
        'device-open': [
          { guard: 'away', actions: [because(() => 'device back'), opened, cancelAway, armGrace] },
          { guard: 'beginningAgain', target: 'binary', actions: [opened, cancelAway, ...stand] },
          { guard: 'beginning', target: 'binary', actions: [opened, ...stand] },
        ],
        'device-back': { guard: 'away', actions: empty('openDevice') },
        'device-failed': [
          { guard: 'away', actions: empty('awaitDevice') },
          {
            guard: 'beginningAgain',
            actions: [
              tellFailure(({ event }) => (event as Of<'device-failed'>).reason),
              responderSetup.assign({ waiting: true, session: null }),
              empty('awaitDevice'),
              armGrace,
            ],
          },
          {
            guard: 'beginning',
            target: 'closed',
            actions: [
              because((event) => (event as Of<'device-failed'>).reason),
              empty('leaveDevice'),
              tellFailure(({ event }) => (event as Of<'device-failed'>).reason),
            ],
          },
        ],
        begin: [
          // It has come back, and is opened for this BEGIN if it was not yet.
          {
            guard: 'away',
            actions: [
              takeOver,
              takeOverWires,
              responderSetup.assign({ waiting: false }),
              empty('openDevice'),
            ],
          },
          {
            guard: 'opening',
            actions: [tellFailure(() => 'handler-exists'), takeOver, takeOverWires],
          },
          { target: 'binary', actions: [takeOver, takeOverWires, ...stand] },
        ],
        abandoned: [
          {
            guard: 'minePendingAgain',
            actions: [responderSetup.assign({ waiting: true, session: null }), armGrace],
          },
          {
            guard: 'minePending',
            target: 'closed',
            actions: [because((event) => event.type), ...release],
          },
        ],
        yield: {
          guard: 'waiting',
          target: 'closed',
          actions: [because((event) => `yielded to ${(event as Of<'yield'>).to}`), ...release],
        },
        timer: [
          {
            guard: 'awayTimer',
            target: 'closed',
            actions: [
              because(() => 'device gone, and not back in time'),
              ...release,
              tellFailure(() => 'no-such-device'),
            ],
          },
          {
            guard: 'waiting',
            target: 'closed',
            actions: [because(() => 'grace time over'), ...release],
          },
        ],
      },
    },
    binary: {
      on: {
        'first-record': { guard: 'deaf', actions: responderSetup.assign({ heard: true }) },
        'device-mtu': [
          {
            guard: 'otherMtuUntold',
            target: 'handling',
            actions: [
              because(() => 'its MTU has changed'),
              resized,
              responderSetup.assign(({ context }) => ({
                waiting: true,
                heard: false,
                session: null,
                ...noWires(context),
              })),
              farewell('shutting-down'),
              armGrace,
            ],
          },
          { guard: 'otherMtu', actions: [resized, empty('tellMtu')] },
        ],
        'far-mtu': {
          guard: 'otherFarMtu',
          actions: [
            responderSetup.assign({ farMtu: ({ event }) => (event as Of<'far-mtu'>).mtu }),
            { type: 'followFarMtu', params: ({ event }) => ({ mtu: (event as Of<'far-mtu'>).mtu }) },
            { type: 'adoptMtu', params: ({ event }) => ({ mtu: (event as Of<'far-mtu'>).mtu }) },
          ],
        },
        'wire-lost': [{ guard: 'othersStand', actions: dropOne }, ...lost],
        bye: [
          {
            guard: 'endsHandler',
            target: 'closed',
            actions: [because((event) => `bye ${(event as Of<'bye'>).reason}`), ...release],
          },
          { guard: 'replacedOneOfSeveral', actions: dropOne },
          ...lost,
        ],
        'protocol-error': {
          target: 'closed',
          actions: [
            because((event) => `protocol error: ${(event as Of<'protocol-error'>).why}`),
            empty('leaveDevice'),
          ],
        },
        begin: [
          {
            guard: 'furtherStand',
            target: 'binary',
            actions: [{ type: 'replaceWire', params: { wire: 0 } }, takeOver, takeOverWires, ...stand],
          },
          { target: 'binary', actions: [farewell('replaced'), takeOver, takeOverWires, ...stand] },
        ],
        join: {
          guard: 'joins',
          actions: [
            { type: 'replaceWire', params: ({ event }) => ({ wire: (event as Of<'join'>).wire }) },
            responderSetup.assign(({ context, event }) =>
              context.wires === undefined
                ? {}
                : { wires: withWire(context.wires, (event as Of<'join'>).wire) },
            ),
            {
              type: 'news',
              params: ({ context, event }) => ({
                session: (event as Of<'join'>).session,
                news: { type: 'wire-up' as const, handler: context.id, wire: (event as Of<'join'>).wire },
              }),
            },
          ],
        },
        abandoned: { guard: 'mine', target: 'closed', actions: [because((event) => event.type), ...release] },
      },
    },
    closed: { type: 'final' },
  },
});
