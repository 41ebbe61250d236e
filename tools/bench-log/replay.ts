import { sha256 } from '../../io/journal/digest.ts';
import { readJournal } from '../../io/journal/reader.ts';
import { MACHINES } from '../../machines/index.ts';
import { replay } from '../../machines/log/replay.ts';
import { Meter } from './meter.ts';

const MIB = 1024 * 1024;

/** Replays a log with every state compared, and looks at the heap ten times on the way. */
export async function replayAll(dir: string, say: (text: string) => void): Promise<void> {
  const steps = replay(readJournal(dir), MACHINES, sha256);
  const heaps: number[] = [];
  const meter = new Meter();
  let count = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (done) {
      if (value.kind !== 'ok') throw new Error(JSON.stringify(value));
      break;
    }
    if (++count % 100_000 === 0) heaps.push(heapNow());
  }
  say(`replay: ${count} records in ${meter.seconds.toFixed(1)} s, ${meter.rate(count)}`);
  if (heaps.length > 0)
    say(`heap every 100,000 records, MiB: ${heaps.map((heap) => heap.toFixed(1)).join(' ')}`);
}

/** MiB in use; what is garbage left out when node runs with --expose-gc. */
function heapNow(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / MIB;
}
