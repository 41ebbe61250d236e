/** The server machine as a pure function: what it remembers of Handlers that were CLOSEd (PROTOCOL.md section 4). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serverDefinition as machine } from '../../../machines/index.ts';
import { REMEMBERED, REMEMBERED_MOST, type ServerContext } from '../../../machines/server/machine.ts';
import { type AnyEvent, after, checkAll } from './drive.ts';

const test = suite('server machine');

const input = { name: 'north' };
const start = (now: number, boot = 'b1') => ({ type: 'start', boot, version: '1.0.0', name: 'north', now });
const close = (handler: string, now: number) => ({ type: 'closed-handler', handler, now });
const closedOf = (...taken: AnyEvent[]) =>
  (after(machine, input, ...taken).context as ServerContext).closedHandlers;

test('takes in each situation what it should and ignores all else; nothing of it is an effect', () => {
  const events: Record<string, AnyEvent> = {
    start: start(1000),
    listening: { type: 'listening', urls: ['tcp://127.0.0.1:7411'] },
    'closed-handler': close('a', 5),
    reloaded: { type: 'reloaded', files: [] },
    'reload-refused': { type: 'reload-refused', why: 'x' },
    'log-cut': { type: 'log-cut', bytes: 3 },
    stop: { type: 'stop', signal: 'SIGTERM' },
  };
  const anywhere = (state: string) => ({ start: 'running', 'closed-handler': state, 'log-cut': state });
  checkAll(machine, { stopped: after(machine, input), running: after(machine, input, start(0)) }, events, {
    stopped: anywhere('stopped'),
    running: {
      ...anywhere('running'),
      listening: 'running',
      reloaded: 'running',
      'reload-refused': 'running',
      stop: 'stopped',
    },
  });
});

test('ids are remembered for 24 h, across restarts', () => {
  assert.equal(closedOf(start(0), close('a', 10), start(20)), [['a', 10]]);
  assert.equal(closedOf(start(0), close('a', 10), start(9 + REMEMBERED)), [['a', 10]]);
  assert.equal(closedOf(start(0), close('a', 10), start(10 + REMEMBERED)), []);
  assert.equal(closedOf(start(0), close('a', 10), close('b', 10 + REMEMBERED)), [['b', 10 + REMEMBERED]]);
});

test('an id that is closed again counts from then on', () => {
  assert.equal(closedOf(start(0), close('a', 10), close('b', 20), close('a', 30)), [
    ['b', 20],
    ['a', 30],
  ]);
});

test('past the bound the oldest is forgotten', () => {
  const ids = Array.from({ length: 3 }, (_, i) => [`id${i}`, i] as const);
  const full = Array.from({ length: REMEMBERED_MOST }, (_, i) => [`old${i}`, 0] as const);
  const begun = after(machine, input, start(0));
  const snapshot = machine.restore({
    ...begun,
    context: { ...(begun.context as ServerContext), closedHandlers: full },
  });
  let now = snapshot;
  for (const [id, at] of ids) now = machine.next(now, close(id, at));
  const { closedHandlers } = now.context as ServerContext;
  assert.is(closedHandlers.length, REMEMBERED_MOST);
  assert.equal(closedHandlers.slice(-3), ids);
  assert.equal(closedHandlers[0], ['old3', 0]);
});

test('a start from running is what a crash looks like', () => {
  const { context, value } = after(machine, input, start(0), start(5, 'b2'));
  assert.is(value, 'running');
  assert.is((context as ServerContext).boot, 'b2');
});

test.run();
