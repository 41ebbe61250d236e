/**
 * The server machine: what a server has to remember besides its Sessions, Handlers and devices, and what an operator
 * wants on record of the server itself. (Checkpoints and other records of the journal itself move no machine.)
 */
import { setup } from 'xstate';

/** How long the id of a Handler that was CLOSEd at its responder is refused (section 4): 24 h in milliseconds. */
export const REMEMBERED = 24 * 60 * 60 * 1000;
/** So many at most; past that the oldest is forgotten, so that CLOSEs cannot fill the memory. */
export const REMEMBERED_MOST = 16_384;

export interface ServerInput {
  readonly name: string;
}

export interface ServerContext {
  readonly name: string;
  readonly boot: string | null;
  readonly version: string | null;
  /** Pairs of Handler id and the time it was CLOSEd, in milliseconds since 1970, oldest first. */
  readonly closedHandlers: readonly (readonly [string, number])[];
}

export type ServerEvent =
  | {
      readonly type: 'start';
      readonly boot: string;
      readonly version: string;
      readonly name: string;
      readonly now: number;
    }
  | { readonly type: 'listening'; readonly urls: readonly string[] }
  | { readonly type: 'closed-handler'; readonly handler: string; readonly now: number }
  | { readonly type: 'reloaded'; readonly files: readonly string[] }
  | { readonly type: 'reload-refused'; readonly why: string }
  | { readonly type: 'log-cut'; readonly bytes: number }
  | { readonly type: 'stop'; readonly signal: string };

type Of<T extends ServerEvent['type']> = Extract<ServerEvent, { readonly type: T }>;

const fresh = (list: ServerContext['closedHandlers'], now: number): ServerContext['closedHandlers'] =>
  list.filter(([, at]) => now - at < REMEMBERED).slice(-REMEMBERED_MOST);

const serverSetup = setup({
  types: { context: {} as ServerContext, events: {} as ServerEvent, input: {} as ServerInput },
});

/** On record for the reader only: nothing follows from it. */
const noted = { actions: serverSetup.assign({}) } as const;

export const serverMachine = serverSetup.createMachine({
  id: 'server',
  context: ({ input }) => ({
    name: input.name,
    boot: null,
    version: null,
    closedHandlers: [],
  }),
  initial: 'stopped',
  on: {
    /** Also from `running`: that is what a crash looks like. */
    start: {
      target: '.running',
      actions: serverSetup.assign({
        name: ({ event }) => (event as Of<'start'>).name,
        boot: ({ event }) => (event as Of<'start'>).boot,
        version: ({ event }) => (event as Of<'start'>).version,
        closedHandlers: ({ context, event }) => fresh(context.closedHandlers, (event as Of<'start'>).now),
      }),
    },
    'closed-handler': {
      actions: serverSetup.assign({
        closedHandlers: ({ context, event }) => {
          const { handler, now } = event as Of<'closed-handler'>;
          return fresh([...context.closedHandlers.filter(([id]) => id !== handler), [handler, now]], now);
        },
      }),
    },
    'log-cut': noted,
  },
  states: {
    stopped: {},
    running: {
      on: {
        listening: noted,
        reloaded: noted,
        'reload-refused': noted,
        stop: { target: 'stopped' },
      },
    },
  },
});
