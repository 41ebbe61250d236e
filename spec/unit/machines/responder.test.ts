/** The Handler machine at the responder as a pure function (PROTOCOL.md section 4). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { responderDefinition as machine } from '../../../machines/index.ts';
import { type AnyEvent, after, beginning, checkAll, outcome } from './drive.ts';

const test = suite('responder machine');

const ID = '0123456789abcdef';
const input = {
  id: ID,
  identity: 'ann',
  session: 's1',
  peer: '10.0.0.1',
  farMtu: 1400,
  options: { offload: true, announce: true, l2cp: false },
  since: '2026-01-01T00:00:00.000000Z',
  limits: { grace: 60_000 },
  localDevice: { kind: 'interface', backend: 'any', ifname: 'lan0' },
  remoteDevice: { kind: 'tap', ifname: 'vm0' },
  localConfig: { role: 'PROXY', multicast: true },
  remoteConfig: { role: 'HOST', multicast: true },
  macs: ['52:54:00:00:00:01'],
};

const open = { type: 'device-open', mtu: 1500, elastic: false };
const heard = { type: 'first-record' };
const lost = { type: 'wire-lost', why: 'cut', jitter: 0.5 };
const begin = {
  type: 'begin',
  session: 's2',
  peer: '10.0.0.3',
  farMtu: 1300,
  options: { offload: false, announce: false, l2cp: true },
};

const away = { type: 'device-away', why: 'deleted' };

const situations = {
  'opening its device': after(machine, input),
  'opening, taken over': after(machine, input, begin),
  binary: after(machine, input, open),
  'binary, heard': after(machine, input, open, heard),
  waiting: after(machine, input, open, heard, lost),
  'taken up again': after(machine, input, open, heard, lost, begin),
  away: after(machine, input, open, heard, away),
  'away, begun': after(machine, input, open, heard, away, begin),
  'shut down': after(machine, input, open, heard, { type: 'shutdown' }),
  'shut down while opening': after(machine, input, { type: 'shutdown' }),
};

const events: Record<string, AnyEvent> = {
  'device-open': open,
  'device-failed': { type: 'device-failed', reason: 'device-busy', jitter: 0.5 },
  'device-gone': { type: 'device-gone', why: 'deleted' },
  'device-away': away,
  'device-back': { type: 'device-back' },
  begin,
  'abandoned by s1': { type: 'abandoned', session: 's1' },
  'abandoned by s2': { type: 'abandoned', session: 's2' },
  yield: { type: 'yield', to: 'fedcba9876543210' },
  'first-record': heard,
  'wire-lost': lost,
  'bye closed': { type: 'bye', reason: 'closed', jitter: 0.5 },
  'bye device-gone': { type: 'bye', reason: 'device-gone', jitter: 0.5 },
  'bye protocol-error': { type: 'bye', reason: 'protocol-error', jitter: 0.5 },
  'bye shutting-down': { type: 'bye', reason: 'shutting-down', jitter: 0.5 },
  'bye replaced': { type: 'bye', reason: 'replaced', jitter: 0.5 },
  'protocol-error': { type: 'protocol-error', why: 'type 0x05' },
  close: { type: 'close', session: 's3' },
  shutdown: { type: 'shutdown' },
  'away timer': { type: 'timer', timer: 'away' },
  'grace timer': { type: 'timer', timer: 'grace' },
  restart: { type: 'restart', resume: false, jitter: 0 },
};

const news = (session: string, reason: string) => `news(${session} handler-failed ${ID} ${reason})`;
const over = 'closed: dropWire leaveDevice cancel(grace)';

/** What is taken in every state alike; `session` brought the newest BEGIN, `-` when that one is gone. */
const anywhere = (session: string) => ({
  'device-gone': `closed: farewell(device-gone) leaveDevice cancel(grace) ${news(session, 'no-such-device')}`,
  close:
    `closed: remember farewell(closed) leaveDevice cancel(grace) ${news(session, 'handler-closed')} ` +
    'tellClosed(s3)',
  shutdown: 'handling: farewell(shutting-down) cancel(grace)',
  restart: 'closed',
});

const opening = (session: string) => ({
  ...anywhere(session),
  [`abandoned by ${session}`]: over,
  begin: `handling: ${news(session, 'handler-exists')}`,
  'device-failed': `closed: leaveDevice ${news(session, 'device-busy')}`,
});

const taken = `cancel(grace) connect(false 1300 false) news(s2 handler-up ${ID} false 1500)`;

/** @param broken what comes of a wire that breaks */
const binary = (session: string, broken: string) => ({
  ...anywhere(session),
  [`abandoned by ${session}`]: over,
  begin: `binary: farewell(replaced) ${taken}`,
  'wire-lost': broken,
  'bye closed': over,
  'bye device-gone': over,
  'bye protocol-error': over,
  'bye shutting-down': broken,
  'bye replaced': broken,
  'protocol-error': 'closed: leaveDevice',
});

const goes = 'handling: farewell(device-away) awaitDevice arm(grace 60000) arm(away 600000)';
const waiting = {
  ...anywhere('-'),
  begin: `binary: ${taken}`,
  yield: over,
  'grace timer': over,
  'away timer': over,
};

test('begins in handling, with its device', () => {
  assert.is(beginning(machine, input), 'handling: openDevice');
});

test('takes in each situation what it should, with its effects in order, and ignores all else', () => {
  checkAll(machine, situations, events, {
    'opening its device': {
      ...opening('s1'),
      'device-open': `binary: cancel(grace) connect(true 1400 true) news(s1 handler-up ${ID} true 1500)`,
    },
    'opening, taken over': { ...opening('s2'), 'device-open': `binary: ${taken}` },
    // Before a single record came a broken wire closes it; after that it waits.
    binary: { ...binary('s1', over), 'first-record': 'binary' },
    'binary, heard': {
      ...binary('s1', 'handling: dropWire arm(grace 60000)'),
      'device-away': goes,
    },
    waiting: { ...waiting, 'device-away': goes },
    // A device that is gone is waited for; BEGIN is let in only when there is one of its name.
    away: {
      ...waiting,
      'device-back': 'handling: openDevice',
      'device-open': 'handling: cancel(away) arm(grace 60000)',
      'device-failed': 'handling: awaitDevice',
      begin: 'handling: openDevice',
      'away timer': `${over} ${news('-', 'no-such-device')}`,
    },
    'away, begun': {
      ...opening('s2'),
      'device-open': `binary: cancel(away) ${taken}`,
      'device-failed': `handling: ${news('s2', 'device-busy')} awaitDevice arm(grace 60000)`,
      'abandoned by s2': 'handling: arm(grace 60000)',
      'away timer': `${over} ${news('s2', 'no-such-device')}`,
    },
    'taken up again': { ...binary('s2', over), 'first-record': 'binary' },
    'shut down': { ...waiting, 'device-away': goes },
    // The device may still come; nobody is there for it any more.
    'shut down while opening': { ...waiting, begin: `handling: ${news('-', 'handler-exists')}` },
  });
});

const mtuEvents = {
  told: { type: 'device-mtu', mtu: 1450, elastic: false, told: true },
  untold: { type: 'device-mtu', mtu: 1450, elastic: false, told: false },
  'as it was': { type: 'device-mtu', mtu: 1500, elastic: false, told: false },
  far: { type: 'far-mtu', mtu: 1350 },
  'far, as it was': { type: 'far-mtu', mtu: 1400 },
};

test('an MTU that changes is told over the wire, or by the next BEGIN; the far one is followed', () => {
  const waits = { told: 'handling: tellMtu', untold: 'handling: tellMtu' };
  const stands = {
    told: 'binary: tellMtu',
    untold: 'binary: tellMtu',
    far: 'binary: followFarMtu(1350) adoptMtu(1350)',
  };
  checkAll(machine, situations, mtuEvents, {
    'opening its device': {},
    'opening, taken over': {},
    binary: stands,
    'binary, heard': { ...stands, untold: 'handling: farewell(shutting-down) arm(grace 60000)' },
    waiting: waits,
    'taken up again': { ...stands, 'far, as it was': 'binary: followFarMtu(1400) adoptMtu(1400)' },
    away: {},
    'away, begun': {},
    'shut down': waits,
    'shut down while opening': {},
  });
});

test('only CLOSE is remembered', () => {
  const remembered = Object.entries(events).filter(([, event]) =>
    Object.values(situations).some((snapshot) => outcome(machine, snapshot, event).includes('remember')),
  );
  assert.equal(
    remembered.map(([name]) => name),
    ['close'],
  );
});

test('a BEGIN that takes it over brings its own session, address, MTU and options', () => {
  for (const name of ['opening, taken over', 'taken up again'] as const) {
    const context = situations[name].context as Record<string, unknown>;
    assert.is(context.session, 's2');
    assert.is(context.peer, '10.0.0.3');
    assert.is(context.farMtu, 1300);
    assert.equal(context.options, begin.options);
  }
});

test('its context is plain JSON without a secret', () => {
  for (const [name, { context }] of Object.entries(situations)) {
    assert.equal(JSON.parse(JSON.stringify(context)), context, name);
    assert.not.match(JSON.stringify(context), /secret|password/);
  }
});

test.run();
