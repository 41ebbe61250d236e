import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Recorder } from '../../../actors/recorder/recorder.ts';
import { UnauthenticatedSessions } from '../../../actors/recorder/unauthenticated.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { MemoryJournal } from '../../../io/memory/journal.ts';
import type { LogRecord } from '../../../machines/log/record.ts';
import { foldLog } from '../../../machines/log/replay.ts';
import { HeardDiagnostics, StillClock, ToyActors, Turns, table } from './toy.ts';

const test = suite('sessions that never authenticate');

function setUp() {
  const clock = new StillClock();
  const store = new MemoryJournal(() => clock.now());
  const turns = new Turns();
  const fixed = {
    store,
    clock,
    digest: sha256,
    boot: 'b',
    diagnostics: new HeardDiagnostics(),
    sync: 'never',
  } as const;
  const recorder = new Recorder({ ...fixed, schedule: turns.schedule, segmentBytes: 20_000 });
  const sessions = new UnauthenticatedSessions(recorder, clock);
  const actors = new ToyActors();
  let effects = 0;
  const commit = (entry: ReturnType<ToyActors['create']>) =>
    sessions.commit(entry, () => void effects++, '192.0.2.1');
  const open = (actor: string) => commit(actors.create(actor));
  const send = (actor: string, type: string) => commit(actors.send(actor, { type, mark: 'm', as: 'ann' }));
  return { clock, store, turns, sessions, open, send, actors, effects: () => effects };
}

const records = (store: MemoryJournal) => store.lines.map((line) => JSON.parse(line) as LogRecord);

function replays(store: MemoryJournal): void {
  const { verdict } = foldLog(store.lines, table, sha256);
  assert.is(verdict.kind, 'ok', JSON.stringify(verdict));
}

test('ten a second are recorded whole, the others counted, and effects run for all', async () => {
  const { open, send, turns, clock, store, effects } = setUp();
  for (let session = 0; session < 1000; session++) {
    open(`session:${session}`);
    send(`session:${session}`, 'mark');
    send(`session:${session}`, 'bye');
    await turns.end();
  }
  await clock.pass(1000);
  await turns.end();
  assert.is(effects(), 3000);
  const [counted, ...others] = records(store).filter(({ event }) => event.type === 'counted');
  assert.is(others.length, 0);
  assert.equal(
    { ...counted!.event },
    {
      type: 'counted',
      since: '2026-01-01T00:00:00.000000Z',
      until: '2026-01-01T00:00:01.000000Z',
      sessions: 990,
      records: 2970,
      events: { '@created': 990, mark: 990, bye: 990 },
      addresses: { '192.0.2.1': 990 },
    },
  );
  assert.is(store.lines.length, 31);
  replays(store);
});

test('one that authenticates after all is written whole, with the times at which it happened', async () => {
  const { open, send, turns, clock, store } = setUp();
  for (let session = 0; session < 10; session++) open(`session:${session}`);
  open('session:late');
  await clock.pass(50);
  send('session:late', 'mark');
  await turns.end();
  assert.is(records(store).length, 10);
  await clock.pass(30);
  send('session:late', 'hello');
  send('session:late', 'mark');
  send('session:late', 'bye');
  await turns.end();
  const late = records(store).filter(({ actor }) => actor === 'session:late');
  assert.equal(
    late.map(({ event }) => event.type),
    ['@created', 'mark', 'hello', 'mark', 'bye'],
  );
  assert.equal(
    late.map(({ mono }) => mono / 1e6),
    [0, 50, 80, 80, 80],
  );
  replays(store);
});

test('one that says something after all is whole, also where the last ones said nothing', async () => {
  const { open, send, turns, clock, store, effects } = setUp();
  for (const session of ['session:probe', 'session:probe-2']) {
    open(session);
    send(session, 'bye');
  }
  await turns.end();
  assert.is(records(store).length, 2, 'the first one');
  open('session:later');
  await turns.end();
  await clock.pass(50);
  assert.is(effects(), 5, 'it is greeted');
  assert.is(records(store).length, 2);
  send('session:later', 'mark');
  send('session:later', 'bye');
  await turns.end();
  assert.equal(
    records(store)
      .slice(2)
      .map(({ event, mono }) => [event.type, mono / 1e6]),
    [
      ['@created', 0],
      ['mark', 50],
      ['bye', 50],
    ],
  );
  await clock.pass(600_000);
  await turns.end();
  const { event } = records(store).at(-1) ?? {};
  assert.equal([event?.type, event?.sessions, event?.events], ['counted', 1, { '@created': 1, bye: 1 }]);
  // An hour after the last silent one an address is as good as any other, also where the clock is set back meanwhile.
  clock.now = () => Date.UTC(2025, 0, 1);
  await clock.pass(3_600_000);
  open('session:new');
  await turns.end();
  assert.is(records(store).at(-1)?.actor, 'session:new');
  replays(store);
});

test('of many addresses that say nothing each costs its two records once', async () => {
  const { sessions, actors, turns, store, clock } = setUp();
  for (let host = 0; host < 200; host++) {
    for (const step of [
      () => actors.create(`session:${host}`),
      () => actors.send(`session:${host}`, { type: 'bye' }),
    ])
      sessions.commit(step(), () => undefined, `198.51.100.${host}`);
    await clock.pass(1000);
    await turns.end();
  }
  const whole = records(store).filter(({ actor }) => actor !== 'server').length;
  assert.is(whole, 2 * 64, 'past 64 in an hour they are counted as well');
});

test('the budget comes back, ten a second', async () => {
  const { open, turns, clock, store } = setUp();
  for (let second = 1; second <= 3; second++) {
    for (let session = 0; session < 30; session++) open(`session:${second}-${session}`);
    await turns.end();
    assert.is(records(store).length, second * 10);
    await clock.pass(1000);
  }
});

test('a session that says much is slowed down, and charged for it', async () => {
  const { open, send, turns, clock, store, sessions } = setUp();
  open('session:loud');
  for (let line = 1; line < 64; line++) send('session:loud', 'mark');
  assert.is(sessions.delay('session:loud'), 0);
  send('session:loud', 'mark');
  assert.is(sessions.delay('session:loud'), 100);
  open('session:next');
  send('session:next', 'bye');
  await turns.end();
  assert.is(
    records(store).filter(({ actor }) => actor !== 'server').length,
    67,
    'nine of the ten were used up, one was left',
  );
  open('session:third');
  send('session:third', 'bye');
  send('session:loud', 'hello');
  assert.is(sessions.delay('session:loud'), 0);
  sessions.flush();
  await turns.end();
  assert.equal(
    records(store)
      .slice(-2)
      .map(({ event }) => event.type),
    ['hello', 'counted'],
  );
  await clock.pass(2000);
  replays(store);
});

test('a held session is never held without bound, and a rotation meanwhile does not know it', async () => {
  const { open, send, turns, store } = setUp();
  for (let session = 0; session < 10; session++) open(`session:${session}`);
  open('session:deaf');
  for (let line = 0; line < 1000; line++) {
    send('session:deaf', 'mark');
    if (line % 20 === 0) await turns.end();
  }
  send('session:deaf', 'bye');
  await turns.end();
  assert.is(records(store).filter(({ actor }) => actor === 'session:deaf').length, 1002);
  assert.ok(store.segments.length > 3);
  replays(store);
});

test.run();
