import { command, commandGroup } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { UsageError } from '../cli/failures.ts';
import { Printer } from '../cli/printer.ts';
import { Progress } from '../cli/progress.ts';
import { grouped } from '../cli/units.ts';
import { exportActor } from '../log/export.ts';
import { planRepair, planText, repair } from '../log/repair.ts';
import { parseEdge } from '../log/selection.ts';
import { show } from '../log/show.ts';
import { verifiedText, verifyLog } from '../log/verify.ts';
import { openLog } from '../replay/source.ts';
import { LOG, LOG_EXPORT, LOG_REPAIR, LOG_SHOW, LOG_VERIFY } from '../usage/log.ts';

const showCommand = command(LOG_SHOW, ({ values, positionals: [dir = ''] }, around) => {
  const { actor, event, follow = false, json = false } = values;
  const since = parseEdge(values.since, '--since');
  const until = parseEdge(values.until, '--until');
  return show(dir, { actor, event, since, until, follow, json }, around);
});

const verifyCommand = command(LOG_VERIFY, async ({ positionals: [dir = ''] }, around) => {
  const verified = withProgress(around, (tell) => verifyLog(dir, 1, tell));
  around.out(verifiedText(dir, verified));
  return verified.damage === undefined ? 0 : 2;
});

const repairCommand = command(LOG_REPAIR, async ({ values, positionals: [dir = ''] }, around) => {
  const plan = withProgress(around, (tell) => planRepair(dir, tell));
  if (plan === undefined) {
    around.out('The log is whole, and every state agrees: there is nothing to repair.\n');
    return 0;
  }
  if (!values.yes) {
    around.out(planText(dir, plan));
    return 2;
  }
  const keep = values.keep ?? (plan.after === undefined ? 'before' : 'after');
  const aside = repair(dir, plan, keep, new Date());
  around.out(`Repaired. What was cut off lies in ${aside}.\n`);
  return 0;
});

const exportCommand = command(LOG_EXPORT, async ({ values, positionals: [dir = ''] }, around) => {
  if (values.actor === undefined) throw new UsageError('say whose records: --actor handler:3f…');
  const printer = new Printer(around);
  for (const line of exportActor(openLog(dir), values.actor)) {
    printer.print(`${line}\n`);
    if (printer.full) await printer.flush();
  }
  await printer.flush();
  return 0;
});

/** `vnet log …`. */
export const log = commandGroup(LOG, {
  show: showCommand,
  verify: verifyCommand,
  repair: repairCommand,
  export: exportCommand,
});

function withProgress<T>(around: CommandIo, work: (tell: (seq: number) => void) => T): T {
  const progress = new Progress(around);
  const result = work((seq) => progress.tell(() => `record ${grouped(seq)}`));
  progress.end();
  return result;
}
