/**
 * What a Session remembers: which fields of its context an event changes, along whole lives. (What it does is in the
 * tests of each machine.) HANDLERS?, STATUS?, the log and what comes later depend on these fields.
 */
import { suite } from 'uvu';
import { sessionDefinition } from '../../../machines/index.ts';
import { ends, ID, walk } from './contexts.ts';
import type { AnyEvent } from './drive.ts';

const test = suite('contexts of a Session');

const sessionInput = {
  id: 's1',
  scheme: 'tcp',
  peer: '10.0.0.1:40000',
  address: '10.0.0.1',
  methods: ['password'],
  limits: { hello: 10_000, idle: 600_000, failedHellos: 5 },
};
const hello = { type: 'HELLO', args: { method: 'password', identity: 'ann', secret: 'secret:1' } };
const wrong = { type: 'HELLO', args: { method: 'local' } };
const rejected = { type: 'rejected', reason: 'authentication-failed' };
const verified = { type: 'verified', identity: 'ann' };
const helloTimer = { type: 'timer', timer: 'hello' };
const idleTimer = { type: 'timer', timer: 'idle' };
const watch = { type: 'WATCH' };
const close = { type: 'CLOSE', args: { handler: ID } };
const handle = { type: 'HANDLE', handler: ID, args: ends };
const begin = { type: 'BEGIN', args: { handler: ID, mtu: 1500 } };
const closed = { type: 'handler-closed', handler: ID };
const up = { type: 'handler-up', handler: ID, offload: true, mtu: 1400 };
const known: readonly (readonly [AnyEvent, string])[] = [
  [hello, 'pending=verify'],
  [verified, 'identity=ann pending=null'],
];

test('a session counts its failed HELLOs, and knows that one came in time', () => {
  walk(sessionDefinition, sessionInput, [
    [wrong, 'failedHellos=1'],
    [hello, 'pending=verify'],
    [rejected, 'failedHellos=2 pending=null'],
    [hello, 'pending=verify'],
    [idleTimer, ''],
    [helloTimer, 'overdue=true'],
    [verified, 'identity=ann pending=null overdue=false'],
  ]);
  const last = { ...sessionInput, limits: { ...sessionInput.limits, failedHellos: 1 } };
  walk(sessionDefinition, last, [[wrong, 'failedHellos=1']]);
  const overdue = [hello, helloTimer].map((event, i) => [event, ['pending=verify', 'overdue=true'][i] ?? '']);
  walk(sessionDefinition, sessionInput, [
    ...(overdue as [AnyEvent, string][]),
    [rejected, 'failedHellos=1 pending=null'],
  ]);
  walk(sessionDefinition, last, [
    [hello, 'pending=verify'],
    [rejected, 'failedHellos=1 pending=null'],
  ]);
});

test('a session watches until any line or its end', () => {
  const objected = { objection: { reason: 'syntax' } };
  const enders: readonly AnyEvent[] = [
    ...[
      'DONE',
      'HELLO',
      'DEVICES?',
      'HANDLERS?',
      'STATUS?',
      'HELP?',
      'empty-line',
      'end',
      'lost',
      'shutdown',
    ].map((type) => ({ type })),
    { type: 'STATS?', args: { handler: ID } },
    { type: 'WATCH', ...objected },
    { type: 'CLOSE', ...objected },
    { type: 'bad-line', reason: 'syntax', length: 1 },
  ];
  for (const event of enders) {
    walk(sessionDefinition, sessionInput, [...known, [watch, 'watching=true'], [event, 'watching=false']]);
  }
  walk(sessionDefinition, sessionInput, [...known, [watch, 'watching=true'], [idleTimer, ''], [watch, '']]);
});

test('a session knows what it waits for', () => {
  const handling = `handler=${ID} request=HANDLE`;
  const beginning = `handler=${ID} request=BEGIN`;
  const none = 'handler=null request=null';
  walk(sessionDefinition, sessionInput, [
    ...known,
    [watch, 'watching=true'],
    [handle, `watching=false ${handling}`],
    [{ type: 'handler-failed', handler: ID, reason: 'timeout' }, none],
    [handle, handling],
    [up, none],
    [watch, 'watching=true'],
    [close, `pending=close watching=false handler=${ID}`],
    // Its CLOSE is under way: it is not idle.
    [idleTimer, ''],
    [closed, 'pending=null handler=null'],
    [watch, 'watching=true'],
    [begin, `watching=false ${beginning}`],
    [{ type: 'handler-failed', handler: ID, reason: 'timeout' }, none],
    [begin, beginning],
    [up, ''],
  ]);
});

test.run();
