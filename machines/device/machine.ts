/**
 * The device machine: one kernel interface that Handlers share (one segment, PROTOCOL.md section 3.1).
 *
 * What makes it worth a record: a TAP that we create outlives a crash, so that it has to be known who made it before
 * it is made, and who removes it.
 */
import { setup } from 'xstate';
import type { Reason } from '../protocol/errors.ts';
import type { DeviceSpec } from '../protocol/types.ts';

/** Which interface it is, whatever anybody calls it. */
export interface DeviceIdentity {
  readonly ifindex: number;
  /** This run of the kernel, and the network namespace: the index means nothing in another one. */
  readonly kernel: string;
}

/** How a TAP that stood before was found. */
export interface FoundTap {
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Frames. */
  readonly queue: number;
  /** Whose port it was. */
  readonly bridge?: string;
}

export interface DeviceInput {
  /** The normal form of its spec; the name of the actor. */
  readonly name: string;
  readonly spec: DeviceSpec;
  /** Null as long as it is not there. */
  readonly identity: DeviceIdentity | null;
  /** A TAP that is not there yet: we create it, and remove it with its last Handler. */
  readonly creates: boolean;
  /** Key of the Handler that opens it. */
  readonly handler: string;
  /** MTU of the other end, for a TAP without one of its own. */
  readonly wantedMtu: number | null;
}

export interface DeviceContext {
  readonly name: string;
  readonly spec: DeviceSpec;
  /** A TAP that is ours to remove. */
  readonly ours: boolean;
  /** Ours, and made: it stands, unless somebody deleted it. */
  readonly made: boolean;
  readonly wantedMtu: number | null;
  readonly handlers: readonly string[];
  /** Which interface it was when it was last open or about to be; kept over a restart. */
  readonly identity: DeviceIdentity | null;
  /** While it is open. */
  readonly ifindex: number | null;
  readonly mtu: number | null;
  readonly why: string | null;
  /** A TAP that stood before us: how it is left. */
  readonly found?: FoundTap;
  /** A TAP that was taken out of its bridge, or put into it again: whether it is in it. */
  readonly inBridge?: boolean;
  /** Of one that was interrupted: whether it is just now, and how often it was. */
  readonly interrupted?: boolean;
  readonly interruptions?: number;
}

export type DeviceEvent =
  | { readonly type: 'join'; readonly handler: string }
  | { readonly type: 'leave'; readonly handler: string }
  | {
      readonly type: 'opened';
      readonly ifindex: number;
      readonly kernel: string;
      readonly mtu: number;
      readonly backend: string;
      readonly found?: FoundTap;
    }
  /** A TAP has left its bridge, or is in it again. */
  | { readonly type: 'bridge'; readonly bridge: string; readonly joined: boolean }
  /** It carries nothing for now; what carries its frames is started again. */
  | { readonly type: 'interrupted'; readonly why: string }
  | { readonly type: 'recovered' }
  | { readonly type: 'failed'; readonly reason: Reason }
  /** The interface was deleted under us. */
  | { readonly type: 'gone'; readonly why: string }
  | { readonly type: 'released' }
  /** A new run of the server: `handlers` are those that are resumed and will open it again. */
  | { readonly type: 'restart'; readonly handlers: readonly string[] };

export interface DeviceEffects {
  open: { readonly creates: boolean };
  /** Tells a Handler that the device is open already. */
  welcome: { readonly handler: string };
  tellOpened: { readonly handlers: readonly string[] };
  tellFailed: { readonly handlers: readonly string[]; readonly reason: Reason };
  tellGone: { readonly handlers: readonly string[]; readonly why: string };
  /** Closes it, and removes the TAP that we made. Comes back as `released`. */
  release: { readonly remove: boolean };
}
export type DeviceEffect = {
  [T in keyof DeviceEffects]: { readonly type: T; readonly params: DeviceEffects[T] };
}[keyof DeviceEffects];

type Of<T extends DeviceEvent['type']> = Extract<DeviceEvent, { readonly type: T }>;
type Scope = { readonly context: DeviceContext; readonly event: DeviceEvent };
const effect = <T extends keyof DeviceEffects>(_type: T) =>
  (() => undefined) as (_: unknown, params: DeviceEffects[T]) => void;

const without = (handlers: readonly string[], handler: string): readonly string[] =>
  handlers.filter((each) => each !== handler);

const deviceSetup = setup({
  types: { context: {} as DeviceContext, events: {} as DeviceEvent, input: {} as DeviceInput },
  actions: {
    open: effect('open'),
    welcome: effect('welcome'),
    tellOpened: effect('tellOpened'),
    tellFailed: effect('tellFailed'),
    tellGone: effect('tellGone'),
    release: effect('release'),
  },
  guards: {
    last: ({ context, event }) => without(context.handlers, (event as Of<'leave'>).handler).length === 0,
    needed: ({ event }) => (event as Of<'restart'>).handlers.length > 0,
    wanted: ({ context }) => context.handlers.length > 0,
    made: ({ context }) => context.made,
    madeAndWanted: ({ context }) => context.made && context.handlers.length > 0,
  },
});

const join = deviceSetup.assign({
  handlers: ({ context, event }) => [
    ...without(context.handlers, (event as Of<'join'>).handler),
    (event as Of<'join'>).handler,
  ],
});
const leave = deviceSetup.assign({
  handlers: ({ context, event }) => without(context.handlers, (event as Of<'leave'>).handler),
});
const opened = deviceSetup.assign({
  identity: ({ event }) => {
    const { ifindex, kernel } = event as Of<'opened'>;
    return { ifindex, kernel };
  },
  ifindex: ({ event }) => (event as Of<'opened'>).ifindex,
  mtu: ({ event }) => (event as Of<'opened'>).mtu,
  made: ({ context }) => context.ours,
});
/** The first time that this very interface is opened: later it is as we have made it. */
const remember = deviceSetup.assign(({ context, event }) => {
  const { found, ifindex, kernel } = event as Of<'opened'>;
  const { identity } = context;
  const same = identity?.ifindex === ifindex && identity.kernel === kernel && context.found !== undefined;
  return found === undefined || same || context.ours ? {} : { found };
});
const bridged = deviceSetup.assign({
  inBridge: ({ event }) => (event as Of<'bridge'>).joined,
});
const because = deviceSetup.assign({
  why: ({ event }) => (event.type === 'failed' ? event.reason : (event as Of<'gone'>).why),
});
const release = { type: 'release', params: ({ context }: Scope) => ({ remove: context.ours }) } as const;
const handlersOf = ({ context }: Scope) => context.handlers;

const tellFailed = {
  type: 'tellFailed',
  params: ({ context, event }: Scope) => ({
    handlers: context.handlers,
    reason: (event as Of<'failed'>).reason,
  }),
} as const;

export const deviceMachine = deviceSetup.createMachine({
  id: 'device',
  context: ({ input }) => ({
    name: input.name,
    spec: input.spec,
    ours: input.creates,
    made: false,
    wantedMtu: input.wantedMtu,
    handlers: [input.handler],
    identity: input.identity,
    ifindex: null,
    mtu: null,
    why: null,
  }),
  entry: [{ type: 'open', params: ({ context }) => ({ creates: context.ours }) }],
  initial: 'opening',
  on: {
    restart: [
      {
        guard: 'needed',
        target: '.held',
        actions: deviceSetup.assign({
          handlers: ({ event }) => (event as Of<'restart'>).handlers,
          ifindex: null,
          mtu: null,
        }),
      },
      {
        target: '.closing',
        actions: [deviceSetup.assign({ handlers: [], ifindex: null, mtu: null }), release],
      },
    ],
  },
  states: {
    opening: {
      on: {
        join: { actions: join },
        leave: { actions: leave },
        opened: [
          {
            guard: 'wanted',
            target: 'open',
            actions: [
              remember,
              opened,
              { type: 'tellOpened', params: (scope) => ({ handlers: handlersOf(scope) }) },
            ],
          },
          { target: 'closing', actions: [remember, release] },
        ],
        failed: [
          // What we made is not forgotten because it could not be opened once more.
          { guard: 'madeAndWanted', target: 'held', actions: [because, tellFailed] },
          { guard: 'made', target: 'closing', actions: [because, release] },
          { target: 'closed', actions: [because, tellFailed] },
        ],
      },
    },
    open: {
      on: {
        join: { actions: [join, { type: 'welcome', params: ({ event }) => ({ handler: event.handler }) }] },
        leave: [{ guard: 'last', target: 'closing', actions: [leave, release] }, { actions: leave }],
        bridge: { actions: bridged },
        interrupted: {
          actions: deviceSetup.assign({
            interrupted: true,
            interruptions: ({ context }) => (context.interruptions ?? 0) + 1,
            why: ({ event }) => (event as Of<'interrupted'>).why,
          }),
        },
        recovered: { actions: deviceSetup.assign({ interrupted: false }) },
        gone: {
          target: 'closing',
          actions: [
            because,
            {
              type: 'tellGone',
              params: ({ context, event }) => ({ handlers: context.handlers, why: event.why }),
            },
            { type: 'release', params: { remove: false } },
          ],
        },
      },
    },
    /** Not open in this process, as after a restart, but kept for the Handlers that dial again. */
    held: {
      on: {
        join: {
          target: 'opening',
          actions: [join, { type: 'open', params: ({ context }) => ({ creates: context.ours }) }],
        },
        leave: [{ guard: 'last', target: 'closing', actions: [leave, release] }, { actions: leave }],
      },
    },
    closing: {
      on: { released: { target: 'closed' } },
    },
    closed: { type: 'final' },
  },
});
