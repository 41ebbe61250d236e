/**
 * Measures the event log (docs/EVENT-LOG.md has the figures).
 *
 *     npm run bench:log                       all of them
 *     npm run bench:log -- append             records/s into files, sync interval
 *     npm run bench:log -- steps              the same with the machine's step for each
 *     npm run bench:log -- answer             a transition journalled and answered by a server, µs
 *     npm run bench:log -- replay [RECORDS]   records/s with every state compared, and the heap meanwhile
 *     npm run bench:log -- ready [RECORDS]    a server's start with so many records behind it
 *
 * RECORDS is 1,000,000 unless told otherwise; such a log takes some 600 MB below the folder for temporary files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer } from './answer.ts';
import { append, steps } from './append.ts';
import { History, write } from './history.ts';
import { ready } from './ready.ts';
import { replayAll } from './replay.ts';

const [what = 'all', wanted] = process.argv.slice(2);
const records = wanted === undefined ? 1_000_000 : Number(wanted);
const folder = mkdtempSync(join(tmpdir(), 'vnet-bench-'));
const say = (text: string) => void process.stdout.write(`${text}\n`);

/** A log of `records`, made once. */
let made: string | undefined;
async function bigLog(): Promise<string> {
  if (made !== undefined) return made;
  made = join(folder, 'big');
  const history = new History(made, 'never');
  await write(history, records);
  await history.recorder.close();
  return made;
}

try {
  if (what === 'all' || what === 'append') await append(join(folder, 'append'), say);
  if (what === 'all' || what === 'steps') await steps(join(folder, 'steps'), say);
  if (what === 'all' || what === 'answer') await answer(join(folder, 'answer'), say);
  if (what === 'all' || what === 'replay') await replayAll(await bigLog(), say);
  if (what === 'all' || what === 'ready') await ready(await bigLog(), say);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
