import { join } from 'node:path';
import { Recorder } from '../../actors/recorder/recorder.ts';
import { realClock } from '../../io/clock.ts';
import { sha256 } from '../../io/journal/digest.ts';
import { openJournal } from '../../io/journal/files.ts';
import { sessionDefinition } from '../../machines/index.ts';
import { CREATED } from '../../machines/log/record.ts';
import { History, SILENT, write } from './history.ts';
import { Meter } from './meter.ts';

const SECONDS = 6;
/** Records in one turn of the event loop, as many sessions at once make them. */
const A_TURN = 50;

/** Records whose transition was made before: what the log alone takes, to the file and, within 100 ms, to the disk. */
export async function append(dir: string, say: (text: string) => void): Promise<void> {
  for (const turn of [1, A_TURN]) await appendTurns(join(dir, `${turn}`), turn, say);
}

async function appendTurns(dir: string, turn: number, say: (text: string) => void): Promise<void> {
  const { store } = openJournal(dir);
  const recorder = new Recorder({
    store,
    clock: realClock(),
    digest: sha256,
    boot: 'bench',
    sync: 'interval',
    diagnostics: SILENT,
  });
  const input = {
    id: 'bench',
    scheme: 'unix',
    peer: 'unix',
    address: 'unix',
    methods: ['local'],
    limits: {},
  };
  const { name: machine, version, initial } = sessionDefinition;
  let snapshot = initial(input);
  const actor = 'session:bench';
  recorder.commit(
    { actor, machine, version, event: { type: CREATED, input }, from: '', to: snapshot.value, snapshot },
    () => undefined,
  );
  const event = { type: 'bad-line', reason: 'unknown-command', length: 12 };
  const from = snapshot.value;
  let count = 0;
  let effects = 0;
  const meter = new Meter();
  while (meter.seconds < SECONDS) {
    for (let each = 0; each < turn; each++, count++) {
      snapshot = { ...snapshot };
      recorder.commit({ actor, machine, version, event, from, to: from, snapshot }, () => void effects++);
    }
    await new Promise(setImmediate);
  }
  await recorder.close();
  if (effects !== count) throw new Error(`${count} records, ${effects} effects`);
  say(`append: ${meter.rate(count)}, ${turn} a turn, sync interval, over ${SECONDS} s`);
}

/** The same with the machine's step for each record. */
export async function steps(dir: string, say: (text: string) => void): Promise<void> {
  const history = new History(dir, 'interval');
  const records = 100_000;
  const meter = new Meter();
  await write(history, records);
  await history.recorder.close();
  say(`steps: ${meter.rate(records)} transitions made and journalled, sync interval`);
}
