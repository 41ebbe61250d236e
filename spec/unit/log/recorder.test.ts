import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Recorder, type RecorderOptions } from '../../../actors/recorder/recorder.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { MemoryJournal } from '../../../io/memory/journal.ts';
import type { LogRecord } from '../../../machines/log/record.ts';
import { foldLog } from '../../../machines/log/replay.ts';
import { HeardDiagnostics, StillClock, settle, ToyActors, Turns, table } from './toy.ts';

const test = suite('recorder');

function setUp(options: Partial<RecorderOptions> = {}) {
  const clock = new StillClock();
  const store = new MemoryJournal(() => clock.now());
  const turns = new Turns();
  const diagnostics = new HeardDiagnostics();
  const fixed = { store, clock, digest: sha256, boot: 'b00t', diagnostics, schedule: turns.schedule };
  const recorder = new Recorder({ ...fixed, sync: 'never', ...options });
  const seen: string[] = [];
  const sees = (what: string) => () => void seen.push(what);
  return { clock, store, turns, diagnostics, recorder, seen, sees, actors: new ToyActors() };
}

const records = (store: MemoryJournal) => store.lines.map((line) => JSON.parse(line) as LogRecord);
const types = (store: MemoryJournal) => records(store).map(({ event }) => event.type);

/** The log replays, and at its end just the actors live that should. */
function replays(store: MemoryJournal, actors: ToyActors): void {
  const { verdict, fold } = foldLog(store.lines, table, sha256);
  assert.is(verdict.kind, 'ok', JSON.stringify(verdict));
  const alive = [...actors.snapshots].filter(([, { status }]) => status !== 'done');
  assert.equal([...fold.live().keys()].sort(), alive.map(([name]) => name).sort());
  for (const [name, { context }] of alive) assert.equal(fold.live().get(name)?.snapshot.context, context);
}

const full = new Error('ENOSPC: no space left on device, write');

test('one turn is one append, and effects run after it, in order', async () => {
  const { recorder, store, turns, actors, seen, sees } = setUp();
  recorder.commit(actors.create('session:1'), () => {
    assert.is(store.lines.length, 3);
    seen.push('a');
  });
  recorder.commit(actors.create('session:2'), sees('b'));
  recorder.unrecorded(sees('c'));
  recorder.commit(actors.send('session:1', { type: 'mark', mark: 'x' }), sees('d'));
  assert.equal([store.writes, seen.length, recorder.position], [0, 0, 0]);
  await turns.end();
  assert.equal([store.writes, seen.join(''), recorder.position], [1, 'abcd', 3]);
  replays(store, actors);
});

test('an effect may record again, and one that fails harms no other', async () => {
  const { recorder, store, turns, actors, seen, sees, diagnostics } = setUp();
  recorder.commit(actors.create('session:1'), () => {
    recorder.commit(actors.send('session:1', { type: 'hello', as: 'ann' }), sees('inner'));
    throw new Error('bang');
  });
  recorder.commit(actors.create('session:2'), sees('next'));
  await turns.end();
  assert.equal(seen, ['next', 'inner']);
  assert.equal(diagnostics.messages, ['error: an effect failed']);
  replays(store, actors);
});

test('an entry that could not be replayed is refused', () => {
  const { recorder, actors } = setUp();
  const created = actors.create('session:1');
  assert.throws(() => recorder.commit(actors.send('session:1', { type: 'bye' }), () => {}), /does not live/);
  recorder.commit(created, () => {});
  assert.throws(
    () => recorder.commit(created, () => {}),
    /cannot go from '': the actor is in 'unauthenticated'/,
  );
  assert.throws(
    () =>
      recorder.commit({ ...created, from: 'unauthenticated', event: { type: 'x', n: Number.NaN } }, () => {}),
    /NaN/,
  );
  assert.throws(
    () => recorder.commit({ ...created, from: 'unauthenticated', to: 'closed' }, () => {}),
    /with a snapshot in/,
  );
});

test('watchers get every record as it is written, until they call off', async () => {
  const { recorder, store, turns, actors } = setUp();
  const lines: string[] = [];
  const off = recorder.onRecord(({ line, record }) => {
    assert.is(record.seq, lines.length + 1);
    lines.push(line);
  });
  actors.live(recorder, 'session:1');
  await turns.end();
  assert.equal(lines, store.lines);
  off();
  actors.live(recorder, 'session:2');
  await turns.end();
  assert.is(lines.length, 6);
});

test('always: effects wait for the disk; what comes meanwhile shares the next sync', async () => {
  const syncs: (() => void)[] = [];
  const set = setUp({ sync: 'always' });
  const { recorder, store, turns, actors, seen, sees } = set;
  store.sync = () => new Promise((resolve) => syncs.push(resolve));
  recorder.commit(actors.create('session:1'), sees('1'));
  await turns.end();
  for (const name of ['2', '3']) {
    recorder.commit(actors.create(`session:${name}`), sees(name));
    await turns.end();
  }
  assert.equal([store.lines.length, syncs.length, seen.length], [3, 1, 0]);
  syncs[0]!();
  await settle();
  assert.equal([syncs.length, seen.join('')], [2, '1']);
  syncs[1]!();
  await settle();
  assert.equal([syncs.length, seen.join('')], [2, '123']);
});

test('interval: effects at once, the disk within 100 ms, and nothing to do when idle', async () => {
  const { recorder, store, turns, actors, seen, sees, clock } = setUp({ sync: 'interval' });
  recorder.commit(actors.create('session:1'), sees('1'));
  await turns.end();
  assert.equal([seen.length, store.synced], [1, 0]);
  await clock.pass(99);
  assert.is(store.synced, 0);
  recorder.commit(actors.create('session:2'), sees('2'));
  await turns.end();
  await clock.pass(1);
  assert.is(store.synced, 2);
  assert.is(clock.timers, 0);
});

test('a full disk: effects go on, records are held and written first when it has room', async () => {
  const { recorder, store, turns, actors, seen, sees, clock, diagnostics } = setUp({ sync: 'interval' });
  recorder.commit(actors.create('session:1'), sees('1'));
  await turns.end();
  store.appendFault = full;
  recorder.commit(actors.create('session:2'), sees('2'));
  await turns.end();
  assert.is(recorder.available, false);
  assert.is(recorder.status, 'failing: ENOSPC: no space left on device, write, held=1');
  actors.live(recorder, 'session:3', 3, sees('3'));
  await turns.end();
  await clock.pass(5000);
  assert.equal([seen.join(''), store.lines.length, recorder.position], ['12333333', 1, 1]);
  store.appendFault = undefined;
  await clock.pass(1000);
  assert.equal([recorder.available, recorder.status], [true, 'ok']);
  assert.is(types(store).join(' '), '@created @created @created hello mark mark mark bye restored');
  const { held, cause } = records(store).at(-1)!.event;
  assert.equal([held, cause], [7, full.message]);
  assert.equal(diagnostics.messages.length, 2);
  recorder.commit(actors.send('session:2', { type: 'bye' }), sees('4'));
  await turns.end();
  replays(store, actors);
});

test('past the bound records are lost, and a gap with what lives stands for them', async () => {
  const { recorder, store, turns, actors, clock } = setUp({ heldRecords: 10 });
  recorder.commit(actors.create('server'), () => {});
  await turns.end();
  store.appendFault = full;
  recorder.commit(actors.create('session:long'), () => {});
  await turns.end();
  for (let session = 0; session < 5; session++) {
    actors.live(recorder, `session:${session}`);
    recorder.commit(actors.send('session:long', { type: 'mark', mark: 'm' }), () => {});
    await turns.end();
    await clock.pass(300);
  }
  recorder.commit(actors.send('server', { type: 'hello', as: 'root' }), () => {});
  await turns.end();
  assert.match(recorder.status, /held=10, lost=27$/);
  store.appendFault = undefined;
  await clock.pass(1000);
  const gap = records(store).at(-1)!;
  assert.equal(
    [gap.event.type, gap.event.lost, gap.from, gap.to],
    ['gap', 27, 'unauthenticated', 'authenticated'],
  );
  assert.is(records(store).length, 12);
  actors.live(recorder, 'session:after');
  recorder.commit(actors.send('server', { type: 'mark', mark: 'x' }), () => {});
  await turns.end();
  replays(store, actors);
});

test('tryCommit keeps nothing of what cannot be written, and what came before it', async () => {
  const { recorder, store, turns, actors, seen, sees, clock } = setUp();
  recorder.commit(actors.create('session:1'), sees('1'));
  assert.is(recorder.tryCommit(actors.send('session:1', { type: 'hello', as: 'ann' }), sees('2')), true);
  assert.equal([store.lines.length, seen.length], [2, 0]);
  recorder.commit(actors.send('session:1', { type: 'mark', mark: 'x' }), sees('3'));
  store.appendFault = full;
  const before = actors.snapshots.get('session:1')!;
  assert.is(recorder.tryCommit(actors.send('session:1', { type: 'bye' }), sees('never')), false);
  actors.snapshots.set('session:1', before);
  assert.is(recorder.tryCommit(actors.create('session:9'), sees('never')), false);
  actors.snapshots.delete('session:9');
  await turns.end();
  assert.is(seen.join(''), '123');
  store.appendFault = undefined;
  await clock.pass(1000);
  assert.is(types(store).join(' '), '@created hello mark restored');
  assert.is(recorder.tryCommit(actors.send('session:1', { type: 'bye' }), sees('4')), true);
  await turns.end();
  assert.is(seen.join(''), '1234');
  replays(store, actors);
});

test('a disk that does not sync is a log that cannot be written', async () => {
  for (const sync of ['always', 'interval'] as const) {
    const { recorder, store, turns, actors, seen, sees, clock } = setUp({ sync });
    store.syncFault = new Error('EIO: i/o error, fdatasync');
    recorder.commit(actors.create('session:1'), sees('1'));
    await turns.end();
    await clock.pass(100);
    assert.equal([recorder.available, seen.join('')], [false, '1']);
    await clock.pass(3000);
    assert.is(recorder.available, false);
    store.syncFault = undefined;
    await clock.pass(1000);
    assert.is(recorder.available, true);
    assert.is(types(store).join(' '), '@created restored');
    replays(store, actors);
  }
});

test('the disk fills at any record and empties at any later one: nothing is lost', async () => {
  for (let fills = 1; fills < 20; fills++) {
    const { recorder, store, turns, actors, clock } = setUp({ segmentBytes: 3000 });
    const append = store.append.bind(store);
    let count = 0;
    store.append = (lines) => {
      count += lines.length;
      if (count > fills && count < fills + 15) throw full;
      append(lines);
    };
    for (let session = 0; session < 4; session++) {
      actors.live(recorder, `session:${session}`);
      await turns.end();
      await clock.pass(700);
      await turns.end();
    }
    recorder.commit(actors.create('session:last'), () => {});
    await turns.end();
    await clock.pass(120_000);
    assert.is(recorder.status, 'ok');
    assert.is(types(store).filter((type) => !['checkpoint', 'restored'].includes(type)).length, 25);
    replays(store, actors);
  }
});

test('a new segment begins with a checkpoint, by size and by age', async () => {
  const { recorder, store, turns, actors, clock } = setUp({
    segmentBytes: 2500,
    segmentMilliseconds: 3_600_000,
  });
  recorder.commit(actors.create('session:long'), () => {});
  actors.live(recorder, 'session:1');
  await turns.end();
  assert.is(store.segments.length, 2);
  assert.match(store.segments[1]!.lines[0]!, /"checkpoint"/);
  await clock.pass(4_000_000);
  recorder.rotateIfDue();
  await turns.end();
  assert.is(store.segments.length, 2, 'a segment with nothing but its checkpoint goes on');
  recorder.commit(actors.send('session:long', { type: 'mark', mark: 'x' }), () => {});
  await turns.end();
  assert.is(store.segments.length, 2 + 1);
  replays(store, actors);
});

test('a new segment that cannot be begun leaves the old one, and is tried again later', async () => {
  const { recorder, store, turns, actors, clock, diagnostics } = setUp({ segmentBytes: 2500 });
  const rotate = store.rotate.bind(store);
  store.rotate = () => {
    throw full;
  };
  actors.live(recorder, 'session:1', 10);
  await turns.end();
  assert.equal(diagnostics.messages, ['warn: no new segment of the log could be begun']);
  assert.is(recorder.available, true);
  store.rotate = rotate;
  // Whoever sets the clock back meanwhile.
  clock.now = () => Date.UTC(2025, 0, 1);
  await clock.pass(60_000);
  recorder.rotateIfDue();
  await settle();
  await turns.end();
  assert.is(store.segments.length, 2);
  replays(store, actors);
});

for (const sync of ['interval', 'always', 'never'] as const) {
  test(`${sync}: where somebody else has changed the open segment a new one begins, with a checkpoint`, async () => {
    const { recorder, store, clock, turns, actors, seen, sees, diagnostics } = setUp({ sync });
    recorder.commit(actors.create('session:1'), sees('a'));
    await turns.end();
    store.spoiltBy = '00000001.ndjson is 0 bytes long, not 1234';
    recorder.commit(actors.create('session:2'), sees('b'));
    await turns.end();
    await clock.pass(100);
    recorder.look();
    await settle();
    await turns.end();
    assert.is(seen.join(''), 'ab');
    assert.is(recorder.available, true);
    assert.is(recorder.status, 'ok, but 00000001.ndjson is 0 bytes long, not 1234');
    assert.is(diagnostics.messages.length, 1);
    assert.match(diagnostics.messages[0] ?? '', /^error: the log was changed by somebody else; it goes on/);
    const [, second] = store.segments.map(({ lines }) => lines.map((line) => JSON.parse(line) as LogRecord));
    assert.equal(
      second?.map(({ event }) => event.type),
      ['checkpoint', 'restored'],
    );
    recorder.commit(actors.create('session:3'), () => undefined);
    await turns.end();
    replays(store, actors);
    const { verdict } = foldLog(store.segments[1]!.lines, table, sha256);
    assert.is(verdict.kind, 'ok', 'a start needs the new one alone');
  });
}

test('what is done to the log again and again makes its status no longer', async () => {
  const { recorder, store, turns, actors } = setUp({ sync: 'interval' });
  recorder.commit(actors.create('session:1'), () => undefined);
  await turns.end();
  for (let time = 1; time <= 7; time++) {
    store.spoiltBy = `segment ${time} was truncated`;
    recorder.look();
    await settle();
    await turns.end();
  }
  assert.is(store.segments.length, 8);
  const told = [4, 5, 6, 7].map((time) => `segment ${time} was truncated`).join('; ');
  assert.is(recorder.status, `ok, but ${told}; 3 times before`);
  replays(store, actors);
});

test('a new segment that cannot be had in its place is a log that cannot be written, until it can', async () => {
  const { recorder, store, clock, turns, actors } = setUp({ sync: 'interval' });
  recorder.commit(actors.create('session:1'), () => undefined);
  await turns.end();
  store.spoiltBy = 'it was truncated';
  store.rotate = () => {
    throw full;
  };
  recorder.look();
  assert.match(recorder.status, /^failing: ENOSPC/);
  recorder.commit(actors.create('session:2'), () => undefined);
  await turns.end();
  // @ts-expect-error the one of the class again
  delete store.rotate;
  for (let second = 0; second < 3; second++) {
    await clock.pass(1000);
    await settle();
    await turns.end();
  }
  assert.is(recorder.status, 'ok, but it was truncated');
  replays(store, actors);
});

test('what is wrong with old segments is told once, and when it is no longer so', async () => {
  const { recorder, store, diagnostics } = setUp();
  store.problems = ['00000002.ndjson is missing'];
  recorder.look();
  recorder.look();
  assert.is(recorder.status, 'ok, but 00000002.ndjson is missing');
  store.problems = [];
  recorder.look();
  assert.is(recorder.status, 'ok');
  assert.is(diagnostics.messages.length, 2);
});

test('old segments are dropped after a rotation', async () => {
  const { recorder, store, turns, actors } = setUp({ segmentBytes: 2500 });
  store.keep = 2;
  for (let session = 0; session < 5; session++) {
    actors.live(recorder, `session:${session}`);
    await turns.end();
  }
  assert.is(store.segments.length, 2);
  replays(store, actors);
});

test('after a restart it goes on with the chain and the actors of the fold', async () => {
  const first = setUp();
  first.recorder.commit(first.actors.create('server'), () => {});
  first.recorder.commit(first.actors.create('session:1'), () => {});
  await first.turns.end();
  await first.recorder.close();
  const { verdict, fold } = foldLog(first.store.lines, table, sha256);
  assert.ok(verdict.kind === 'ok');
  const { store, actors } = first;
  const second = setUp({ store, boot: 'b2', head: verdict.head, live: fold.live(), segmentBytes: 1000 });
  actors.snapshots.set('session:1', fold.live().get('session:1')!.snapshot);
  second.recorder.commit(actors.create('server'), () => {});
  second.recorder.commit(actors.send('session:1', { type: 'bye' }), () => {});
  await second.turns.end();
  assert.equal(
    records(store).map(({ boot }) => boot),
    ['b00t', 'b00t', 'b2', 'b2', 'b2'],
  );
  assert.is(types(store).at(-1), 'checkpoint');
  replays(store, actors);
});

test('close writes and syncs what is pending, and what its effects record', async () => {
  for (const sync of ['always', 'interval'] as const) {
    const { recorder, store, actors, seen, sees } = setUp({ sync });
    recorder.commit(actors.create('session:1'), () => {
      recorder.commit(actors.send('session:1', { type: 'bye' }), sees('bye'));
    });
    await recorder.close();
    assert.equal([store.lines.length, store.synced, seen.join('')], [2, 2, 'bye']);
    recorder.commit(actors.create('session:2'), sees('late'));
    assert.equal([store.lines.length, recorder.available], [2, false]);
    replays(store, new ToyActors());
  }
});

test('a last sync that fails is told and made once more; one that fails again is told and ends no less', async () => {
  for (const failures of [1, 2]) {
    const { recorder, store, actors, diagnostics } = setUp({ sync: 'interval' });
    recorder.commit(actors.create('session:1'), () => undefined);
    const sync = store.sync.bind(store);
    let left = failures;
    store.sync = () => (left-- > 0 ? Promise.reject(new Error('it was deleted')) : sync());
    await recorder.close();
    assert.is(store.synced, failures === 1 ? 1 : 0);
    const told = ['the log could not be synced at its end; once more'];
    if (failures === 2) told.push('the log is not on the disk: its end may be lost');
    assert.equal(
      diagnostics.messages,
      told.map((each) => `error: ${each}`),
    );
  }
});

test.run();
