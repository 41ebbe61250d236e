/**
 * The Session machine (PROTOCOL.md sections 2 to 5): one connection to a control port, from greeting to close.
 *
 * It is asked one line at a time: while `context.pending` is set, or in `handling`, the shell holds the next line back.
 */
import { setup } from 'xstate';
import type { Reason } from '../protocol/errors.ts';
import { formatBeginOk, formatJoinOk, formatPinged } from '../protocol/format.ts';
import type { Begin, BeginAgain, Capture, Handle, Hello, Join, Ping } from '../protocol/types.ts';
import type {
  AuthMethod,
  Report,
  SessionEffect,
  SessionEvent,
  SessionInput,
  SessionLimits,
} from './events.ts';

export interface SessionContext {
  readonly id: string;
  readonly scheme: SessionInput['scheme'];
  readonly peer: string;
  readonly address: string;
  readonly methods: readonly AuthMethod[];
  readonly limits: SessionLimits;
  /** Set by HELLO; null before. */
  readonly identity: string | null;
  readonly failedHellos: number;
  /** What the session waits for besides HANDLE and BEGIN. */
  readonly pending: 'verify' | 'close' | 'ping' | null;
  /** The HELLO time-out fired while a secret was being verified. */
  readonly overdue: boolean;
  /** WATCH or CAPTURE is on. */
  readonly watching: boolean;
  /** The Handler that HANDLE or BEGIN is about, or whose wire this is. */
  readonly handler: string | null;
  /** Which of the two. */
  readonly request: 'HANDLE' | 'BEGIN' | 'JOIN' | null;
}

type Of<T extends SessionEvent['type']> = Extract<SessionEvent, { readonly type: T }>;
type Params<T extends SessionEffect['type']> = Extract<SessionEffect, { readonly type: T }>['params'];

const nothing = () => undefined;
const effect = <T extends SessionEffect['type']>(_type: T) =>
  nothing as (_: unknown, params: Params<T>) => undefined;

/** HELLO by a method that is not offered here: what the refusal is called. */
export function methodRefusal(hello: Hello, { scheme }: Pick<SessionContext, 'scheme'>): Reason {
  if (hello.method === 'local') return 'authentication-failed';
  if (hello.method === 'cert') return scheme === 'tls' ? 'authentication-failed' : 'tls-required';
  return scheme === 'tcp' ? 'tls-required' : 'authentication-failed';
}

const offered = (context: SessionContext, event: SessionEvent): boolean =>
  event.type === 'HELLO' && event.args !== undefined && context.methods.includes(event.args.method);
const isLastTry = (context: SessionContext): boolean =>
  context.failedHellos + 1 >= context.limits.failedHellos;

const sessionSetup = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    input: {} as SessionInput,
  },
  actions: {
    greet: effect('greet'),
    answer: effect('answer'),
    refuse: effect('refuse'),
    report: effect('report'),
    verify: effect('verify'),
    open: effect('open'),
    begin: effect('begin'),
    join: effect('join'),
    close: effect('close'),
    watch: effect('watch'),
    capture: effect('capture'),
    ping: effect('ping'),
    unwatch: effect('unwatch'),
    becomeWire: effect('becomeWire'),
    abandon: effect('abandon'),
    arm: effect('arm'),
    cancel: effect('cancel'),
    hangUp: effect('hangUp'),
  },
  guards: {
    objected: ({ event }) => 'objection' in event && event.objection !== undefined,
    /** HELLO by a method that this connection does not offer. */
    unoffered: ({ context, event }) => !offered(context, event),
    unofferedLastTry: ({ context, event }) => !offered(context, event) && isLastTry(context),
    verifying: ({ context }) => context.pending === 'verify',
    verifyingLastTry: ({ context }) => context.pending === 'verify' && isLastTry(context),
    verifyingOverdue: ({ context }) => context.pending === 'verify' && context.overdue,
    fatalLine: ({ event }) => (event as Of<'bad-line'>).reason === 'line-too-long',
    watching: ({ context }) => context.watching,
    idleTimer: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'idle' && context.pending === null && !context.watching,
    helloTimer: ({ event }) => (event as Of<'timer'>).timer === 'hello',
    helloTimerWhilePending: ({ context, event }) =>
      (event as Of<'timer'>).timer === 'hello' && context.pending === 'verify',
    /** The connection is to become a wire. */
    begins: ({ context }) => context.request === 'BEGIN' || context.request === 'JOIN',
    joins: ({ context, event }) =>
      context.request === 'JOIN' && (event as Of<'wire-up'>).handler === context.handler,
    begun: ({ context, event }) =>
      context.request === 'BEGIN' && (event as Of<'handler-up'>).handler === context.handler,
    /** News of the Handler that this session waits for, not of an earlier one. */
    mine: ({ context, event }) => 'handler' in event && event.handler === context.handler,
    pinging: ({ context }) => context.pending === 'ping',
    closesMine: ({ context, event }) =>
      context.pending === 'close' && (event as Of<'handler-closed'>).handler === context.handler,
  },
});

type Scope = { readonly context: SessionContext; readonly event: SessionEvent };

const answer = (line: (scope: Scope) => string) =>
  ({ type: 'answer', params: (scope: Scope) => ({ line: line(scope) }) }) as const;
const answerOk = answer(() => 'OK');
const refuse = (reason: (scope: Scope) => Reason) =>
  ({ type: 'refuse', params: (scope: Scope) => ({ reason: reason(scope) }) }) as const;
const report = (what: Report, state: 'unauthenticated' | 'authenticated') =>
  ({
    type: 'report',
    params: ({ event }: Scope) => {
      const handler = event.type === 'STATS?' || event.type === 'DROPS?' ? event.args?.handler : undefined;
      return handler === undefined ? { what, state } : { what, state, handler };
    },
  }) as const;
const hangUp = { type: 'hangUp', params: {} } as const;
const watch = { type: 'watch', params: {} } as const;
const unwatch = { type: 'unwatch', params: {} } as const;
const abandon = {
  type: 'abandon',
  params: ({ context }: Scope) => ({ handler: context.handler ?? '' }),
} as const;
const cancel = (timer: 'hello' | 'idle') => ({ type: 'cancel', params: { timer } }) as const;
const armIdle = {
  type: 'arm',
  params: ({ context }: Scope) => ({ timer: 'idle' as const, ms: context.limits.idle }),
} as const;

const objection = ({ event }: Scope): Reason =>
  'objection' in event && event.objection ? event.objection.reason : 'internal';
const refuseObjection = refuse(objection);
const refuseBadLine = refuse(({ event }) => (event as Of<'bad-line'>).reason);
const refuseFailure = refuse(({ event }) => (event as Of<'handler-failed'>).reason);

/** A verb that wants a HELLO first. */
const early = { actions: refuse(() => 'not-authenticated') } as const;

const countFailure = sessionSetup.assign({
  failedHellos: ({ context }) => context.failedHellos + 1,
  pending: null,
});
const stopWatching = sessionSetup.assign({ watching: false });
const startWatching = sessionSetup.assign({ watching: true });
const forgetRequest = sessionSetup.assign({ handler: null, request: null, pending: null });

const helloRefusal = refuse(({ context, event }) =>
  methodRefusal((event as Of<'HELLO'>).args as Hello, context),
);
const verdictRefusal = refuse(({ event }) => (event as Of<'rejected'>).reason);
const closed = { target: 'closed', actions: [hangUp] } as const;

/** Every command in `authenticated` ends a watch, and starts the idle time anew; here one that is refused. */
const objected = { guard: 'objected', actions: [unwatch, stopWatching, refuseObjection, armIdle] } as const;

/** A command that is answered by a list. */
const reporting = (what: Report) =>
  [objected, { actions: [unwatch, stopWatching, report(what, 'authenticated'), armIdle] }] as const;

/** The splitter lost its place: what follows cannot be told from the rest of that line. */
const fatalLine = { guard: 'fatalLine', target: 'closed', actions: [refuseBadLine, hangUp] } as const;

export const sessionMachine = sessionSetup.createMachine({
  id: 'session',
  context: ({ input }) => ({
    id: input.id,
    scheme: input.scheme,
    peer: input.peer,
    address: input.address,
    methods: input.methods,
    limits: input.limits,
    identity: null,
    failedHellos: 0,
    pending: null,
    overdue: false,
    watching: false,
    handler: null,
    request: null,
  }),
  initial: 'unauthenticated',
  on: {
    restart: { target: '.closed' },
  },
  states: {
    unauthenticated: {
      entry: [
        { type: 'greet', params: ({ context }) => ({ methods: context.methods }) },
        { type: 'arm', params: ({ context }) => ({ timer: 'hello', ms: context.limits.hello }) },
      ],
      on: {
        HELLO: [
          { guard: 'objected', actions: refuseObjection },
          { guard: 'unofferedLastTry', target: 'closed', actions: [helloRefusal, countFailure, hangUp] },
          { guard: 'unoffered', actions: [helloRefusal, countFailure] },
          {
            actions: [
              sessionSetup.assign({ pending: 'verify' }),
              { type: 'verify', params: ({ event }) => ({ hello: (event as Of<'HELLO'>).args as Hello }) },
            ],
          },
        ],
        verified: {
          guard: 'verifying',
          target: 'authenticated',
          actions: [
            sessionSetup.assign({
              identity: ({ event }) => (event as Of<'verified'>).identity,
              pending: null,
              overdue: false,
            }),
            cancel('hello'),
            answer(
              ({ context, event }) =>
                `OK session=${context.id} identity=${(event as Of<'verified'>).identity}`,
            ),
          ],
        },
        rejected: [
          { guard: 'verifyingLastTry', target: 'closed', actions: [countFailure, verdictRefusal, hangUp] },
          { guard: 'verifyingOverdue', target: 'closed', actions: [countFailure, verdictRefusal, hangUp] },
          { guard: 'verifying', actions: [countFailure, verdictRefusal] },
        ],
        timer: [
          { guard: 'helloTimerWhilePending', actions: sessionSetup.assign({ overdue: true }) },
          { guard: 'helloTimer', target: 'closed', actions: [refuse(() => 'timeout'), hangUp] },
        ],
        DONE: [
          { guard: 'objected', actions: refuseObjection },
          { target: 'closed', actions: [answerOk, hangUp] },
        ],
        'HELP?': [
          { guard: 'objected', actions: refuseObjection },
          { actions: report('HELP?', 'unauthenticated') },
        ],
        'DEVICES?': early,
        'HANDLERS?': early,
        HANDLE: early,
        BEGIN: early,
        JOIN: early,
        CLOSE: early,
        'STATS?': early,
        'TRACE?': early,
        'DROPS?': early,
        CAPTURE: early,
        'PING?': early,
        'CHECK?': early,
        'STATUS?': early,
        WATCH: early,
        'bad-line': [fatalLine, { actions: refuseBadLine }],
        evicted: { target: 'closed', actions: [refuse(() => 'too-many-sessions'), hangUp] },
        end: closed,
        lost: { target: 'closed' },
        shutdown: closed,
      },
    },
    authenticated: {
      entry: [armIdle],
      on: {
        HELLO: { actions: [unwatch, stopWatching, refuse(() => 'wrong-state'), armIdle] },
        DONE: [objected, { target: 'closed', actions: [unwatch, stopWatching, answerOk, hangUp] }],
        'DEVICES?': reporting('DEVICES?'),
        'HANDLERS?': reporting('HANDLERS?'),
        'STATS?': reporting('STATS?'),
        'TRACE?': reporting('TRACE?'),
        'DROPS?': reporting('DROPS?'),
        'CHECK?': reporting('CHECK?'),
        'STATUS?': reporting('STATUS?'),
        'HELP?': reporting('HELP?'),
        HANDLE: [
          objected,
          {
            target: 'handling',
            actions: [
              unwatch,
              sessionSetup.assign({
                watching: false,
                request: 'HANDLE',
                handler: ({ event }) => (event as Of<'HANDLE'>).handler ?? null,
              }),
              {
                type: 'open',
                params: ({ event }) => {
                  const { handler, args } = event as Of<'HANDLE'>;
                  return { handler: handler as string, handle: args as Handle };
                },
              },
            ],
          },
        ],
        BEGIN: [
          objected,
          {
            target: 'handling',
            actions: [
              unwatch,
              sessionSetup.assign({
                watching: false,
                request: 'BEGIN',
                handler: ({ event }) => ((event as Of<'BEGIN'>).args as Begin | BeginAgain).handler,
              }),
              {
                type: 'begin',
                params: ({ event }) => ({ begin: (event as Of<'BEGIN'>).args as Begin | BeginAgain }),
              },
            ],
          },
        ],
        JOIN: [
          objected,
          {
            target: 'handling',
            actions: [
              unwatch,
              sessionSetup.assign({
                watching: false,
                request: 'JOIN',
                handler: ({ event }) => ((event as Of<'JOIN'>).args as Join).handler,
              }),
              { type: 'join', params: ({ event }) => ({ join: (event as Of<'JOIN'>).args as Join }) },
            ],
          },
        ],
        CLOSE: [
          objected,
          {
            actions: [
              unwatch,
              cancel('idle'),
              sessionSetup.assign({
                watching: false,
                pending: 'close',
                handler: ({ event }) => (event as Of<'CLOSE'>).args?.handler ?? null,
              }),
              {
                type: 'close',
                params: ({ event }) => ({ handler: (event as Of<'CLOSE'>).args?.handler ?? '' }),
              },
            ],
          },
        ],
        'handler-closed': { guard: 'closesMine', actions: [forgetRequest, answerOk, armIdle] },
        WATCH: [objected, { actions: [unwatch, cancel('idle'), startWatching, answerOk, watch] }],
        CAPTURE: [
          objected,
          {
            actions: [
              unwatch,
              cancel('idle'),
              startWatching,
              answerOk,
              {
                type: 'capture',
                params: ({ event }) => ({ capture: (event as Of<'CAPTURE'>).args as Capture }),
              },
            ],
          },
        ],
        'PING?': [
          objected,
          {
            actions: [
              unwatch,
              cancel('idle'),
              sessionSetup.assign({ watching: false, pending: 'ping' }),
              { type: 'ping', params: ({ event }) => ({ ping: (event as Of<'PING?'>).args as Ping }) },
            ],
          },
        ],
        pinged: {
          guard: 'pinging',
          actions: [forgetRequest, answer(({ event }) => formatPinged(event as Of<'pinged'>)), armIdle],
        },
        'empty-line': { guard: 'watching', actions: [unwatch, stopWatching, armIdle] },
        'bad-line': [fatalLine, { actions: [unwatch, stopWatching, refuseBadLine, armIdle] }],
        timer: { guard: 'idleTimer', target: 'closed', actions: [refuse(() => 'timeout'), hangUp] },
        end: { target: 'closed', actions: [unwatch, stopWatching, hangUp] },
        lost: { target: 'closed', actions: [unwatch, stopWatching] },
        shutdown: { target: 'closed', actions: [unwatch, stopWatching, hangUp] },
      },
      exit: [cancel('idle')],
    },
    handling: {
      on: {
        'handler-up': [
          {
            guard: 'begun',
            target: 'binary',
            actions: [
              {
                type: 'becomeWire',
                params: ({ event }) => {
                  const { handler, offload, mtu, wires } = event as Of<'handler-up'>;
                  return { handler, line: formatBeginOk(handler, offload, mtu, wires) };
                },
              },
            ],
          },
          {
            guard: 'mine',
            target: 'authenticated',
            actions: [
              forgetRequest,
              answer(({ event }) => `OK handler=${(event as Of<'handler-up'>).handler}`),
            ],
          },
        ],
        'wire-up': {
          guard: 'joins',
          target: 'binary',
          actions: [
            {
              type: 'becomeWire',
              params: ({ event }) => {
                const { handler, wire } = event as Of<'wire-up'>;
                return { handler, wire, line: formatJoinOk(handler, wire) };
              },
            },
          ],
        },
        'handler-failed': { guard: 'mine', target: 'authenticated', actions: [forgetRequest, refuseFailure] },
        'early-bytes': {
          guard: 'begins',
          target: 'closed',
          actions: [refuse(() => 'syntax'), abandon, hangUp],
        },
        lost: [{ guard: 'begins', target: 'closed', actions: [abandon] }, { target: 'closed' }],
        shutdown: [{ guard: 'begins', target: 'closed', actions: [abandon, hangUp] }, closed],
      },
    },
    binary: {
      on: { 'wire-ended': { target: 'closed' } },
    },
    closed: { type: 'final' },
  },
});
