import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import type { Values } from '../cli/declaration.ts';
import { UsageError } from '../cli/failures.ts';
import { pairs } from '../cli/table.ts';
import { ANSWER_TIME } from '../client/connect.ts';
import type { Conversation, DataAnswer } from '../client/conversation.ts';
import { toJson } from '../client/values.ts';
import { type Check, compareEnds, type Report, readChecks } from '../frames/both-ends.ts';
import { withSides } from '../frames/sides.ts';
import { openLog } from '../replay/source.ts';
import { DOCTOR } from '../usage/frames.ts';

type DoctorValues = Values<typeof DOCTOR.options>;

const MOST_RECORDS = 1_000;
/** Bytes: far beyond the counters of as many Handlers as a server takes. */
const MOST_ARCHIVE = 256 << 20;
const MARKS: Readonly<Record<string, string>> = { ok: 'ok', warn: 'WARN', fail: 'FAIL' };

/** `vnet doctor`. */
export const doctor = command(DOCTOR, async ({ values }, around) => {
  if (values.log !== undefined && values.bundle === undefined)
    throw new UsageError('--log needs --bundle FILE: its records go there');
  return withSides(values, around, async (near, far) => {
    const here = await examine(near);
    const there = far === undefined ? undefined : await examine(far);
    const sections: readonly (readonly [string, readonly Check[]])[] = [
      [near.server, readChecks(here)],
      ...(there === undefined
        ? []
        : ([
            [there.server, readChecks(there)],
            ['both ends together', compareEnds(here, there)],
          ] as const)),
    ];
    if (values.bundle !== undefined)
      await writeBundle(values.bundle, values, sections, far === undefined ? [near] : [near, far]);
    if (values.json)
      around.out(
        toJson(
          Object.fromEntries(sections.map(([name, checks]) => [name, checks.map((check) => ({ ...check }))])),
        ),
      );
    else tell(sections, around);
    if (values.bundle !== undefined && !values.json) around.out(`Written to ${values.bundle}\n`);
    return sections.every(([, checks]) => checks.every(({ verdict }) => verdict === 'ok')) ? 0 : 1;
  });
});

async function examine(server: Conversation): Promise<Report> {
  const before = Date.now();
  const { data: checks } = await server.ask('CHECK?', ANSWER_TIME);
  const asked = (before + Date.now()) / 2;
  const { data: status } = await server.ask('STATUS?', ANSWER_TIME);
  const { data: handlers } = await server.ask('HANDLERS?', ANSWER_TIME);
  return { server: server.server, asked, checks, status, handlers };
}

function tell(sections: readonly (readonly [string, readonly Check[]])[], around: CommandIo): void {
  for (const [name, checks] of sections) {
    around.out(`${name}\n`);
    around.out(
      pairs(
        checks.map(({ subject, verdict, text }) => [MARKS[verdict] ?? verdict, `${subject}  ${text}`]),
        '  ',
      ),
    );
  }
  const all = sections.flatMap(([, checks]) => checks);
  const bad = all.filter(({ verdict }) => verdict !== 'ok').length;
  around.out(bad === 0 ? `All ${all.length} are well.\n` : `${bad} of ${all.length} are not well.\n`);
}

/** One archive of all that can be asked. None of it holds a secret: no answer of a server does, and no log. */
async function writeBundle(
  file: string,
  { log }: DoctorValues,
  sections: readonly (readonly [string, readonly Check[]])[],
  servers: readonly Conversation[],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vnet-doctor-'));
  try {
    const put = (name: string, text: string) => writeFile(join(folder, name), text);
    await put(
      'checks.txt',
      sections
        .map(
          ([name, checks]) =>
            `${name}\n${checks.map(({ subject, verdict, text }) => `${verdict} ${subject} ${text}\n`).join('')}`,
        )
        .join('\n'),
    );
    for (const [i, server] of servers.entries()) {
      const side = i === 0 ? 'near' : 'far';
      const say = async (line: string) => linesOf((await server.ask(line, ANSWER_TIME)).data);
      for (const line of ['STATUS?', 'DEVICES?', 'HANDLERS?', 'DROPS?']) {
        await put(`${side}-${line.slice(0, -1).toLowerCase()}.txt`, await say(line));
      }
      const { data } = await server.ask('HANDLERS?', ANSWER_TIME);
      for (const {
        words: [id = ''],
      } of data)
        await put(`${side}-stats-${id}.txt`, await say(`STATS? ${id}`));
    }
    if (log !== undefined) await put('records.ndjson', newestRecords(log));
    // Written by us: tar takes a name with a colon for one on another machine.
    const { stdout } = await promisify(execFile)('tar', ['-cz', '-C', folder, '.'], {
      encoding: 'buffer',
      maxBuffer: MOST_ARCHIVE,
    });
    await writeFile(file, stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last lines of the log in that directory. @throws Failure when there is none */
function newestRecords(dir: string): string {
  const newest: string[] = [];
  for (const line of openLog(dir)) {
    newest.push(line);
    if (newest.length > 2 * MOST_RECORDS) newest.splice(0, MOST_RECORDS);
  }
  return newest
    .slice(-MOST_RECORDS)
    .map((line) => `${line}\n`)
    .join('');
}

function linesOf(data: readonly DataAnswer[]): string {
  return data
    .map(
      ({ word, words, fields }) =>
        `${[word, ...words, ...Object.entries(fields).map(([key, value]) => `${key}=${value}`)].join(' ')}\n`,
    )
    .join('');
}
