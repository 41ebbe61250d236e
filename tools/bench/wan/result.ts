/** What all rounds over all lines come to: the file for programs. */
import type { LineConditions } from '../../../io/memory/line.ts';
import type { Setting } from '../report.ts';
import { type Summary, summarize } from '../summary.ts';
import type { Variant } from '../variants.ts';
import type { KernelCongestion } from './congestion.ts';
import type { BenchLine } from './lines.ts';
import type { WanMeasured, WanSample } from './round.ts';
import { BARE } from './tunnels.ts';

export interface WanSetting extends Setting {
  /** In the namespaces. */
  readonly congestion: KernelCongestion;
  /** Processes that ran or wanted to, over the minute before (proc_loadavg(5)). */
  readonly loadAverage: number;
}

/** What came of one tunnel over one line in each round so far. */
export interface WanRounds {
  readonly measured: (WanMeasured | undefined)[];
  readonly failures: string[];
}

export interface WanTunnelResult {
  readonly name: string;
  readonly title: string;
  readonly summary: Summary<WanSample>;
  /** Congestion control of each wire in the last good round. */
  readonly wires: readonly string[];
  readonly samples: readonly (WanSample | null)[];
  /** Why rounds of it failed. */
  readonly failures: readonly string[];
}

export interface WanLineResult {
  readonly name: string;
  readonly title: string;
  /** Each way. */
  readonly conditions: LineConditions | null;
  readonly tunnels: readonly WanTunnelResult[];
}

export interface WanResult {
  readonly setting: WanSetting;
  readonly lines: readonly WanLineResult[];
}

/** `roundsOf`: what was measured of a tunnel over a line. */
export function wanResult(
  setting: WanSetting,
  lines: readonly BenchLine[],
  tunnels: readonly Variant[],
  roundsOf: (line: BenchLine, tunnel: Variant) => WanRounds,
): WanResult {
  return {
    setting,
    lines: lines.map((line) => {
      const each = tunnels.map((tunnel) => ({ ...tunnel, ...roundsOf(line, tunnel) }));
      const samples = new Map(each.map(({ name, measured }) => [name, measured.map((one) => one?.sample)]));
      return {
        name: line.name,
        title: line.title,
        conditions: line.conditions ?? null,
        tunnels: each.map(({ name, title, measured, failures }) => ({
          name,
          title,
          summary: summarize<WanSample>(samples, name, BARE),
          wires: measured.findLast((one) => one !== undefined)?.wires ?? [],
          samples: measured.map((one) => one?.sample ?? null),
          failures,
        })),
      };
    }),
  };
}
