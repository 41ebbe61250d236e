/**
 * What a Handler remembers: which fields of its context an event changes, along whole lives. (What it does is in the
 * tests of each machine.) HANDLERS?, STATUS?, the log and what comes later depend on these fields.
 */
import { suite } from 'uvu';
import { initiatorDefinition, responderDefinition } from '../../../machines/index.ts';
import { ends, ID, walk } from './contexts.ts';
import type { AnyEvent } from './drive.ts';

const test = suite('contexts of a Handler');

const common = {
  id: ID,
  identity: 'ann',
  session: 's1',
  options: { offload: true, announce: true, l2cp: false },
  since: '2026-01-01T00:00:00.000000Z',
  ...ends,
};

const initiatorInput = {
  ...common,
  remote: { kind: 'url', scheme: 'tcp', url: 'tcp://proxy:7411' },
  auth: { kind: 'password', identity: 'default', secret: 'secret:1' },
  limits: { handle: 15_000, dial: 10_000, firstDelay: 500, lastDelay: 10_000, stable: 60_000 },
};
const timer = (name: string) => ({ type: 'timer', timer: name, jitter: 0.5 });
const opened = (elastic: boolean) => ({ type: 'device-open', mtu: 1300, elastic });
const dialled = { type: 'dialled', peer: '10.0.0.2:7411' };
const lost = { type: 'wire-lost', why: 'cut', jitter: 0.5 };
const firstRecord = { type: 'first-record' };
const restart = (resume: boolean) => ({ type: 'restart', resume, jitter: 0.5 });
const bye = (reason: string) => ({ type: 'bye', reason, jitter: 0.5 });
const dialFailed = (more: object) => ({
  type: 'dial-failed',
  reason: 'remote-refused',
  final: false,
  jitter: 0.5,
  ...more,
});
const taken = { type: 'begin-taken', offload: true, mtu: 1400 };
const quiet = (...types: string[]) => types.map((type) => [{ type }, ''] as const);
const toBegin = quiet('hello-taken', 'begin-sent');
const upFirst: readonly (readonly [AnyEvent, string])[] = [
  [opened(false), 'phase=dialling deviceOpen=true mtu=1300'],
  [dialled, 'peer=10.0.0.2:7411'],
  ...toBegin,
  [taken, 'session=null farMtu=1400 offload=true everBinary=true'],
];
const redialled: readonly (readonly [AnyEvent, string])[] = [
  [timer('redial'), 'phase=dialling'],
  [dialled, ''],
  ...toBegin,
];
const heard = [firstRecord, 'heard=true'] as const;

test('an initiator remembers its device, its wire, and why it dials again', () => {
  walk(initiatorDefinition, initiatorInput, [
    ...upFirst,
    heard,
    [lost, 'phase=waiting attempt=1 heard=false why=cut'],
    ...redialled,
    [taken, 'why=null'],
    heard,
    [bye('shutting-down'), 'phase=waiting attempt=2 heard=false why=bye shutting-down'],
    [timer('redial'), 'phase=dialling'],
    [dialFailed({ remote: '403 forbidden' }), 'phase=waiting attempt=3 why=remote-refused (403 forbidden)'],
    [timer('redial'), 'phase=dialling'],
    [dialFailed({}), 'phase=waiting attempt=4 why=remote-refused'],
    [timer('redial'), 'phase=dialling'],
    [timer('dial'), 'phase=waiting attempt=5 why=remote-timeout'],
    ...redialled,
    [{ ...taken, offload: false, mtu: 1280 }, 'farMtu=1280 offload=false why=null'],
    [timer('stable'), 'attempt=0'],
    [{ type: 'protocol-error', why: 'type 0x05' }, 'why=protocol error: type 0x05'],
  ]);
});

test('a device that follows the other end takes its MTU when that is larger, and once', () => {
  walk(initiatorDefinition, initiatorInput, [
    [opened(true), 'phase=dialling deviceOpen=true mtu=1300 elastic=true'],
    [dialled, 'peer=10.0.0.2:7411'],
    ...toBegin,
    [taken, 'mtu=1400'],
    [dialled, ''],
    ...toBegin,
    [taken, 'session=null farMtu=1400 offload=true everBinary=true'],
  ]);
});

test('offload is what both ends want', () => {
  const off = { ...initiatorInput, options: { ...common.options, offload: false } };
  walk(initiatorDefinition, off, [
    ...upFirst.slice(0, -1),
    [taken, 'session=null farMtu=1400 everBinary=true'],
  ]);
});

test('an initiator begins anew after a restart, or lies down', () => {
  const again = [
    ...upFirst,
    [lost, 'phase=waiting attempt=1 why=cut'],
    ...redialled,
    [taken, 'why=null'],
    heard,
  ];
  walk(initiatorDefinition, initiatorInput, [
    ...(again as [AnyEvent, string][]),
    [restart(true), 'phase=device deviceOpen=false attempt=0 heard=false'],
    [
      { type: 'device-failed', reason: 'device-busy', jitter: 0.5 },
      'phase=waiting attempt=1 why=device-busy',
    ],
    [timer('redial'), 'phase=device'],
    [opened(false), 'phase=dialling deviceOpen=true'],
  ]);
  walk(initiatorDefinition, initiatorInput, [
    ...upFirst,
    heard,
    [restart(false), 'phase=idle deviceOpen=false heard=false'],
  ]);
  for (const resume of [true, false]) {
    const phase = resume ? 'phase=device' : 'phase=idle';
    walk(initiatorDefinition, initiatorInput, [
      [opened(false), 'phase=dialling deviceOpen=true mtu=1300'],
      [restart(resume), `session=null ${phase} deviceOpen=false`],
    ]);
  }
});

test('an initiator knows why it ended', () => {
  const reasons: readonly (readonly [AnyEvent, string])[] = [
    [{ type: 'close', session: 's2' }, 'why=CLOSE'],
    [{ type: 'device-gone', why: 'deleted' }, 'why=device gone: deleted'],
    [{ type: 'shutdown' }, 'phase=idle heard=false why=shutdown'],
    [bye('closed'), 'why=bye closed'],
  ];
  for (const reason of reasons) walk(initiatorDefinition, initiatorInput, [...upFirst, heard, reason]);
  const early: readonly (readonly [AnyEvent, string])[] = [
    [timer('handle'), 'why=remote-timeout'],
    [{ type: 'device-failed', reason: 'no-such-device', jitter: 0.5 }, 'why=no-such-device'],
  ];
  for (const reason of early) walk(initiatorDefinition, initiatorInput, [reason]);
  const final = dialFailed({ remote: '410 handler-closed', final: true });
  for (const event of [final, { ...final, final: false }]) {
    walk(initiatorDefinition, initiatorInput, [
      ...upFirst.slice(0, 2),
      [event, 'why=remote-refused (410 handler-closed)'],
    ]);
  }
});

// The Handler at the responder

const responderInput = { ...common, peer: '10.0.0.1', farMtu: 1400, limits: { grace: 60_000 } };
const beginAgain = {
  type: 'begin',
  session: 's2',
  peer: '10.0.0.3',
  farMtu: 1280,
  options: { offload: false, announce: false, l2cp: true },
};
const takenOver =
  'options={offload:false,announce:false,l2cp:true} session=s2 peer=10.0.0.3 farMtu=1280 offload=false';
const stands = [opened(false), 'deviceOpen=true mtu=1300'] as const;

test('a responder remembers its device, its wire, and that it waits', () => {
  walk(responderDefinition, responderInput, [
    stands,
    heard,
    [lost, 'session=null heard=false waiting=true why=cut'],
    [beginAgain, `${takenOver} waiting=false why=null`],
    heard,
    [bye('replaced'), 'session=null heard=false waiting=true why=bye replaced'],
    [{ ...beginAgain, session: 's3' }, 'session=s3 waiting=false why=null'],
    heard,
    [{ ...beginAgain, session: 's4' }, 'session=s4 heard=false'],
    heard,
    [{ type: 'shutdown' }, 'session=null heard=false waiting=true why=shutdown'],
    [{ type: 'timer', timer: 'grace' }, 'why=grace time over'],
  ]);
  walk(responderDefinition, responderInput, [[beginAgain, takenOver], stands]);
});

test('a responder knows why it ended', () => {
  const standing: readonly (readonly [AnyEvent, string])[] = [
    [lost, 'why=cut'],
    [bye('shutting-down'), 'why=bye shutting-down'],
    [bye('closed'), 'why=bye closed'],
    [{ type: 'protocol-error', why: 'type 0x05' }, 'why=protocol error: type 0x05'],
    [{ type: 'abandoned', session: 's1' }, 'why=abandoned'],
    [restart(true), 'why=restart'],
    [{ type: 'close', session: 's3' }, 'why=CLOSE'],
    [{ type: 'device-gone', why: 'deleted' }, 'why=device gone: deleted'],
  ];
  for (const reason of standing) walk(responderDefinition, responderInput, [stands, reason]);
  const opening: readonly (readonly [AnyEvent, string])[] = [
    [{ type: 'device-failed', reason: 'device-busy', jitter: 0.5 }, 'why=device-busy'],
    [{ type: 'abandoned', session: 's1' }, 'why=abandoned'],
  ];
  for (const reason of opening) walk(responderDefinition, responderInput, [reason]);
  walk(responderDefinition, responderInput, [
    stands,
    heard,
    [lost, 'session=null heard=false waiting=true why=cut'],
    [{ type: 'yield', to: 'fedcba9876543210' }, 'why=yielded to fedcba9876543210'],
  ]);
});

test.run();
