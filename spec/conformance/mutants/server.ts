/** Wrong servers that are wrong inside: other bounds, rules that are not kept, a bad memory. */
import type { Limits } from '../../../actors/limits.ts';
import type { Server } from '../../../actors/server.ts';
import type { Watcher } from '../../../actors/session/watchers.ts';
import { encodeBye } from '../../../machines/frames/records.ts';
import type { Reason } from '../../../machines/protocol/errors.ts';
import type { Fault } from '../in-process.ts';
import { mangled } from './mangle.ts';
import { insideMutant, type Mutant, mutant, unixMutant } from './text.ts';

const HOUR = 3_600_000;

const limits = (change: (limits: Limits) => Partial<Limits>): Fault => ({
  limits: (right) => ({ ...right, ...change(right) }),
});

/** Whatever stands against a BEGIN for this reason is not looked at. */
const overlooks = (reason: Reason): Fault => ({
  server({ handlers }) {
    const right = handlers.refuseBegin.bind(handlers);
    handlers.refuseBegin = (...args) => {
      const refusal = right(...args);
      return refusal?.reason === reason ? undefined : refusal;
    };
  },
});

const inside = (change: (server: Server) => void): Fault => ({ server: change });

export const SERVER_MUTANTS: readonly Mutant[] = [
  insideMutant(
    'forgets the grace time',
    'responder/handling-waiting/timer grace',
    limits(() => ({ responder: { grace: 1_000 } })),
  ),
  insideMutant(
    'waits for ever',
    'responder/handling-waiting/timer grace',
    limits(() => ({ responder: { grace: 10 * HOUR } })),
  ),
  mutant(
    'goes on after the third failed HELLO',
    'session/unauthenticated-after-2-failed/HELLO',
    limits(({ session }) => ({ session: { ...session, failedHellos: 99 } })),
  ),
  mutant(
    'closes after the second failed HELLO',
    'session/unauthenticated-after-1-failed/HELLO',
    limits(({ session }) => ({ session: { ...session, failedHellos: 2 } })),
  ),
  insideMutant(
    'HELLO may take for ever',
    'session/unauthenticated/timer hello',
    limits(({ session }) => ({ session: { ...session, hello: HOUR } })),
  ),
  insideMutant(
    'sessions are never idle',
    'session/authenticated/timer idle',
    limits(({ session }) => ({ session: { ...session, idle: HOUR } })),
  ),
  insideMutant(
    'HANDLE may take for ever',
    'initiator/handling/timer handle',
    limits(({ initiator }) => ({ initiator: { ...initiator, handle: HOUR } })),
  ),
  insideMutant(
    'one try to dial again may take for ever',
    'initiator/handling-again/timer dial',
    limits(({ initiator }) => ({ initiator: { ...initiator, dial: HOUR } })),
  ),
  mutant(
    'dials again at once',
    'timer redial',
    limits(({ initiator }) => ({ initiator: { ...initiator, firstDelay: 1 } })),
  ),
  mutant(
    'never dials again',
    'timer redial',
    limits(({ initiator }) => ({ initiator: { ...initiator, firstDelay: HOUR, lastDelay: HOUR } })),
  ),
  insideMutant(
    'the delay does not double',
    'inside/backoff',
    limits(({ initiator }) => ({ initiator: { ...initiator, lastDelay: 500 } })),
  ),
  insideMutant(
    'the delay doubles for ever',
    'inside/backoff',
    limits(({ initiator }) => ({ initiator: { ...initiator, lastDelay: HOUR } })),
  ),
  mutant(
    'any number of strangers',
    'rules/ninth',
    limits(() => ({ unauthenticatedPerAddress: 100 })),
  ),
  mutant(
    'seven strangers only',
    'rules/ninth',
    limits(() => ({ unauthenticatedPerAddress: 7 })),
  ),
  mutant(
    'forgets what was CLOSEd',
    ['responder/binary-heard/CLOSE', 'handler-closed (CLOSEd here)'],
    inside((server) => {
      server.wasClosed = () => false;
    }),
  ),
  insideMutant('remembers what was not CLOSEd', 'inside/not-remembered', remembersAll()),
  mutant(
    'gives Handlers to whoever asks',
    ['hello/other', 'handler-exists (other arguments)'],
    overlooks('handler-exists'),
  ),
  mutant('one address twice in one role', 'BEGIN mac-in-use', overlooks('mac-in-use')),
  mutant('a second BRIDGE', 'frames/second-bridge', overlooks('device-busy')),
  mutant(
    'a waiting Handler does not yield',
    'responder/handling-waiting/BEGIN of another',
    inside(({ handlers }) => {
      const right = handlers.refuseBegin.bind(handlers);
      handlers.refuseBegin = (begin, ...rest) =>
        handlers
          .all()
          .some(({ context }) => context.macs.join() === begin.macs.join() && context.id !== begin.handler)
          ? { reason: 'mac-in-use', text: '' }
          : right(begin, ...rest);
    }),
  ),
  mutant(
    'Handlers end with the session that asked',
    ['rules/done', 'rules/client-gone'],
    endsWithItsSession(),
  ),
  mutant('ids that can be guessed', 'rules/ids', {
    parts: ({ chance }) => ({ chance: { fraction: () => chance.fraction(), id: guessable() } }),
  }),
  mutant('ids that are too short', 'initiator/', {
    parts: ({ chance }) => ({
      chance: { fraction: () => chance.fraction(), id: (bytes) => chance.id(bytes === 16 ? 4 : bytes) },
    }),
  }),
  insideMutant('the policy is not asked', 'inside/forbidden', {
    parts: ({ configuration }) => ({ configuration: { ...configuration, forbids: () => undefined } }),
  }),
  mutant('anybody may come in', 'rules/wrong-secret', {
    parts: () => ({
      authenticator: {
        passwords: true,
        certificates: false,
        verify: async () => true,
        identify: () => undefined,
      },
    }),
  }),
  mutant(
    'WATCH shows nothing',
    'session/authenticated/WATCH',
    inside(({ watchers }) => {
      Object.assign(watchers, { tell: () => undefined });
    }),
  ),
  unixMutant('who watches and does not read holds all others up', 'rules/watch-slow', waitsForWatchers()),
  unixMutant('what a watcher missed is not told', 'rules/watch-slow', {
    line: (line) => (line.startsWith('EVENT missed=') ? [] : undefined),
  }),
  mutant('tells its own idea of the MTU', 'rules/mtu', {
    line: (line) => (line.startsWith('OK handler=') ? [line.replace(/mtu=\d+/, 'mtu=1499')] : undefined),
  }),
  mutant(
    'a watch never ends',
    'rules/watch',
    inside(({ watchers }) => {
      watchers.delete = () => undefined;
    }),
  ),
  mutant(
    '410 does not end an initiator',
    'initiator/handling-again/ERR 410',
    mangled({
      in: (chunk, side) =>
        side.dialled && !side.binary
          ? Buffer.from(chunk.toString('latin1').replace('ERR 410', 'ERR 409'), 'latin1')
          : undefined,
    }),
  ),
  mutant(
    'a broken wire ends an initiator',
    'initiator/binary-again-heard/wire cut',
    mangled({
      ended(side) {
        if (side.dialled && side.binary) side.inject(encodeBye('closed'));
        return true;
      },
    }),
  ),
  insideMutant(
    'a server that is asked to end says nothing',
    'initiator/binary-again-heard/shutdown',
    mangled({
      record: (record) => (record[0] === 4 ? [] : undefined),
    }),
  ),
  insideMutant(
    'a CLOSE lost in a restart',
    'inside/remembered',
    inside((server) => {
      server.rememberClosed = () => undefined;
    }),
  ),
];

/** Closes every initiator when a client says DONE or goes away. */
function endsWithItsSession(): Fault {
  let server: Server | undefined;
  const close = () => {
    for (const { context } of server?.handlers.all() ?? []) {
      if (context.side === 'initiator') server?.handlers.close(context.id, 'nobody');
    }
  };
  return {
    server: (made) => {
      server = made;
    },
    ...mangled({
      ended(side) {
        if (side.heard.startsWith('HANDLE')) close();
        return true;
      },
      in(chunk) {
        if (chunk.toString('latin1').startsWith('DONE')) close();
        return undefined;
      },
    }),
  };
}

/** No answer goes out while somebody who watches has not read. */
function waitsForWatchers(): Fault {
  const watching: Watcher[] = [];
  return {
    ...mangled({
      line: (line) => (watching.some(({ ready }) => !ready) && !line.startsWith('EVENT') ? [] : undefined),
    }),
    server({ watchers }) {
      const add = watchers.add.bind(watchers);
      watchers.add = (watcher) => {
        watching.push(watcher);
        add(watcher);
      };
    },
  };
}

/** Every Handler that ever stood counts as CLOSEd, also after a restart. */
function remembersAll(): Fault {
  const seen = new Set<string>();
  return inside((server) => {
    const { handlers } = server;
    const begin = handlers.begin.bind(handlers);
    handlers.begin = (...args) => {
      const refusal = begin(...args);
      for (const { context } of handlers.all()) seen.add(context.id);
      return refusal;
    };
    server.wasClosed = (id) => seen.has(id);
  });
}

function guessable(): (bytes: number) => string {
  let count = 0;
  return (bytes) => (++count).toString(16).padStart(2 * bytes, '0');
}
