import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DamagedLog, LogInUse } from '../../../io/journal/damage.ts';
import { openJournal } from '../../../io/journal/files.ts';
import { readJournal } from '../../../io/journal/reader.ts';
import type { JournalOptions } from '../../../io/journal/store.ts';
import { MemoryJournal } from '../../../io/memory/journal.ts';
import type { JournalStore } from '../../../io/ports.ts';

const test = suite('log on files');
let dir: string;

test.before.each(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-journal-'));
});
test.after.each(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

const record = (seq: number, extra = '') =>
  JSON.stringify({
    seq,
    time: '2026-01-01T00:00:00.000000Z',
    actor: 'session:1',
    event: { type: 'x', extra },
  });
const checkpoint = (seq: number) =>
  JSON.stringify({
    seq,
    time: '2026-01-01T00:00:00.000000Z',
    actor: 'server',
    event: { type: 'checkpoint', actors: {} },
  });
const segmentFile = (number: number) => path.join(dir, `${String(number).padStart(8, '0')}.ndjson`);

/** Opens, does, closes. */
async function using<T>(
  options: JournalOptions,
  act: (opened: ReturnType<typeof openJournal>) => T | Promise<T>,
): Promise<T> {
  const opened = openJournal(dir, options);
  try {
    return await act(opened);
  } finally {
    await opened.store.close();
  }
}

/** What a sync complains of; empty when it goes well. */
const syncError = (store: JournalStore): Promise<string> =>
  store.sync().then(
    () => '',
    (error: Error) => error.message,
  );

/** Records 1 and 2 in segment 1; 3 (a checkpoint) and 4 in segment 2. */
async function twoSegments(): Promise<void> {
  await using({}, ({ store }) => {
    store.append([record(1), record(2)]);
    store.rotate(checkpoint(3));
    store.append([record(4)]);
  });
}

/** What every JournalStore promises. */
async function keepsItsPromises(store: JournalStore, kept: () => string[]): Promise<void> {
  assert.is(store.segment.number, 1);
  assert.is(store.segment.bytes, 0);
  store.append([]);
  store.append([record(1), record(2, 'ü')]);
  assert.is(store.segment.bytes, Buffer.byteLength(`${record(1)}\n${record(2, 'ü')}\n`));
  await Promise.all([store.sync(), store.sync()]);
  store.rotate(checkpoint(3));
  assert.is(store.segment.number, 2);
  assert.is(store.segment.bytes, checkpoint(3).length + 1);
  store.append([record(4)]);
  await store.sync();
  assert.equal(kept(), [record(1), record(2, 'ü'), checkpoint(3), record(4)]);
  assert.equal(store.retain(), []);
  await store.close();
}

test('files and memory keep the promises of a journal store', async () => {
  const memory = new MemoryJournal();
  await keepsItsPromises(memory, () => memory.lines);
  await keepsItsPromises(openJournal(path.join(dir, 'new')).store, () => [
    ...readJournal(path.join(dir, 'new')),
  ]);
});

test('directory and files are for their owner alone', async () => {
  const inner = path.join(dir, 'a', 'b');
  await openJournal(inner).store.close();
  assert.is(fs.statSync(inner).mode & 0o777, 0o700);
  for (const name of fs.readdirSync(inner))
    assert.is(fs.statSync(path.join(inner, name)).mode & 0o777, 0o600, name);
});

test('it goes on where it ended, from the last checkpoint', async () => {
  await twoSegments();
  await using({}, ({ store, report, records }) => {
    assert.equal(report, { tornBytes: 0, tornSegment: undefined, first: 1, last: 2, base: 2 });
    assert.equal([...records()], [checkpoint(3), record(4)]);
    assert.is(store.segment.openedAt, Date.UTC(2026, 0, 1));
    store.append([record(5)]);
    assert.equal([...records()], [checkpoint(3), record(4), record(5)]);
  });
  const lines = readJournal(dir);
  assert.equal([...lines], [record(1), record(2), checkpoint(3), record(4), record(5)]);
  assert.equal([lines.segment, lines.line, lines.tornBytes], [2, 3, 0]);
});

test('cut at any byte of the last segment, it keeps exactly the complete lines', async () => {
  await twoSegments();
  const whole = fs.readFileSync(segmentFile(2));
  const first = checkpoint(3).length + 1;
  for (let size = 0; size <= whole.length; size++) {
    fs.writeFileSync(segmentFile(2), whole.subarray(0, size));
    const expected =
      size < first
        ? [record(1), record(2)]
        : size < whole.length
          ? [checkpoint(3)]
          : [checkpoint(3), record(4)];
    const good = size < first ? 0 : size < whole.length ? first : whole.length;
    assert.is([...readJournal(dir)].length, size < first ? 2 : 2 + expected.length);
    const { store, report, records } = openWithoutLock();
    assert.is(report.tornBytes, size - good);
    assert.equal([...records()], expected);
    store.append([record(9)]);
    assert.equal([...records()], [...expected, record(9)]);
    await store.close();
    // The last segment is gone when nothing of it was good: a later one will have its number again.
    assert.is(fs.existsSync(segmentFile(2)), good > 0);
    fs.writeFileSync(segmentFile(1), `${record(1)}\n${record(2)}\n`);
  }
});

/** As `openJournal`; the many openings of one test would else each wait for the command that locks. */
function openWithoutLock() {
  return openJournal(dir, { lock: () => () => {} });
}

test('a line that a power cut filled with NUL is torn, too', async () => {
  await twoSegments();
  for (const torn of [
    '\0\0\0\0\0',
    `${record(5).slice(0, 20)}${'\0'.repeat(30)}}\n`,
    `${record(5).slice(0, 20)}\n`,
  ]) {
    fs.appendFileSync(segmentFile(2), torn);
    assert.is(await using({}, ({ report }) => report.tornBytes), torn.length);
    assert.equal([...readJournal(dir)].length, 4);
  }
});

test('other damage stops the start, and nothing is changed', async () => {
  await twoSegments();
  const damage = (change: () => void, message: RegExp) => {
    const before = new Map([1, 2].map((number) => [number, fs.readFileSync(segmentFile(number))]));
    change();
    const files = () =>
      fs
        .readdirSync(dir)
        .filter((name) => name !== 'lock')
        .map((name) => fs.readFileSync(path.join(dir, name), 'utf8'));
    const left = files();
    assert.throws(
      () => openWithoutLock(),
      (error: unknown) => error instanceof DamagedLog && message.test(error.message),
    );
    assert.equal(files(), left);
    for (const [number, content] of before) fs.writeFileSync(segmentFile(number), content);
  };
  damage(
    () => fs.writeFileSync(segmentFile(2), `{"seq":3,?}\n${record(4)}\n`),
    /segment 00000002.ndjson, record 3: it is not a JSON object/,
  );
  damage(
    () => fs.renameSync(segmentFile(1), segmentFile(4)),
    /segment 00000003.ndjson: the segment is missing/,
  );
  fs.rmSync(segmentFile(4));
  damage(() => {
    fs.rmSync(segmentFile(1));
    fs.writeFileSync(segmentFile(2), `${record(4)}\n`);
  }, /begins with neither record 1 nor a checkpoint/);
  damage(() => {
    fs.rmSync(segmentFile(1));
    fs.truncateSync(segmentFile(2), 10);
  }, /it has no complete record, and the segments before it are gone/);
});

test('a changed last record is no torn one', async () => {
  await twoSegments();
  fs.appendFileSync(segmentFile(2), `${record(5).replace('"x"', '"x')}\n`);
  await using({}, ({ report, records }) => {
    assert.is(report.tornBytes, 0);
    assert.is([...records()].length, 3, 'it is left for the fold to say which record is damaged');
  });
});

test('long lines and odd chunks are read right', async () => {
  const lines = [1, 10, 262_143, 262_144, 262_145, 1_000_000, 3].map((length, index) =>
    record(index + 1, 'ü'.repeat(length)),
  );
  await using({}, ({ store, records }) => {
    for (const line of lines) store.append([line]);
    assert.equal([...records()], lines);
  });
  await using({}, ({ report }) => assert.is(report.tornBytes, 0));
});

test('a full disk keeps nothing of an append, and it goes on when there is room', async () => {
  let room = 100;
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const writeSync = ((fd: number, data: Buffer, offset: number, length: number) => {
    if (room === 0) throw full;
    const count = fs.writeSync(fd, data, offset, Math.min(length, room));
    room -= count;
    return count;
  }) as typeof fs.writeSync;
  await using({ calls: { writeSync } }, ({ store, records }) => {
    assert.throws(() => store.append([record(1), record(2)]), /ENOSPC/);
    assert.equal([store.segment.bytes, fs.statSync(segmentFile(1)).size], [0, 0]);
    room = 150;
    store.append([record(1)]);
    assert.throws(() => store.append([record(2)]), /ENOSPC/);
    assert.throws(() => store.rotate(checkpoint(2)), /ENOSPC/);
    assert.is(store.segment.number, 1);
    room = 10_000;
    store.append([record(2)]);
    store.rotate(checkpoint(3));
    assert.equal([...records()], [record(1), record(2), checkpoint(3)]);
  });
  assert.equal([...readJournal(dir)], [record(1), record(2), checkpoint(3)]);
});

test('what cannot be taken away at once is taken away before the next append', async () => {
  let broken = true;
  const fault = (what: string) => {
    throw new Error(`EIO: ${what}`);
  };
  const calls: JournalOptions['calls'] = {
    writeSync: ((fd: number, data: Buffer, offset: number, length: number) => {
      if (!broken) return fs.writeSync(fd, data, offset, length);
      if (offset === 0) return fs.writeSync(fd, data, 0, 7);
      return fault('write');
    }) as typeof fs.writeSync,
    ftruncateSync: (fd, length) => (broken ? fault('truncate') : fs.ftruncateSync(fd, length)),
  };
  await using({ calls }, ({ store }) => {
    assert.throws(() => store.append([record(1)]), /EIO: write/);
    assert.throws(() => store.append([record(1)]), /EIO: truncate/);
    assert.throws(() => store.rotate(checkpoint(2)), /EIO: truncate/);
    assert.is(fs.statSync(segmentFile(1)).size, 7);
    broken = false;
    store.append([record(1)]);
  });
  assert.equal([...readJournal(dir)], [record(1)]);
});

test('a sync that fails is told, and so is one after the end', async () => {
  const { store } = openJournal(dir);
  store.append([record(1)]);
  await store.sync();
  await store.close();
  await store.close();
  assert.match(await syncError(store), /closed/);
  assert.throws(() => store.append([record(2)]), /closed/);
});

const MOVED = /was deleted or moved away; what it held was written there again$/;

for (const [what, act] of [
  ['deleted', () => fs.unlinkSync(segmentFile(2))],
  ['moved away', () => fs.renameSync(segmentFile(2), `${dir}/elsewhere`)],
  ['deleted with its directory', () => fs.rmSync(dir, { recursive: true })],
  ['moved away with its directory', () => fs.renameSync(dir, `${dir}.old`)],
] as const) {
  test(`an open segment that was ${what} is found out by the next sync, and nothing of it is lost`, async () => {
    await twoSegments();
    await using({}, async ({ store }) => {
      store.append([record(5)]);
      act();
      store.append([record(6)]);
      const told = await syncError(store);
      assert.match(told, MOVED);
      await store.sync();
      store.append([record(7)]);
      assert.throws(
        () => openJournal(dir),
        (error: unknown) => error instanceof LogInUse,
      );
    });
    const kept = fs.readFileSync(segmentFile(2), 'utf8').split('\n').slice(0, -1);
    assert.equal(kept, [checkpoint(3), record(4), record(5), record(6), record(7)]);
    fs.rmSync(`${dir}.old`, { recursive: true, force: true });
  });
}

test('a segment that cannot be written again is tried at each sync', async () => {
  await using({}, async ({ store }) => {
    store.append([record(1)]);
    fs.rmSync(dir, { recursive: true });
    fs.writeFileSync(dir, 'in the way');
    const first = await syncError(store);
    assert.match(first, /EEXIST|ENOTDIR/);
    fs.rmSync(dir);
    assert.match(await syncError(store), MOVED);
    await store.sync();
  });
  assert.equal([...readJournal(dir)], [record(1)]);
});

const SPOILERS: readonly (readonly [string, (file: string) => void, RegExp])[] = [
  ['truncated', (file) => fs.truncateSync(file, 0), /^00000002\.ndjson is \d+ bytes long, not \d+$/],
  ['made longer', (file) => fs.appendFileSync(file, 'x'), /^00000002\.ndjson is \d+ bytes long, not \d+$/],
  [
    'written over',
    (file) => fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('session:1', 'session:2')),
    /^00000002\.ndjson does not hold what was written to it$/,
  ],
];
for (const [what, act, wrong] of SPOILERS) {
  for (const appended of [true, false]) {
    test(`an open segment that was ${what} is found out, ${appended ? 'with an append' : 'also idle'}`, async () => {
      await twoSegments();
      await using({}, async ({ store }) => {
        store.look();
        assert.is(store.spoilt, undefined);
        act(segmentFile(2));
        if (appended) {
          store.append([record(5)]);
          await store.sync();
        } else store.look();
        assert.match(store.spoilt ?? '', wrong);
        store.rotate(checkpoint(6));
        assert.is(store.spoilt, undefined);
        store.append([record(7)]);
        await store.sync();
        assert.equal(store.problems, []);
      });
      await using({}, ({ records }) => assert.equal([...records()], [checkpoint(6), record(7)]));
    });
  }
}

test('an open segment that was truncated and moved away leaves its place taken, for the start', async () => {
  await twoSegments();
  await using({}, async ({ store }) => {
    fs.truncateSync(segmentFile(2), 0);
    fs.renameSync(segmentFile(2), `${segmentFile(2)}.1`);
    await store.sync();
    assert.match(store.spoilt ?? '', /is 0 bytes long/);
    store.rotate(checkpoint(5));
    await store.sync();
  });
  await using({}, ({ records }) => assert.equal([...records()], [checkpoint(5)]));
});

test('what somebody else wrote in a segment’s place is kept under another name, and an empty file is not', async () => {
  await twoSegments();
  await using({}, async ({ store }) => {
    for (const text of ['', 'not ours']) {
      fs.renameSync(segmentFile(2), `${segmentFile(2)}.1`);
      fs.writeFileSync(segmentFile(2), text);
      assert.match(await syncError(store), /was deleted or moved away.*written there again$/);
      assert.is(await syncError(store), '');
    }
    fs.writeFileSync(segmentFile(3), 'not ours either');
    store.rotate(checkpoint(5));
  });
  const found = fs.readdirSync(dir).filter((name) => name.includes('.found-'));
  assert.equal(found.map((name) => fs.readFileSync(path.join(dir, name), 'utf8')).sort(), [
    'not ours',
    'not ours either',
  ]);
  assert.equal(
    [...readJournal(dir)],
    [1, 2].map((seq) => record(seq)).concat(checkpoint(3), record(4), checkpoint(5)),
  );
});

test('a segment that is missing in the middle is a problem, one at the beginning is not', async () => {
  let now = Date.now();
  await twoSegments();
  await using({ now: () => now }, async ({ store }) => {
    for (const seq of [5, 6]) store.rotate(checkpoint(seq));
    await store.sync();
    fs.renameSync(segmentFile(2), `${segmentFile(2)}.1`);
    await store.sync();
    assert.equal(store.problems, ['00000002.ndjson is missing']);
    fs.renameSync(`${segmentFile(2)}.1`, segmentFile(2));
    await store.sync();
    assert.equal(store.problems, []);
    fs.unlinkSync(segmentFile(1));
    await store.sync();
    assert.equal(store.problems, []);
    fs.truncateSync(segmentFile(3), 3);
    now += 60_000;
    await store.sync();
    assert.equal(store.problems, [`00000003.ndjson is 3 bytes long, not ${checkpoint(5).length + 1}`]);
    fs.truncateSync(segmentFile(3), 2);
    // Whoever sets the clock back.
    now -= 3_600_000;
    await store.sync();
    assert.equal(store.problems, [`00000003.ndjson is 2 bytes long, not ${checkpoint(5).length + 1}`]);
  });
});

test('old segments that somebody has deleted are in nobody’s way', async () => {
  await twoSegments();
  await using({ retainBytes: 0 }, ({ store }) => {
    fs.unlinkSync(segmentFile(1));
    assert.equal(store.retain(), [1]);
  });
});

test('old segments are dropped by size and by age, and none that is needed', async () => {
  let now = Date.now();
  await using({ retainBytes: 700, retainMilliseconds: 10_000, now: () => now }, async ({ store }) => {
    let seq = 1;
    for (let segment = 1; segment <= 6; segment++) {
      if (segment > 1) store.rotate(checkpoint(seq++));
      store.append([record(seq++), record(seq++)]);
    }
    assert.equal(store.retain(), [1, 2, 3, 4]);
    now += 20_000;
    assert.equal(store.retain(), [5]);
    now += 20_000;
    assert.equal(store.retain(), []);
  });
  await using({ now: () => now }, ({ report, records, store }) => {
    assert.equal([report.first, report.last, report.base], [6, 6, 6]);
    assert.is([...records()].length, 3);
    store.rotate(checkpoint(99));
  });
  await using({ retainBytes: 0 }, ({ store }) => assert.equal(store.retain(), [6]));
});

test('the second server on a directory is refused, and a killed one leaves nothing behind', async () => {
  await using({}, () => {
    assert.throws(
      () => openJournal(dir),
      (error: unknown) => error instanceof LogInUse && error.message.includes(`pid ${process.pid}`),
    );
  });
  const program = `
    const fs = require('node:fs');
    const fd = fs.openSync(${JSON.stringify(path.join(dir, 'lock'))}, 'r+');
    require('node:child_process').spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    process.kill(process.pid, 'SIGKILL');`;
  assert.is(spawnSync(process.execPath, ['-e', program]).signal, 'SIGKILL');
  await using({}, ({ report }) => assert.is(report.last, 1));
});

test('a reader wants a log, and needs no lock', async () => {
  assert.throws(() => readJournal(dir), /there is no log in .*00000001\.ndjson/);
  assert.throws(() => readJournal(path.join(dir, 'none')), /ENOENT/);
  await using({}, ({ store }) => {
    store.append([record(1)]);
    fs.appendFileSync(segmentFile(1), '{"seq":2');
    const lines = readJournal(dir);
    assert.equal([...lines], [record(1)]);
    assert.is(lines.tornBytes, 8);
  });
});

test.run();
