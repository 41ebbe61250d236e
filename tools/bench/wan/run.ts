/** `npm run bench -- --wan`. */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { Failure } from '../../vnet/cli/failures.ts';
import { setting } from '../report.ts';
import type { Lengths } from '../round.ts';
import { newLab, newServers, type Variant } from '../variants.ts';
import { type KernelCongestion, kernelCongestion } from './congestion.ts';
import type { BenchLine } from './lines.ts';
import { plotLines } from './plot.ts';
import { reportLines } from './report.ts';
import { type WanResult, type WanRounds, wanResult } from './result.ts';
import { INNER_CONGESTION, measureOver } from './round.ts';
import { tunnelsFor } from './tunnels.ts';

export interface WanOptions extends Lengths {
  readonly lines: readonly BenchLine[];
  /** Names of tunnels; what the servers can do, when undefined. */
  readonly tunnels: readonly string[] | undefined;
  readonly reps: number;
  readonly json: string | undefined;
  readonly svg: string | undefined;
}

/**
 * Measures each tunnel over each line. Files are written after each line, so that a run that is broken off leaves what it has.
 * @returns the report, and whether nothing failed @throws Failure when it cannot be measured here at all
 */
export async function compareLines(
  options: WanOptions,
  command: string,
  tell: (what: string) => void,
): Promise<{ text: string; whole: boolean }> {
  tell('asking a server what it can do');
  const { features, congestion } = await lookAround();
  if (!congestion.available.includes(INNER_CONGESTION)) {
    throw new Failure(1, `this kernel has no ${INNER_CONGESTION}, only ${congestion.available.join(', ')}`);
  }
  const tunnels = tunnelsFor(features, options.tunnels);
  const where = { ...setting(command, options), congestion, loadAverage: loadavg()[0] ?? 0 };
  const rounds = new Map<string, WanRounds>();
  const roundsOf = (line: BenchLine, tunnel: Variant): WanRounds => {
    const key = `${line.name} ${tunnel.name}`;
    const there = rounds.get(key) ?? { measured: [], failures: [] };
    rounds.set(key, there);
    return there;
  };
  const so = () => wanResult(where, options.lines, tunnels, roundsOf);
  for (let round = 0; round < options.reps; round++) {
    for (const line of options.lines) {
      // There and back, so that a drift of the machine hits the first and the last alike.
      for (const tunnel of round % 2 === 0 ? tunnels : tunnels.toReversed()) {
        const head = `round ${round + 1} of ${options.reps}, ${line.title}, ${tunnel.title}`;
        await once(line, tunnel, options, roundsOf(line, tunnel), (what) => tell(`${head}: ${what}`));
      }
      write(options, so());
    }
  }
  const whole = [...rounds.values()].every(({ failures }) => failures.length === 0);
  return { text: reportLines(so()), whole };
}

/** What a server and the kernel of a lab can do. */
async function lookAround(): Promise<{ features: string[]; congestion: KernelCongestion }> {
  const lab = await newLab();
  try {
    const [near] = await newServers(lab, 'tcp');
    return {
      features: await near.features(),
      congestion: await kernelCongestion(lab, near.options.ns),
    };
  } finally {
    lab.close();
  }
}

async function once(
  line: BenchLine,
  tunnel: Variant,
  lengths: Lengths,
  { measured, failures }: WanRounds,
  tell: (what: string) => void,
): Promise<void> {
  try {
    measured.push(await measureOver(line, tunnel, lengths, tell));
  } catch (error) {
    measured.push(undefined);
    failures.push((error as Error).message.trim());
  }
}

function write({ json, svg }: WanOptions, result: WanResult): void {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
  if (svg !== undefined) writeFileSync(svg, plotLines(result));
}
