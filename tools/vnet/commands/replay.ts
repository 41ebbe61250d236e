import { parseRecord } from '../../../machines/log/parse.ts';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { UsageError } from '../cli/failures.ts';
import { Printer } from '../cli/printer.ts';
import { Progress } from '../cli/progress.ts';
import { grouped } from '../cli/units.ts';
import { mergeLogs } from '../replay/merge.ts';
import {
  type LogVerdict,
  type MergedSteps,
  openSource,
  type StepFilter,
  single,
} from '../replay/merged-steps.ts';
import { sessionKey } from '../replay/mermaid.ts';
import { type Format, makeOutput, tellTorn, verdictsText } from '../replay/output.ts';
import { parseUntil } from '../replay/source.ts';
import { stepThrough } from '../replay/step-session.ts';
import { verdictStatus } from '../replay/verdict.ts';
import { REPLAY } from '../usage/log.ts';

/** `vnet replay DIR`. */
export const replay = command(REPLAY, async ({ values, positionals }, around) => {
  const [first = '', second] = positionals;
  const places: Places = second === undefined ? [first] : [first, second];
  const format = values.format ?? 'text';
  if (values.step && (values.quiet || values.format !== undefined)) {
    throw new UsageError('--step goes with neither --format nor --quiet');
  }
  const until = readUntil(values.until, places);
  const options = {
    ...(values.actor === undefined ? {} : { actor: values.actor }),
    ...(until === undefined ? {} : { until }),
  };
  if (values.step) return step(places, options, around);
  return print(places, options, format, values.quiet === true, around);
});

/** Directories of logs. */
type Places = readonly [string] | readonly [string, string];

function readUntil(text: string | undefined, places: Places): number | string | undefined {
  const until = parseUntil(text);
  if (typeof until !== 'number' || places.length === 1) return until;
  throw new UsageError('--until with two logs takes a time: each has record numbers of its own');
}

interface Told {
  readonly steps: MergedSteps;
  readonly labels?: readonly [string, string];
  /** What is known of the two together. */
  readonly note?: string;
}

function tell(places: Places, options: StepFilter): Told {
  if (places.length === 1) return { steps: single(openSource(places[0]), options) };
  const { steps, labels, causality } = mergeLogs(places, options);
  const { handlers, links, offset } = causality;
  const clock =
    offset === 0
      ? ''
      : `; the clock of ${labels[1]} is ${Math.abs(offset).toFixed(0)} ms ${offset > 0 ? 'ahead' : 'behind'}`;
  const note =
    handlers.length === 0
      ? 'The two logs have no Handler in common: only their clocks say what came first.'
      : `Handlers in common: ${handlers.length}; records that had to come before one of the other log: ${links.length}${clock}.`;
  return { steps, labels, note };
}

async function print(
  places: Places,
  options: StepFilter,
  format: Format,
  quiet: boolean,
  around: CommandIo,
): Promise<number> {
  const { steps, labels, note } = tell(places, options);
  const output = makeOutput(format, quiet, {
    places,
    labels,
    peerSessions: () => peerSessions(places, labels),
  });
  const printer = new Printer(around);
  const progress = new Progress(around, around.columns === undefined || quiet || !output.tellsVerdict);
  let count = 0;
  let next = steps.next();
  for (; !next.done; next = steps.next()) {
    printer.print(output.step(next.value));
    if ((++count & 0xfff) !== 0 && !printer.full) continue;
    progress.tell(() => `${grouped(count)} transitions`);
    await printer.flush();
  }
  progress.end();
  for (const piece of output.end(next.value)) {
    printer.print(piece);
    if (printer.full) await printer.flush();
  }
  await printer.flush();
  if (!output.tellsVerdict) around.err(verdictsText(next.value));
  return conclude(next.value, note, around);
}

async function step(places: Places, options: StepFilter, around: CommandIo): Promise<number> {
  const verdicts = await stepThrough(() => tell(places, options).steps, around);
  if (verdicts === undefined) return 0;
  around.out(verdictsText(verdicts));
  return conclude(verdicts, undefined, around);
}

function conclude(verdicts: readonly LogVerdict[], note: string | undefined, around: CommandIo): number {
  if (note !== undefined) around.err(`${note}\n`);
  tellTorn(verdicts, around);
  return Math.max(...verdicts.map(({ verdict }) => verdictStatus(verdict)));
}

/** Sessions by which another server brought a BEGIN. */
function peerSessions(places: Places, labels: readonly [string, string] | undefined): Set<string> {
  const found = new Set<string>();
  for (const [index, place] of places.entries()) {
    for (const line of openSource(place).lines) {
      if (!line.includes('"BEGIN"')) continue;
      const record = parseRecord(line);
      if (typeof record === 'object' && record.event.type === 'BEGIN') {
        found.add(sessionKey(labels?.[index], record.actor));
      }
    }
  }
  return found;
}
