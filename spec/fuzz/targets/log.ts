/** The log reader: damaged files, and records that are well formed, in a whole chain, and yet say anything. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../io/journal/digest.ts';
import { listSegments, SegmentLines } from '../../../io/journal/reader.ts';
import { findTail } from '../../../io/journal/tail.ts';
import { MACHINES } from '../../../machines/index.ts';
import { parseRecord } from '../../../machines/log/parse.ts';
import { type Head, NO_RECORD, seal } from '../../../machines/log/record.ts';
import { foldLog } from '../../../machines/log/replay.ts';
import { handle, MAC2, pair } from '../../support/pair.ts';
import { MemoryWorld } from '../../support/world.ts';
import { demand, type FuzzTarget } from '../target.ts';

/** Logs of two servers in which a Handler came and went. */
async function lives(): Promise<Buffer[]> {
  const world = new MemoryWorld();
  const { host, proxy, client } = await pair(world);
  const id = await handle(client);
  await handle(client, { local: 'tap:vm9?mtu=1400', macs: MAC2 });
  await client.ask('NONSENSE');
  await client.ask(`CLOSE ${id}`, 4_000);
  await world.finish();
  return [host, proxy].map(({ journal }) => Buffer.from(`${journal.lines.join('\n')}\n`));
}
const LOGS = await lives();

const WORDS = [
  ...[
    'null',
    '[]',
    '{}',
    '""',
    'true',
    '1e999',
    '-0',
    '"__proto__"',
    '"constructor"',
    '\\u0000',
    '\\ud800',
    '\n',
  ],
  ...[
    '"checkpoint"',
    '"gap"',
    '"counted"',
    '"restored"',
    '"@created"',
    '"closed"',
    '"restart"',
    '"server"',
    '"type"',
  ],
  ...[
    '"context"',
    '"actors"',
    '"handler:0"',
    '"session:0"',
    '"macs"',
    '"state"',
    '"machine"',
    '"initiator"',
    '"responder"',
  ],
];

const folder = mkdtempSync(join(tmpdir(), 'vnet-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Bytes of a segment, as they might stand on a disk. */
export const logFiles: FuzzTarget = {
  name: 'log-files',
  words: WORDS,
  seeds: () => LOGS,
  run(input) {
    const path = join(folder, '00000001.ndjson');
    writeFileSync(path, input);
    const [segment] = listSegments(folder);
    if (segment === undefined) throw new Error('the segment is not found');
    const tail = findTail(segment);
    demand(tail.bytes + tail.tornBytes === input.length, 'bytes of a segment are lost');
    demand(tail.bytes === 0 || input[tail.bytes - 1] === 0x0a, 'what is kept does not end with a line');
    const { verdict } = foldLog(new SegmentLines([segment]), MACHINES, sha256);
    if (verdict.kind === 'ok') demand(whole(input), 'a log that was changed is good');
  },
};

/** Only the beginning of a good log can be good again, to the byte: the chain cannot show that its end was cut. */
function whole(input: Buffer): boolean {
  const lines = input.subarray(0, input.lastIndexOf(0x0a) + 1);
  return LOGS.some((log) => log.subarray(0, lines.length).equals(lines));
}

/** Records that were changed, and sealed again as if this program had written them. */
export const logFold: FuzzTarget = {
  name: 'log-fold',
  words: WORDS,
  seeds: () => LOGS,
  run(input) {
    foldLog(reseal(input), MACHINES, sha256);
  },
};

function reseal(input: Buffer): string[] {
  const lines: string[] = [];
  let head: Head = NO_RECORD;
  for (const line of input.toString('utf8').split('\n')) {
    const record = parseRecord(line);
    if (typeof record === 'string') continue;
    try {
      const sealed = seal(record, head, sha256);
      head = sealed.record;
      lines.push(sealed.line);
    } catch {
      // It has no canonical form, so nobody could have written it.
    }
  }
  return lines;
}
