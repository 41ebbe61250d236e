import { parseArgs } from 'node:util';
import type { Verdict } from '../../machines/log/replay.ts';
import { command } from '../cli/command.ts';
import { UsageError } from '../cli/failures.ts';
import { Printer } from '../cli/printer.ts';
import { Progress } from '../cli/progress.ts';
import type { Surroundings } from '../cli/surroundings.ts';
import { grouped } from '../cli/units.ts';
import { openLog, parseUntil, replayLog, tornNote } from '../replay/source.ts';
import { stepJson, stepText } from '../replay/text.ts';
import { verdictStatus, verdictText } from '../replay/verdict.ts';

const HELP = `Usage: vnet replay DIR [option…]

Plays the event log in DIR again, through the same machines and without any network, and checks that every
record leads to the state that it says. DIR is what \`vnet serve --log\` was given; a server may be writing
to it. Without options every transition is printed, and the verdict last.

  --actor A        print this actor's transitions only, e.g. handler:3f… (all are checked)
  --until X        stop behind record number X, or at the time X (UTC, e.g. 2026-01-31T12:00:00)
  --format F       text, json (a JSON object a line; the last one is the verdict)
  --quiet          the verdict only
  --help           this text

Exit status: 0 all agrees, 1 a record does not (the first one is shown), 2 the log is damaged or not there,
or wrong usage.
`;

const FORMATS = ['text', 'json'] as const;
type Format = (typeof FORMATS)[number];

/** `vnet replay DIR`. */
export const replay = command('replay', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      actor: { type: 'string' },
      until: { type: 'string' },
      format: { type: 'string' },
      quiet: { type: 'boolean', short: 'q' },
    },
    allowPositionals: true,
  });
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw new UsageError('it takes the directory of a log');
  const until = parseUntil(values.until);
  const options = {
    ...(values.actor === undefined ? {} : { actor: values.actor }),
    ...(until === undefined ? {} : { until }),
  };
  return replayLines(dir, options, readFormat(values.format), values.quiet === true, around);
});

function readFormat(text = 'text'): Format {
  const format = FORMATS.find((known) => known === text);
  if (format === undefined) throw new UsageError(`--format ${text}: good are ${FORMATS.join(', ')}`);
  return format;
}

async function replayLines(
  dir: string,
  options: { readonly actor?: string; readonly until?: number | string },
  format: Format,
  quiet: boolean,
  around: Surroundings,
): Promise<number> {
  const lines = openLog(dir);
  const printer = new Printer(around);
  const progress = new Progress(around, quiet || around.columns === undefined);
  const steps = replayLog(lines, options);
  let seq = 0;
  for (let step = steps.next(), count = 0; ; step = steps.next()) {
    if (step.done) {
      progress.end();
      printer.print(
        format === 'json' ? `${JSON.stringify({ verdict: step.value })}\n` : verdictText(step.value),
      );
      await printer.flush();
      around.err(tornNote(dir, lines));
      return verdictStatus(step.value satisfies Verdict);
    }
    seq = step.value.record.seq;
    if (!quiet) printer.print(format === 'json' ? stepJson(step.value) : stepText(step.value));
    if (printer.full || (++count & 0xfff) === 0) {
      progress.tell(() => `replaying ${dir}: record ${grouped(seq)}`);
      await printer.flush();
    }
  }
}
