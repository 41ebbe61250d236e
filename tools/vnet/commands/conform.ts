/** `vnet conform`: the conformance suite against a server. */
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import type { CommandIo } from '../cli/command-io.ts';
import { Failure, UsageError } from '../cli/failures.ts';
import { CLIENT_OPTIONS, readSettings } from '../client/settings.ts';
import type { Case } from '../conform/case.ts';
import { outsideTarget } from '../conform/outside.ts';
import { walkCases } from '../conform/random-walks.ts';
import { json, tap } from '../conform/report.ts';
import { inOrder, runCases } from '../conform/runner.ts';
import { casesFor, offeredMethods } from '../conform/suite.ts';
import type { Target } from '../conform/target.ts';
import { beyond } from '../conform/unreachable.ts';

const HELP = `Usage: vnet conform URL [credentials] [options]

Holds a VNET server, ours or not, to the protocol of spec/PROTOCOL.md: as client, as initiator and as
responder. The cases come from the state machines: everything that can happen, in every state. Each
names the section that it checks. Prints TAP (testanything.org); exit status 0 when all pass.

What it needs of the server: the right to do everything, one identity, and a TAP interface that the
server may make and remove (root on the server's side). It makes Handlers and closes them again, says a
few wrong HELLOs (so that right ones from this address are slower for a minute), and is dialled by the
server: the server has to reach this machine. Nothing that other clients do is touched.

  --password-file F   the password, alone in a file that only you can read; or set VNET_PASSWORD
  --identity I        whose password it is (default: default)
  --cert F --key F    by a certificate, on tls://.  On unix:// nothing of all this is needed
  --ca F              believe a server whose certificate one of these CAs signed (or URL?pin=sha256:…)
  --authorized F      believe the servers that its lines "NAME sha256:… server=HOST" name
  --allow-plaintext   send a password over plain tcp:// to another machine all the same

  --device NAME         a device of the server (default tap:vnconf0)
  --second-device NAME  another one (default tap:vnconf1)
  --reach ADDRESS       this machine as the server reaches it (default: found out)
  --patience MS         how long an answer may take (default 5000)
  --only PATTERN        only cases whose id contains it; may stand several times
  --list                tell the cases and their sections, and run none
  --seed N              another choice of addresses and walks (default 1)
  --walks N             so many random walks through each machine besides (default 0)
  --bail                end at the first case that fails
  --json                one JSON object a line
  --help                this text

Exit status: 0 all passed, 1 some failed, 2 wrong usage, 3 the server cannot be reached.
`;

const OPTIONS = {
  ...CLIENT_OPTIONS,
  device: { type: 'string' },
  'second-device': { type: 'string' },
  reach: { type: 'string' },
  patience: { type: 'string' },
  only: { type: 'string', multiple: true },
  list: { type: 'boolean' },
  seed: { type: 'string' },
  walks: { type: 'string' },
  bail: { type: 'boolean' },
} as const;

/** `vnet conform`. */
export const conform = command('conform', HELP, async (args, around) => {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [url, ...more] = positionals;
  if (url === undefined || more.length > 0 || values.server !== undefined) {
    throw new UsageError('it takes one URL: tcp://HOST:PORT, tls://HOST:PORT[?pin=sha256:…] or unix:///PATH');
  }
  const settings = await readSettings({ ...values, server: url }, around);
  const target = await outsideTarget({
    settings,
    device: values.device ?? 'tap:vnconf0',
    secondDevice: values['second-device'] ?? 'tap:vnconf1',
    patience: count(values.patience, '--patience', 5_000),
    ...(values.reach === undefined ? {} : { reach: values.reach }),
  });
  const seed = count(values.seed, '--seed', 1);
  const methods = await methodsOf(target);
  const walks = count(values.walks, '--walks', 0);
  const all = [...casesFor(target, methods), ...(walks === 0 ? [] : walkCases(target, methods, walks))];
  const cases = inOrder(all.filter(({ id }) => values.only?.some((part) => id.includes(part)) ?? true));
  if (cases.length === 0)
    throw new UsageError(`no case has ${values.only?.join(' or ')} in its id; see --list`);
  if (values.list) return list(cases, values.json ?? false, around);
  return run(target, cases, { seed, report: values.json ? json : tap, bail: values.bail ?? false }, around);
});

function count(text: string | undefined, option: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option} takes a whole number, not "${text}"`);
  return Number(text);
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
  });
  say(report.end(outcomes, coverage.tallies(beyond(target))));
  return outcomes.every(({ verdict }) => verdict !== 'fail') ? 0 : 1;
}
