/** The device machine as a pure function (PROTOCOL.md section 3.1). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceDefinition as machine } from '../../../machines/index.ts';
import { type AnyEvent, after, beginning, checkAll } from './drive.ts';

const test = suite('device machine');

const input = {
  name: 'tap:t0',
  spec: { kind: 'tap', ifname: 't0' },
  creates: true,
  handler: 'handler:a',
  wantedMtu: null,
  identity: null,
};
const foreign = { ...input, creates: false };
const opened = { type: 'opened', ifindex: 7, kernel: 'k', mtu: 1500, backend: 'tap' };
const joinB = { type: 'join', handler: 'handler:b' };
const leaveA = { type: 'leave', handler: 'handler:a' };
const failed = { type: 'failed', reason: 'device-busy' };
const restart = (...handlers: string[]) => ({ type: 'restart', handlers });

const situations = {
  opening: after(machine, input),
  'opening, unwanted': after(machine, input, leaveA),
  'opening once more': after(machine, input, opened, restart('handler:a'), {
    type: 'join',
    handler: 'handler:a',
  }),
  'opening once more, unwanted': after(
    machine,
    input,
    opened,
    restart('handler:a'),
    { type: 'join', handler: 'handler:a' },
    leaveA,
  ),
  open: after(machine, input, opened),
  'open, of two': after(machine, input, opened, joinB),
  'open, not ours': after(machine, foreign, opened),
  held: after(machine, input, opened, restart('handler:a')),
  'held, not ours': after(machine, foreign, opened, restart('handler:a')),
  closing: after(machine, input, opened, leaveA),
};

const events: Record<string, AnyEvent> = {
  'join b': joinB,
  'leave a': leaveA,
  'leave c': { type: 'leave', handler: 'handler:c' },
  opened,
  failed,
  gone: { type: 'gone', why: 'deleted' },
  interrupted: { type: 'interrupted', why: 'killed' },
  recovered: { type: 'recovered' },
  released: { type: 'released' },
  'restart, wanted': restart('handler:a'),
  'restart, not wanted': restart(),
};

test('begins with opening', () => {
  assert.is(beginning(machine, input), 'opening: open(true)');
  assert.is(beginning(machine, foreign), 'opening: open(false)');
});

test('takes in each situation what it should, with its effects in order, and ignores all else', () => {
  const restarts = { 'restart, wanted': 'held', 'restart, not wanted': 'closing: release(true)' };
  const foreignRestarts = { ...restarts, 'restart, not wanted': 'closing: release(false)' };
  const opening = { ...restarts, 'join b': 'opening', 'leave a': 'opening', 'leave c': 'opening' };
  checkAll(machine, situations, events, {
    opening: {
      ...opening,
      opened: 'open: tellOpened(handler:a)',
      failed: 'closed: tellFailed(handler:a device-busy)',
    },
    'opening, unwanted': {
      ...opening,
      opened: 'closing: release(true)',
      failed: 'closed: tellFailed(device-busy)',
    },
    // What we made stays ours although it could not be opened again.
    'opening once more': {
      ...opening,
      opened: 'open: tellOpened(handler:a)',
      failed: 'held: tellFailed(handler:a device-busy)',
    },
    'opening once more, unwanted': {
      ...opening,
      opened: 'closing: release(true)',
      failed: 'closing: release(true)',
    },
    open: {
      ...restarts,
      'join b': 'open: welcome(handler:b)',
      'leave a': 'closing: release(true)',
      'leave c': 'open',
      interrupted: 'open',
      recovered: 'open',
      gone: 'closing: tellGone(handler:a deleted) release(false)',
    },
    'open, of two': {
      ...restarts,
      'join b': 'open: welcome(handler:b)',
      'leave a': 'open',
      'leave c': 'open',
      interrupted: 'open',
      recovered: 'open',
      gone: 'closing: tellGone(handler:a handler:b deleted) release(false)',
    },
    'open, not ours': {
      ...foreignRestarts,
      'join b': 'open: welcome(handler:b)',
      'leave a': 'closing: release(false)',
      'leave c': 'open',
      interrupted: 'open',
      recovered: 'open',
      gone: 'closing: tellGone(handler:a deleted) release(false)',
    },
    held: {
      ...restarts,
      'join b': 'opening: open(true)',
      'leave a': 'closing: release(true)',
      'leave c': 'held',
    },
    'held, not ours': {
      ...foreignRestarts,
      'join b': 'opening: open(false)',
      'leave a': 'closing: release(false)',
      'leave c': 'held',
    },
    closing: { ...restarts, released: 'closed' },
  });
});

test('is at its end in closed', () => {
  assert.is(after(machine, input, failed).status, 'done');
  assert.is(after(machine, input, opened, leaveA, { type: 'released' }).status, 'done');
});

test('a Handler is on it once, however often it joins', () => {
  const { context } = after(machine, input, opened, joinB, joinB, joinB);
  assert.equal((context as { handlers: string[] }).handlers, ['handler:a', 'handler:b']);
});

test.run();
