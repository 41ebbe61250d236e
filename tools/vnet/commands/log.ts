import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { UsageError } from '../cli/failures.ts';
import { Printer } from '../cli/printer.ts';
import { Progress } from '../cli/progress.ts';
import { grouped } from '../cli/units.ts';
import { exportActor } from '../log/export.ts';
import { type Keep, planRepair, planText, repair } from '../log/repair.ts';
import { parseEdge } from '../log/selection.ts';
import { show } from '../log/show.ts';
import { verifiedText, verifyLog } from '../log/verify.ts';
import { openLog } from '../replay/source.ts';

const HELP = `Usage: vnet log show DIR [--follow] [--actor A] [--event E] [--since X] [--until X] [--json]
       vnet log verify DIR
       vnet log repair DIR [--keep before|after] [--yes]
       vnet log export DIR --actor A

The event log that \`vnet serve --log DIR\` writes. All but repair may be used while a server writes to it.

show     prints records: time, number, actor, its state before and after, what happened.
         --actor A    of this actor (handler:3f…) or of this kind (handler, session, device, server)
         --event E    with this event, e.g. rejected, wire-lost, HANDLE
         --since X    from record number X or time X on (UTC, e.g. 2026-01-31T12:00)
         --until X    up to record number X or time X
         --follow     and those that come, until ^C
         --json       as they stand in the log, one JSON object a line
verify   checks the form of every record and the chain of hashes, and plays nothing (\`vnet replay\` does).
repair   shows what could be kept of a damaged log, and does it only with --yes. What is cut off is moved
         aside, never deleted. A torn last line needs no repair: a server cuts it off when it starts.
export   prints one actor's records, with all that \`vnet replay FILE\` needs to play them elsewhere.

Exit status: 0 done and all well, 1 not possible, 2 the log is damaged or not there, or wrong usage.
`;

const ACTIONS = { show: showAction, verify: verifyAction, repair: repairAction, export: exportAction };

/** `vnet log …`. */
export const log = command('log', HELP, async ([action = '', ...args], around) => {
  if (!Object.hasOwn(ACTIONS, action)) {
    throw new UsageError(
      `it is followed by one of ${Object.keys(ACTIONS).join(', ')}, and the directory of a log`,
    );
  }
  return ACTIONS[action as keyof typeof ACTIONS](args, around);
});

function onlyDirectory(positionals: readonly string[]): string {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw new UsageError('it takes one directory, that of a log');
  return dir;
}

async function showAction(args: readonly string[], around: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      follow: { type: 'boolean', short: 'f' },
      actor: { type: 'string' },
      event: { type: 'string' },
      since: { type: 'string' },
      until: { type: 'string' },
      json: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  const { actor, event } = values;
  return show(
    onlyDirectory(positionals),
    {
      actor,
      event,
      since: parseEdge(values.since, '--since'),
      until: parseEdge(values.until, '--until'),
      follow: values.follow ?? false,
      json: values.json ?? false,
    },
    around,
  );
}

async function verifyAction(args: readonly string[], around: CommandIo): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
  const dir = onlyDirectory(positionals);
  const verified = withProgress(around, (tell) => verifyLog(dir, 1, tell));
  around.out(verifiedText(dir, verified));
  return verified.damage === undefined ? 0 : 2;
}

async function repairAction(args: readonly string[], around: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { keep: { type: 'string' }, yes: { type: 'boolean' } },
    allowPositionals: true,
  });
  const dir = onlyDirectory(positionals);
  const keep = readKeep(values.keep);
  const plan = withProgress(around, (tell) => planRepair(dir, tell));
  if (plan === undefined) {
    around.out('The log is whole, and every state agrees: there is nothing to repair.\n');
    return 0;
  }
  if (!values.yes) {
    around.out(planText(dir, plan));
    return 2;
  }
  const aside = repair(dir, plan, keep ?? (plan.after === undefined ? 'before' : 'after'), new Date());
  around.out(`Repaired. What was cut off lies in ${aside}.\n`);
  return 0;
}

function readKeep(text: string | undefined): Keep | undefined {
  if (text === undefined || text === 'before' || text === 'after') return text;
  throw new UsageError(`--keep ${text}: good are before and after (the damage)`);
}

async function exportAction(args: readonly string[], around: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { actor: { type: 'string' } },
    allowPositionals: true,
  });
  if (values.actor === undefined) throw new UsageError('say whose records: --actor handler:3f…');
  const printer = new Printer(around);
  for (const line of exportActor(openLog(onlyDirectory(positionals)), values.actor)) {
    printer.print(`${line}\n`);
    if (printer.full) await printer.flush();
  }
  await printer.flush();
  return 0;
}

function withProgress<T>(around: CommandIo, work: (tell: (seq: number) => void) => T): T {
  const progress = new Progress(around);
  const result = work((seq) => progress.tell(() => `record ${grouped(seq)}`));
  progress.end();
  return result;
}
