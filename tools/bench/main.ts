/** `npm run bench`. */
import { writeFileSync } from 'node:fs';
import { missingCommands } from '../lab/lab.ts';
import { ensurePrivileges } from '../lab/privilege.ts';
import { command } from '../vnet/cli/command.ts';
import type { CommandIo } from '../vnet/cli/command-io.ts';
import { Failure } from '../vnet/cli/failures.ts';
import { Progress } from '../vnet/cli/progress.ts';
import { bytes } from '../vnet/cli/units.ts';
import { idleCost, reportIdle } from './handlers.ts';
import { BENCH, type Options, readOptions } from './options.ts';
import { pairName } from './pairs.ts';
import { plot } from './plot.ts';
import { place, report, result, setting } from './report.ts';
import { measure, type Sample } from './round.ts';
import { Ticker } from './ticker.ts';
import { isWhole, type TransferResult, transfers } from './transfers.ts';
import { reportTransfers } from './transfers-report.ts';
import type { Variant } from './variants.ts';
import { compareLines } from './wan/run.ts';

async function run(options: Options, around: CommandIo): Promise<number> {
  const missing = missingCommands([
    ...['ip', 'ping', 'nc'],
    ...(options.transfer ? [] : ['iperf3']),
    ...(options.wan ? ['ss'] : []),
  ]);
  if (missing.length > 0) {
    throw new Failure(1, `not installed here: ${missing.join(', ')}`, '`npm run setup` installs them');
  }
  await ensurePrivileges();
  const progress = new Progress(around);
  const typed = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  try {
    if (options.transfer !== undefined)
      return await send(options.transfer, options.json, typed, progress, around);
    if (options.wan !== undefined) return await wan(options.wan, options, typed, progress, around);
    return options.handlers === undefined
      ? await compare(options, typed, progress, around)
      : await idle(options.handlers, options, progress, around);
  } finally {
    progress.end();
  }
}

async function idle(
  handlers: number,
  options: Options,
  progress: Progress,
  around: CommandIo,
): Promise<number> {
  const ticker = new Ticker(progress);
  const seconds = Math.max(options.seconds, 10);
  const cost = await idleCost(handlers, seconds, (what) => ticker.say(what)).catch((error: Error) => {
    throw new Failure(1, error.message);
  });
  ticker.stop();
  progress.end();
  around.out(reportIdle(cost));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(cost, null, 1)}\n`);
  return 0;
}

async function send(
  { bytes: size, pairs }: NonNullable<Options['transfer']>,
  json: string | undefined,
  typed: string,
  progress: Progress,
  around: CommandIo,
): Promise<number> {
  const at = place(typed);
  const ticker = new Ticker(progress);
  const results: TransferResult[] = [];
  for (const [index, pair] of pairs.entries()) {
    const head = `pair ${index + 1} of ${pairs.length}, ${pairName(pair)}`;
    const one = await transfers(pair, size, (what, arrived) => {
      ticker.say(`${head}: ${what} ${arrived > 0 ? `${bytes(arrived)} of ${bytes(size)}` : ''}`);
    });
    results.push(...one);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify({ place: at, results }, null, 1)}\n`);
  }
  ticker.stop();
  progress.end();
  around.out(reportTransfers(at, results));
  return results.every(isWhole) ? 0 : 1;
}

async function wan(
  chosen: NonNullable<Options['wan']>,
  { reps, seconds, pings, json, svg }: Options,
  typed: string,
  progress: Progress,
  around: CommandIo,
): Promise<number> {
  const ticker = new Ticker(progress);
  const ended = await compareLines({ ...chosen, reps, seconds, pings, json, svg }, typed, (what) =>
    ticker.say(what),
  );
  ticker.stop();
  progress.end();
  around.out(ended.text);
  return ended.whole ? 0 : 1;
}

async function compare(
  options: Options,
  typed: string,
  progress: Progress,
  around: CommandIo,
): Promise<number> {
  const { variants, reps, seconds, pings } = options;
  const where = setting(typed, { seconds, pings });
  const rounds = new Map<string, (Sample | undefined)[]>(variants.map(({ name }) => [name, []]));
  const failures = new Map<string, string[]>(variants.map(({ name }) => [name, []]));
  const ticker = new Ticker(progress);
  for (let round = 0; round < reps; round++) {
    // There and back, so that a drift of the machine hits the first and the last alike.
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      const head = `round ${round + 1} of ${reps}, ${variant.title}`;
      const sample = await once(variant, options, (what) => ticker.say(`${head}: ${what}`), failures);
      rounds.get(variant.name)?.push(sample);
    }
    write(options, result(where, variants, rounds, failures));
  }
  ticker.stop();
  progress.end();
  around.out(report(result(where, variants, rounds, failures)));
  return [...failures.values()].some((each) => each.length > 0) ? 1 : 0;
}

async function once(
  variant: Variant,
  lengths: Options,
  tell: (what: string) => void,
  failures: ReadonlyMap<string, string[]>,
): Promise<Sample | undefined> {
  try {
    return await measure(variant, lengths, tell);
  } catch (error) {
    failures.get(variant.name)?.push((error as Error).message.trim());
    return undefined;
  }
}

function write({ json, svg }: Options, so: ReturnType<typeof result>): void {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(so, null, 1)}\n`);
  if (svg !== undefined) writeFileSync(svg, plot(so));
}

const bench = command(BENCH, async ({ values }, around) => run(readOptions(values), around));
process.exitCode = await bench(process.argv.slice(2));
