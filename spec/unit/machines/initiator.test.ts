/** The Handler machine at the initiator as a pure function (PROTOCOL.md section 4). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { redialDelay } from '../../../machines/handler/initiator-context.ts';
import { initiatorDefinition as machine } from '../../../machines/index.ts';
import { type AnyEvent, after, beginning, checkAll, outcome } from './drive.ts';

const test = suite('initiator machine');

const ID = '0123456789abcdef';
const limits = { handle: 15_000, dial: 10_000, firstDelay: 500, lastDelay: 10_000, stable: 60_000 };
const input = {
  id: ID,
  identity: 'ann',
  session: 's1',
  remote: { kind: 'url', scheme: 'tcp', url: 'tcp://proxy:7411' },
  auth: { kind: 'password', identity: 'default', secret: 'secret:1' },
  options: { offload: true, announce: true, l2cp: false },
  since: '2026-01-01T00:00:00.000000Z',
  limits,
  localDevice: { kind: 'tap', ifname: 'vm0' },
  remoteDevice: { kind: 'interface', backend: 'any', ifname: 'lan0' },
  localConfig: { role: 'HOST', multicast: true },
  remoteConfig: { role: 'PROXY', multicast: true },
  macs: ['52:54:00:00:00:01'],
};

const timer = (name: string) => ({ type: 'timer', timer: name, jitter: 0.5 });
const open = { type: 'device-open', mtu: 1500, elastic: false };
const dialled = { type: 'dialled', peer: '10.0.0.2:7411' };
const taken = { type: 'hello-taken' };
const sent = { type: 'begin-sent' };
const up = { type: 'begin-taken', offload: true, mtu: 1400 };
const lost = { type: 'wire-lost', why: 'cut', jitter: 0.5 };
const standing = [open, dialled, taken, sent, up];
const failed = (more: object = {}) => ({
  type: 'dial-failed',
  reason: 'remote-refused',
  final: false,
  jitter: 0.5,
  ...more,
});
const restart = (resume: boolean) => ({ type: 'restart', resume, jitter: 0.5 });

const away = { type: 'device-away', why: 'deleted' };
const back = { type: 'device-back' };

const situations = {
  'opening its device': after(machine, input),
  dialling: after(machine, input, open),
  'saying HELLO': after(machine, input, open, dialled),
  authenticated: after(machine, input, open, dialled, taken),
  handling: after(machine, input, open, dialled, taken, sent),
  'handling, elastic': after(machine, input, { ...open, elastic: true, mtu: 1300 }, dialled, taken, sent),
  binary: after(machine, input, ...standing),
  'binary, heard': after(machine, input, ...standing, { type: 'first-record' }),
  waiting: after(machine, input, ...standing, lost),
  'dialling again': after(machine, input, ...standing, lost, timer('redial')),
  'handling again': after(machine, input, ...standing, lost, timer('redial'), dialled, taken, sent),
  'after a restart': after(machine, input, ...standing, restart(true)),
  'waiting without a device': after(machine, input, ...standing, restart(true), {
    type: 'device-failed',
    reason: 'no-such-device',
    jitter: 0.5,
  }),
  away: after(machine, input, ...standing, away),
  'away, and back': after(machine, input, ...standing, away, back),
  'not resumed': after(machine, input, ...standing, restart(false)),
  'shut down': after(machine, input, ...standing, { type: 'shutdown' }),
};

const events: Record<string, AnyEvent> = {
  'device-open': open,
  'device-failed': { type: 'device-failed', reason: 'device-busy', jitter: 0.5 },
  'device-gone': { type: 'device-gone', why: 'deleted' },
  'device-away': away,
  'device-back': back,
  'device-failed, none there': { type: 'device-failed', reason: 'no-such-device', jitter: 0.5 },
  dialled,
  'hello-taken': taken,
  'begin-sent': sent,
  'begin-taken': up,
  'dial-failed': failed({ remote: '403 forbidden' }),
  'dial-failed, 410': failed({ remote: '410 handler-closed', final: true }),
  'first-record': { type: 'first-record' },
  'wire-lost': lost,
  'bye closed': { type: 'bye', reason: 'closed', jitter: 0.5 },
  'bye device-gone': { type: 'bye', reason: 'device-gone', jitter: 0.5 },
  'bye protocol-error': { type: 'bye', reason: 'protocol-error', jitter: 0.5 },
  'bye shutting-down': { type: 'bye', reason: 'shutting-down', jitter: 0.5 },
  'bye replaced': { type: 'bye', reason: 'replaced', jitter: 0.5 },
  'bye, unknown': { type: 'bye', reason: 'tired', jitter: 0.5 },
  'protocol-error': { type: 'protocol-error', why: 'type 0x05' },
  close: { type: 'close', session: 's2' },
  shutdown: { type: 'shutdown' },
  'handle timer': timer('handle'),
  'dial timer': timer('dial'),
  'redial timer': timer('redial'),
  'stable timer': timer('stable'),
  'away timer': timer('away'),
  restart: restart(true),
  'restart, not to be resumed': restart(false),
};

const QUIET = 'cancel(handle) cancel(dial) cancel(redial) cancel(stable)';
const news = (session: string, reason: string) => `news(${session} handler-failed ${ID} ${reason})`;
const ended = (session: string, reason: string) =>
  `closed: dropWire leaveDevice ${QUIET} ${news(session, reason)}`;
const up1400 = (session: string) =>
  `binary: cancel(handle) cancel(dial) adoptMtu(1400) connect(true 1400 false) arm(stable 60000) ` +
  `news(${session} handler-up ${ID} true 1400)`;

/** What is taken in every state alike; `session` waits for the answer to HANDLE, `-` when none does. */
const anywhere = (session: string) => ({
  'device-gone': `closed: farewell(device-gone) leaveDevice ${QUIET} ${news(session, 'no-such-device')}`,
  close: `closed: farewell(closed) leaveDevice ${QUIET} ${news(session, 'handler-closed')} tellClosed(s2)`,
  shutdown: `unauthenticated: farewell(shutting-down) ${QUIET}`,
  restart: `unauthenticated: openDevice arm(${session === '-' ? 'dial 10000' : 'handle 15000'})`,
  'restart, not to be resumed': 'unauthenticated',
});

/** Before it stood any failure closes it and fails HANDLE. */
const first = anywhere('s1');
const firstTry = { ...first, 'handle timer': ended('s1', 'remote-timeout') };
const firstDial = {
  ...firstTry,
  'dial-failed': ended('s1', 'remote-refused 403 forbidden'),
  'dial-failed, 410': ended('s1', 'remote-refused 410 handler-closed'),
};

/** After that it waits and tries again; only 410 ends it. */
const goes = `unauthenticated: farewell(device-away) awaitDevice ${QUIET} arm(away 600000)`;
const laidDown = anywhere('-');
const later = { ...laidDown, 'device-away': goes };
const again = (attempt: number) => `arm(redial ${500 * 2 ** attempt})`;
const laterTry = (attempt: number) => ({
  ...later,
  'dial timer': `unauthenticated: dropWire ${again(attempt)}`,
});
const laterDial = (attempt: number) => ({
  ...laterTry(attempt),
  'dial-failed': `unauthenticated: dropWire cancel(dial) ${again(attempt)}`,
  'dial-failed, 410': ended('-', 'remote-refused 410 handler-closed'),
});

const broken = `unauthenticated: dropWire cancel(stable) ${again(0)}`;
const over = `closed: dropWire leaveDevice ${QUIET}`;
const standingWire = {
  ...later,
  'wire-lost': broken,
  'bye closed': over,
  'bye device-gone': over,
  'bye protocol-error': over,
  'bye shutting-down': broken,
  'bye replaced': broken,
  'bye, unknown': broken,
  'protocol-error': `closed: leaveDevice ${QUIET}`,
  'stable timer': 'binary',
};

test('begins with its device and the time that HANDLE has', () => {
  assert.is(beginning(machine, input), 'unauthenticated: openDevice arm(handle 15000)');
});

test('takes in each situation what it should, with its effects in order, and ignores all else', () => {
  const dialling = {
    ...firstDial,
    dialled: 'unauthenticated: sayHello',
    'hello-taken': 'authenticated: sayBegin(1500)',
  };
  checkAll(machine, situations, events, {
    'opening its device': {
      ...firstTry,
      'device-open': 'unauthenticated: dial',
      'device-failed': ended('s1', 'device-busy'),
      'device-failed, none there': ended('s1', 'no-such-device'),
    },
    dialling,
    'saying HELLO': dialling,
    authenticated: { ...firstDial, 'begin-sent': 'handling' },
    handling: { ...firstDial, 'begin-taken': up1400('s1') },
    // The far end holds frames against the MTU that BEGIN said: a device that widens has to be told of again.
    'handling, elastic': { ...firstDial, 'begin-taken': 'unauthenticated: adoptMtu(1400) dropWire dial' },
    binary: { ...standingWire, 'first-record': 'binary' },
    'binary, heard': standingWire,
    waiting: { ...later, 'redial timer': 'unauthenticated: dial arm(dial 10000)' },
    'dialling again': {
      ...laterDial(1),
      dialled: 'unauthenticated: sayHello',
      'hello-taken': 'authenticated: sayBegin(1500)',
    },
    'handling again': { ...laterDial(1), 'begin-taken': up1400('-') },
    'after a restart': {
      ...laterTry(0),
      'device-open': 'unauthenticated: dial',
      'device-failed': `unauthenticated: cancel(dial) ${again(0)}`,
      'device-failed, none there': `unauthenticated: cancel(dial) ${again(0)}`,
    },
    // A device that is gone is waited for, and opened when there is one of its name.
    away: {
      ...later,
      'device-back': 'unauthenticated: openDevice arm(dial 10000)',
      'away timer': over,
    },
    'away, and back': {
      ...laterTry(0),
      'device-open': 'unauthenticated: dial',
      'device-failed': `unauthenticated: cancel(dial) ${again(0)}`,
      'device-failed, none there': 'unauthenticated: cancel(dial) awaitDevice',
      'away timer': over,
    },
    'waiting without a device': { ...later, 'redial timer': 'unauthenticated: openDevice arm(dial 10000)' },
    'not resumed': { ...laidDown, 'device-away': 'unauthenticated' },
    'shut down': { ...laidDown, 'device-away': 'unauthenticated' },
  });
});

const mtuEvents = {
  told: { type: 'device-mtu', mtu: 1450, elastic: false, told: true },
  untold: { type: 'device-mtu', mtu: 1450, elastic: false, told: false },
  'as it was': { type: 'device-mtu', mtu: 1500, elastic: false, told: false },
  far: { type: 'far-mtu', mtu: 1350 },
  'far, as it was': { type: 'far-mtu', mtu: 1400 },
};

test('an MTU that changes is told over the wire, or by a new BEGIN; the far one is followed', () => {
  const later = { told: 'unauthenticated: tellMtu', untold: 'unauthenticated: tellMtu' };
  const beginning = { told: 'handling', untold: 'unauthenticated: dropWire dial' };
  const stands = {
    told: 'binary: tellMtu',
    untold: 'unauthenticated: dropWire cancel(stable) dial arm(dial 10000)',
    far: 'binary: followFarMtu(1350) adoptMtu(1350)',
  };
  checkAll(machine, situations, mtuEvents, {
    'opening its device': {},
    dialling: later,
    'saying HELLO': later,
    authenticated: { told: 'authenticated: tellMtu', untold: 'authenticated: tellMtu' },
    handling: beginning,
    'handling, elastic': { ...beginning, 'as it was': 'unauthenticated: dropWire dial' },
    binary: stands,
    'binary, heard': stands,
    waiting: later,
    'dialling again': later,
    'handling again': beginning,
    'after a restart': {},
    'waiting without a device': {},
    away: {},
    'away, and back': {},
    'not resumed': {},
    'shut down': later,
  });
});

test('is at its end in closed', () => {
  for (const event of ['close', 'device-gone'] as const) {
    assert.is(after(machine, input, events[event] as AnyEvent).status, 'done');
  }
});

test('its state is that of section 4 on the way', () => {
  const way = [open, dialled, taken, sent, up, lost, timer('redial'), dialled, taken, sent, up];
  const states = way.map((_, i) => after(machine, input, ...way.slice(0, i + 1)).value);
  const words = 'unauthenticated unauthenticated authenticated handling binary';
  const again = 'unauthenticated unauthenticated unauthenticated authenticated handling binary';
  assert.is(states.join(' '), `${words} ${again}`);
});

test('the delay doubles from 0.5 s to 10 s with a fifth of jitter, and starts anew after 60 s of binary', () => {
  const delays = (jitter: number) =>
    Array.from({ length: 8 }, (_, attempt) => redialDelay(limits, attempt, jitter));
  assert.equal(delays(0.5), [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  assert.equal(delays(0), [400, 800, 1600, 3200, 6400, 8000, 8000, 8000]);
  assert.ok(delays(0.999_999).every((delay, i) => delay <= 1.2 * (delays(0.5)[i] ?? 0)));
  assert.ok(Number.isFinite(redialDelay(limits, 1e9, 0.5)));
  const flapping = [lost, timer('redial'), dialled, taken, sent, up];
  const unstable = after(machine, input, ...standing, ...flapping, ...flapping);
  assert.match(outcome(machine, unstable, lost), /arm\(redial 2000\)/);
  const stable = after(machine, input, ...standing, ...flapping, ...flapping, timer('stable'));
  assert.match(outcome(machine, stable, lost), /arm\(redial 500\)/);
});

test('the PROXY side announces, unless it was told not to', () => {
  const connects = (change: object) =>
    /connect\(([^)]*)\)/.exec(
      outcome(machine, after(machine, { ...input, ...change }, open, dialled, taken, sent), up),
    )?.[1];
  const proxy = { localConfig: { role: 'PROXY', multicast: true } };
  assert.is(connects({}), 'true 1400 false');
  assert.is(connects(proxy), 'true 1400 true');
  assert.is(connects({ ...proxy, options: { ...input.options, announce: false } }), 'true 1400 false');
  assert.is(connects({ options: { ...input.options, offload: false } }), 'false 1400 false');
});

test('its context is plain JSON and holds a reference to the secret at most', () => {
  for (const [name, { context }] of Object.entries(situations)) {
    assert.equal(JSON.parse(JSON.stringify(context)), context, name);
    assert.is(JSON.stringify(context).match(/secret/g)?.length, 2, 'the key and the reference');
  }
});

test.run();
