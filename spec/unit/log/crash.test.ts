import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Recorder } from '../../../actors/recorder/recorder.ts';
import { sha256 } from '../../../io/journal/digest.ts';
import { openJournal } from '../../../io/journal/files.ts';
import { readJournal } from '../../../io/journal/reader.ts';
import { foldLog } from '../../../machines/log/replay.ts';
import { HeardDiagnostics, StillClock, ToyActors, Turns, table } from './toy.ts';

const test = suite('crash of a server with its log on files');
const options = { lock: () => () => {} };
let dir: string;

test.before(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vnet-crash-'));
});
test.after(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

function start(into: string, segmentBytes: number) {
  const opened = openJournal(into, options);
  const { verdict, fold } = foldLog(opened.records(), table, sha256);
  if (verdict.kind !== 'ok') throw new Error(JSON.stringify(verdict));
  const turns = new Turns();
  const fixed = {
    clock: new StillClock(),
    digest: sha256,
    boot: 'b',
    sync: 'never',
    diagnostics: new HeardDiagnostics(),
  } as const;
  const { schedule } = turns;
  const recorder = new Recorder({
    ...fixed,
    store: opened.store,
    schedule,
    head: verdict.head,
    live: fold.live(),
    segmentBytes,
  });
  return { opened, recorder, turns, fold, head: verdict.head };
}

/** Rotation waits for the disk, in a thread: a real turn of the event loop is needed. */
async function until(reached: () => boolean, turns: Turns): Promise<void> {
  for (const deadline = Date.now() + 10_000; !reached(); await new Promise(setImmediate)) {
    if (Date.now() > deadline) throw new Error('it was not reached within 10 s');
    await turns.end();
  }
}

async function busyHistory(): Promise<void> {
  const { recorder, turns, opened } = start(dir, 2000);
  const actors = new ToyActors();
  recorder.commit(actors.create('session:long'), () => {});
  for (let round = 1; round <= 3; round++) {
    actors.live(recorder, `session:${round}`, 5);
    recorder.commit(actors.send('session:long', { type: 'mark', mark: `r${round}` }), () => {});
    await turns.end();
    if (round < 3) await until(() => opened.store.segment.number === round + 1, turns);
  }
  await recorder.close();
}

test('cut at any byte, the server starts with what the complete records come to, and goes on', async () => {
  await busyHistory();
  const lines = [...readJournal(dir)];
  const numbers = [1, 2, 3].map((number) => `0000000${number}.ndjson`);
  assert.equal(
    fs.readdirSync(dir).filter((name) => name !== 'lock'),
    numbers,
  );
  let before = 0;
  for (const [index, name] of numbers.entries()) {
    const whole = fs.readFileSync(path.join(dir, name));
    // Around every record's end, and now and then inside of it.
    const cuts = [...whole.keys(), whole.length].filter(
      (size) => size % 199 === 0 || [whole[size], whole[size - 1], whole[size + 1]].includes(10),
    );
    for (const size of cuts) {
      const into = path.join(dir, 'copy');
      fs.mkdirSync(into);
      for (const earlier of numbers.slice(0, index))
        fs.copyFileSync(path.join(dir, earlier), path.join(into, earlier));
      fs.writeFileSync(path.join(into, name), whole.subarray(0, size));
      const complete = before + whole.subarray(0, size).toString('latin1').split('\n').length - 1;
      const { head, fold, recorder, turns } = start(into, 1e9);
      assert.is(head.seq, complete, `${name} cut at ${size}`);
      const expected = foldLog(lines.slice(0, complete), table, sha256).fold.live();
      assert.equal([...fold.live().keys()].sort(), [...expected.keys()].sort());
      for (const [actor, { snapshot }] of expected)
        assert.equal(fold.live().get(actor)?.snapshot.context, snapshot.context);
      recorder.commit(new ToyActors().create('session:new'), () => {});
      await turns.end();
      await recorder.close();
      const again = foldLog(readJournal(into), table, sha256);
      assert.is(again.verdict.kind === 'ok' && again.verdict.head.seq >= complete + 1, true);
      fs.rmSync(into, { recursive: true });
    }
    before += whole.toString('latin1').split('\n').length - 1;
  }
});

test.run();
