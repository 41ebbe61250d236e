/** `vnet conform`: the conformance suite against a server. */
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { readIdentity, readSecret, readSettings } from '../client/settings.ts';
import type { Case } from '../conform/case.ts';
import { outsideTarget } from '../conform/outside.ts';
import { walkCases } from '../conform/random-walks.ts';
import { json, tap } from '../conform/report.ts';
import { inOrder, runCases } from '../conform/runner.ts';
import { casesFor, offeredMethods } from '../conform/suite.ts';
import type { Credentials, Target } from '../conform/target.ts';
import { beyond } from '../conform/unreachable.ts';
import { CONFORM } from '../usage/tools.ts';

/** `vnet conform`. */
export const conform = command(CONFORM, async ({ values, positionals }, around) => {
  const [url = ''] = positionals;
  const settings = await readSettings({ ...values, server: url }, around);
  const secondLogin = await readSecond(
    values['second-identity'],
    values['second-password-file'],
    around.env.VNET_SECOND_PASSWORD,
  );
  const target = await outsideTarget({
    settings,
    ...(secondLogin === undefined ? {} : { secondLogin }),
    device: values.device,
    secondDevice: values['second-device'],
    patience: values.patience,
    ...(values.reach === undefined ? {} : { reach: values.reach }),
  });
  const methods = await methodsOf(target);
  const { seed, walks } = values;
  const all = [...casesFor(target, methods), ...(walks === 0 ? [] : walkCases(target, methods, walks))];
  const cases = inOrder(all.filter(({ id }) => values.only?.some((part) => id.includes(part)) ?? true));
  if (cases.length === 0)
    throw new UsageError(`no case has ${values.only?.join(' or ')} in its id; see --list`);
  if (values.list) return list(cases, values.json ?? false, around);
  return run(target, cases, { seed, report: values.json ? json : tap, bail: values.bail ?? false }, around);
});

/** Who else the suite may be. @throws UsageError when only a part of it is given */
async function readSecond(
  identity: string | undefined,
  file: string | undefined,
  variable: string | undefined,
): Promise<Credentials | undefined> {
  if (identity === undefined) {
    if (file === undefined) return undefined;
    throw new UsageError('--second-password-file goes with --second-identity: whose password is it?');
  }
  const name = readIdentity(identity, '--second-identity');
  const secret = await readSecret(file, variable, '--second-password-file', 'VNET_SECOND_PASSWORD');
  if (secret !== undefined) return { method: 'password', identity: name, secret };
  throw new UsageError(
    '--second-identity takes its password from --second-password-file F or VNET_SECOND_PASSWORD',
  );
}

async function methodsOf(target: Target): Promise<readonly string[]> {
  const methods = await offeredMethods(target).catch((error: Error) => {
    throw new Failure(
      3,
      error.message,
      'Is it a VNET server, and is URL the address that it printed behind READY?',
    );
  });
  if (methods.includes(target.login.method)) return methods;
  throw new Failure(1, `${target.url} does not take HELLO ${target.login.method} on this connection`);
}

function list(cases: readonly Case[], asJson: boolean, { out }: CommandIo): number {
  for (const { id, title, section } of cases) {
    out(asJson ? `${JSON.stringify({ id, title, section })}\n` : `${section.padEnd(4)} ${id}\n`);
  }
  return 0;
}

async function run(
  target: Target,
  cases: readonly Case[],
  { seed, report, bail }: { seed: number; report: typeof tap; bail: boolean },
  { out }: CommandIo,
): Promise<number> {
  const say = (lines: readonly string[]) => void out(lines.map((line) => `${line}\n`).join(''));
  let number = 0;
  say(report.begin(cases, target.url));
  const { outcomes, coverage } = await runCases(target, cases, {
    seed,
    told: (outcome) => {
      say(report.outcome(outcome, ++number));
      return !(bail && outcome.verdict === 'fail');
    },
    gaveUp: (text) => say(report.remark(text)),
  });
  say(report.end(outcomes, coverage.tallies(beyond(target))));
  return outcomes.every(({ verdict }) => verdict !== 'fail') ? 0 : 1;
}
