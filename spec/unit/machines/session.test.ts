/** The Session machine as a pure function (PROTOCOL.md sections 2 to 5). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionDefinition as machine } from '../../../machines/index.ts';
import type { SessionContext } from '../../../machines/session/machine.ts';
import { type AnyEvent, after, beginning, checkAll, outcome } from './drive.ts';

const test = suite('session machine');

const ID = '0123456789abcdef';
const input = {
  id: 's1',
  scheme: 'tcp',
  peer: '10.0.0.1:40000',
  address: '10.0.0.1',
  methods: ['password'],
  limits: { hello: 10_000, idle: 600_000, failedHellos: 3 },
};
const hello = { type: 'HELLO', args: { method: 'password', identity: 'ann', secret: 'secret:1' } };
const verified = { type: 'verified', identity: 'ann' };
const ends = { localDevice: { kind: 'tap', ifname: 't' }, macs: ['*'] };
const handle = { type: 'HANDLE', handler: ID, args: ends };
const begin = { type: 'BEGIN', args: { handler: ID, mtu: 1500 } };
const about = (type: string, more: object = {}) => ({ type, handler: ID, ...more });
const objected = (type: string) => ({ type, objection: { reason: 'no-such-handler' }, length: 9 });

const situations = {
  new: after(machine, input),
  verifying: after(machine, input, hello),
  'failed twice': after(machine, input, hello, rejected(), hello, rejected()),
  'verifying, the last time': after(machine, input, hello, rejected(), hello, rejected(), hello),
  'verifying, overdue': after(machine, input, hello, { type: 'timer', timer: 'hello' }),
  authenticated: after(machine, input, hello, verified),
  watching: after(machine, input, hello, verified, { type: 'WATCH' }),
  closing: after(machine, input, hello, verified, { type: 'CLOSE', args: { handler: ID } }),
  handling: after(machine, input, hello, verified, handle),
  beginning: after(machine, input, hello, verified, begin),
  binary: after(machine, input, hello, verified, begin, about('handler-up', { offload: true, mtu: 1500 })),
};

function rejected(): AnyEvent {
  return { type: 'rejected', reason: 'authentication-failed' };
}

const events: Record<string, AnyEvent> = {
  HELLO: hello,
  'HELLO cert': { type: 'HELLO', args: { method: 'cert' } },
  'HELLO local': { type: 'HELLO', args: { method: 'local' } },
  'HELLO ?': { type: 'HELLO', objection: { reason: 'syntax' }, length: 7 },
  DONE: { type: 'DONE' },
  'DONE ?': { type: 'DONE', objection: { reason: 'syntax' }, length: 7 },
  'DEVICES?': { type: 'DEVICES?' },
  'HANDLERS?': { type: 'HANDLERS?' },
  'STATUS?': { type: 'STATUS?' },
  'STATS?': { type: 'STATS?', args: { handler: ID } },
  'STATS? ?': objected('STATS?'),
  'HELP?': { type: 'HELP?' },
  WATCH: { type: 'WATCH' },
  HANDLE: handle,
  'HANDLE ?': objected('HANDLE'),
  BEGIN: begin,
  'BEGIN ?': objected('BEGIN'),
  CLOSE: { type: 'CLOSE', args: { handler: ID } },
  'CLOSE ?': objected('CLOSE'),
  'bad line': { type: 'bad-line', reason: 'syntax', length: 3 },
  'long line': { type: 'bad-line', reason: 'line-too-long', length: 8192 },
  'empty line': { type: 'empty-line' },
  verified,
  rejected: rejected(),
  'handler up': about('handler-up', { offload: false, mtu: 1400 }),
  'handler failed': about('handler-failed', { reason: 'remote-refused', remote: '403 forbidden' }),
  'handler closed': about('handler-closed'),
  'other handler up': { type: 'handler-up', handler: 'fedcba9876543210', offload: true, mtu: 1 },
  'other handler failed': { type: 'handler-failed', handler: 'fedcba9876543210', reason: 'timeout' },
  'other handler closed': { type: 'handler-closed', handler: 'fedcba9876543210' },
  'early bytes': { type: 'early-bytes' },
  'hello timer': { type: 'timer', timer: 'hello' },
  'idle timer': { type: 'timer', timer: 'idle' },
  end: { type: 'end' },
  lost: { type: 'lost', why: 'reset' },
  evicted: { type: 'evicted' },
  'wire ended': { type: 'wire-ended' },
  shutdown: { type: 'shutdown' },
  restart: { type: 'restart' },
};

test('begins with the greeting and the HELLO time-out', () => {
  assert.is(beginning(machine, input), 'unauthenticated: greet(password) arm(hello 10000)');
});

const IDLE = 'arm(idle 600000)';

/** The same outcome for each of these events. */
function all(names: readonly string[], text: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, text]));
}

const VERBS = Object.keys(events).filter((name) => /^[A-Z]/.test(name));
/** What HELLO, DONE and HELP? are not. */
const WANT_HELLO = VERBS.filter((name) => !/^(HELLO|DONE|HELP)/.test(name));
const HELLOS = ['HELLO', 'HELLO cert', 'HELLO local', 'HELLO ?'];

const unauthenticated = {
  ...all(WANT_HELLO, 'unauthenticated: refuse(not-authenticated)'),
  HELLO: 'unauthenticated: verify(password ann secret:1)',
  'HELLO cert': 'unauthenticated: refuse(tls-required)',
  'HELLO local': 'unauthenticated: refuse(authentication-failed)',
  'HELLO ?': 'unauthenticated: refuse(syntax)',
  DONE: 'closed: answer(OK) hangUp',
  'DONE ?': 'unauthenticated: refuse(syntax)',
  'HELP?': 'unauthenticated: report(HELP? unauthenticated)',
  'bad line': 'unauthenticated: refuse(syntax)',
  'long line': 'closed: refuse(line-too-long) hangUp',
  'hello timer': 'closed: refuse(timeout) hangUp',
  end: 'closed: hangUp',
  lost: 'closed',
  evicted: 'closed: refuse(too-many-sessions) hangUp',
  shutdown: 'closed: hangUp',
  restart: 'closed',
};

const verifying = {
  ...unauthenticated,
  verified: `authenticated: cancel(hello) answer(OK session=s1 identity=ann) ${IDLE}`,
  rejected: 'unauthenticated: refuse(authentication-failed)',
  // A right HELLO that is being checked is not late.
  'hello timer': 'unauthenticated',
};

const REPORTS = ['DEVICES?', 'HANDLERS?', 'STATUS?', 'HELP?'];
const OBJECTED = ['STATS? ?', 'HANDLE ?', 'BEGIN ?', 'CLOSE ?'];

/** Every line ends a watch, and counts the idle time anew. */
const authenticated = {
  ...all(HELLOS, `authenticated: unwatch refuse(wrong-state) ${IDLE}`),
  ...all(OBJECTED, `authenticated: unwatch refuse(no-such-handler) ${IDLE}`),
  ...Object.fromEntries(
    REPORTS.map((verb) => [verb, `authenticated: unwatch report(${verb} authenticated) ${IDLE}`]),
  ),
  'STATS?': `authenticated: unwatch report(STATS? authenticated ${ID}) ${IDLE}`,
  DONE: 'closed: cancel(idle) unwatch answer(OK) hangUp',
  'DONE ?': `authenticated: unwatch refuse(syntax) ${IDLE}`,
  WATCH: 'authenticated: unwatch cancel(idle) answer(OK) watch',
  HANDLE: `handling: cancel(idle) unwatch open(${ID} tap t *)`,
  BEGIN: `handling: cancel(idle) unwatch begin(${ID} 1500)`,
  CLOSE: `authenticated: unwatch cancel(idle) close(${ID})`,
  'bad line': `authenticated: unwatch refuse(syntax) ${IDLE}`,
  'long line': 'closed: cancel(idle) refuse(line-too-long) hangUp',
  end: 'closed: cancel(idle) unwatch hangUp',
  lost: 'closed: cancel(idle) unwatch',
  shutdown: 'closed: cancel(idle) unwatch hangUp',
  restart: 'closed: cancel(idle)',
};

test('takes in each situation what it should, with its effects in order, and ignores all else', () => {
  checkAll(machine, situations, events, {
    new: unauthenticated,
    verifying,
    'failed twice': {
      ...unauthenticated,
      'HELLO cert': 'closed: refuse(tls-required) hangUp',
      'HELLO local': 'closed: refuse(authentication-failed) hangUp',
    },
    'verifying, the last time': {
      ...verifying,
      'HELLO cert': 'closed: refuse(tls-required) hangUp',
      'HELLO local': 'closed: refuse(authentication-failed) hangUp',
      rejected: 'closed: refuse(authentication-failed) hangUp',
    },
    'verifying, overdue': { ...verifying, rejected: 'closed: refuse(authentication-failed) hangUp' },
    authenticated: { ...authenticated, 'idle timer': 'closed: cancel(idle) refuse(timeout) hangUp' },
    watching: { ...authenticated, 'empty line': `authenticated: unwatch ${IDLE}` },
    closing: { ...authenticated, 'handler closed': `authenticated: answer(OK) ${IDLE}` },
    handling: {
      'handler up': `authenticated: answer(OK handler=${ID}) ${IDLE}`,
      'handler failed': `authenticated: refuse(remote-refused) ${IDLE}`,
      lost: 'closed',
      shutdown: 'closed: hangUp',
      restart: 'closed',
    },
    beginning: {
      'handler up': `binary: becomeWire(${ID} OK handler=${ID} offload=off mtu=1400)`,
      'handler failed': `authenticated: refuse(remote-refused) ${IDLE}`,
      'early bytes': `closed: refuse(syntax) abandon(${ID}) hangUp`,
      lost: `closed: abandon(${ID})`,
      shutdown: `closed: abandon(${ID}) hangUp`,
      restart: 'closed',
    },
    binary: { 'wire ended': 'closed', restart: 'closed' },
  });
});

test('is at its end in closed: nothing is taken any more', () => {
  const closed = after(machine, input, { type: 'DONE' });
  assert.is(closed.status, 'done');
});

test('three failed HELLOs of whatever kind close it, and a right one forgets nothing of them', () => {
  const wrong = { type: 'HELLO', args: { method: 'local' } };
  const twice = after(machine, input, wrong, hello, rejected());
  assert.is(twice.value, 'unauthenticated');
  assert.is(outcome(machine, twice, wrong), 'closed: refuse(authentication-failed) hangUp');
  const context = after(machine, input, wrong, hello, rejected(), hello, verified).context as SessionContext;
  assert.is(context.failedHellos, 2);
  assert.is(context.identity, 'ann');
});

test('the answer to BEGIN says whether super-frames may come', () => {
  const up = about('handler-up', { offload: true, mtu: 9000 });
  assert.is(
    outcome(machine, situations.beginning, up),
    `binary: becomeWire(${ID} OK handler=${ID} offload=on mtu=9000)`,
  );
});

test('a HELLO by a method that is not offered is told why', () => {
  const told = (scheme: string, methods: readonly string[], method: string) => {
    const event = { type: 'HELLO', args: { method, identity: 'ann', secret: 'secret:1' } };
    return outcome(machine, after(machine, { ...input, scheme, methods }), event);
  };
  const refusal = (reason: string) => `unauthenticated: refuse(${reason})`;
  assert.is(told('tcp', [], 'password'), refusal('tls-required'));
  assert.is(told('tls', ['cert'], 'password'), refusal('authentication-failed'));
  assert.is(told('unix', ['local'], 'password'), refusal('authentication-failed'));
  assert.is(told('unix', ['local'], 'cert'), refusal('tls-required'));
  assert.is(told('tls', ['password'], 'cert'), refusal('authentication-failed'));
  assert.is(told('tls', ['password'], 'local'), refusal('authentication-failed'));
  assert.is(told('unix', ['local'], 'local'), 'unauthenticated: verify(local ann secret:1)');
});

test('its context is plain JSON and holds references to secrets at most', () => {
  for (const [name, snapshot] of Object.entries(situations)) {
    assert.equal(JSON.parse(JSON.stringify(snapshot.context)), snapshot.context, name);
    assert.not.match(JSON.stringify(snapshot.context), /secret/, name);
  }
});

test.run();
